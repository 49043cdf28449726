"""Checks: where rules that exist and the operations of a document disagree.

Patterns are held against patterns, so that no example has to be lucky. This module must not know
where either comes from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from proxy.openapi.operations import READING, Operation
from proxy.openapi.security import Credential, Via
from proxy.openapi.shapes import Steps, covers, meet
from proxy.policy.terms import Caching, Credentials
from proxy.rules import paths
from proxy.rules.rule import Rule
from proxy.rules.schema import RuleModel


class Kind(Enum):
    """What can be found."""

    UNUSED_RULE = "unused-rule"
    """A rule that is for no operation."""
    UNRULED = "unruled-operation"
    """An operation that reads, or changes what is kept by a tag, and has no rule."""
    CREDENTIALS = "credentials"
    """A rule that may keep an answer for one caller and give it to another."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement, told in a sentence; `where` is the rule's place, if it is about one."""

    kind: Kind
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Ruled:
    """A rule as it is written and as it is compiled, and the patterns one of which a path meets."""

    model: RuleModel
    rule: Rule
    patterns: tuple[Steps, ...]

    @classmethod
    def of(cls, model: RuleModel, rule: Rule) -> "Ruled":
        """Return the rule that a model was compiled to, with both."""
        return cls(model, rule, tuple(paths.parse(path).steps for path in model.match.path))

    @property
    def unconditional(self) -> bool:
        """Whether path and method decide alone."""
        match = self.model.match
        return not (match.host or match.headers or match.query)

    def takes(self, method: str) -> bool:
        """Tell whether the rule is for a method, GET and HEAD being as good as one another."""
        methods = self.model.match.methods
        wanted = READING if method in READING else {method}
        return methods is None or not wanted.isdisjoint(methods)

    @property
    def where(self) -> str:
        """Its place and name."""
        return f"{self.rule.place}: {self.rule.name}"


def findings(rules: tuple[Ruled, ...], operations: Sequence[Operation]) -> Iterator[Finding]:
    """Yield what rules and operations disagree about; the last rule is the one built in."""
    own = rules[:-1]
    for ruled in own:
        if not any(_meets(ruled, operation) for operation in operations):
            text = "is for no operation of the document"
            yield Finding(Kind.UNUSED_RULE, ruled.where, text)
    for operation in operations:
        applying = tuple(_applying(rules, operation, operations))
        if operation.method in READING:
            if applying == rules[-1:]:
                yield Finding(Kind.UNRULED, "", f"{operation} has no rule but the built-in one")
            yield from _leaks(applying, operation)
        elif applying == rules[-1:] and (kept := _kept(own, operation)):
            text = f"{operation} has no rule, and so purges none of the tags that {kept} gives"
            yield Finding(Kind.UNRULED, "", text)


def _meets(ruled: Ruled, operation: Operation) -> bool:
    return ruled.takes(operation.method) and any(
        meet(pattern, operation.shape.steps) for pattern in ruled.patterns
    )


def _applying(
    rules: Sequence[Ruled], operation: Operation, operations: Sequence[Operation]
) -> Iterator[Ruled]:
    """Yield the rules that some request for an operation may fall under, in their order."""
    steps = operation.shape.steps
    before = list(_nearer(operation, operations))
    for ruled in rules:
        if not ruled.takes(operation.method):
            continue
        for pattern in ruled.patterns:
            met = meet(pattern, steps)
            if met and not any(covers(other, met) for other in before):
                yield ruled
                break
        if ruled.unconditional:
            before += ruled.patterns
        if any(covers(other, steps) for other in before):
            return


def _nearer(operation: Operation, operations: Sequence[Operation]) -> Iterator[Steps]:
    """Yield the patterns of more particular operations, to which requests go first."""
    steps = operation.shape.steps
    for other in operations:
        nearer = other.shape.exact and other.method == operation.method
        if nearer and other.shape.steps != steps and covers(steps, other.shape.steps):
            yield other.shape.steps


def _leaks(applying: Sequence[Ruled], operation: Operation) -> Iterator[Finding]:
    credentials = (*operation.security.credentials, *_secret(operation))
    for ruled in applying:
        for credential in credentials:
            if why := _unguarded(ruled.rule, credential):
                yield Finding(Kind.CREDENTIALS, ruled.where, f"keeps {operation}, which {why}")
                break


def _secret(operation: Operation) -> Iterator[Credential]:
    """Yield a parameter that tells one caller from another as the credential that it is."""
    asked = operation.asked
    if asked.secret in asked.cookies:
        yield Credential(Via.COOKIE, asked.secret or "")
    elif asked.secret == "authorization":  # noqa: S105 - a field's name
        yield Credential(Via.AUTHORIZATION)
    elif asked.secret in asked.headers:
        yield Credential(Via.HEADER, asked.secret or "")


def _unguarded(rule: Rule, credential: Credential) -> str | None:
    """Return what is wrong with keeping answers to such credentials, None where nothing is.

    A query parameter is in the key, or does not reach the upstream.
    """
    terms, key = rule.terms, rule.key
    if terms.cache is Caching.OFF:
        return None
    name = credential.name.encode()
    match credential.via:
        case Via.AUTHORIZATION:
            guarded = terms.credentials is not Credentials.SHARE
            remedy = "write `credentials: refuse` or `key`, or `cache: off`"
        case Via.COOKIE:
            guarded = terms.credentials is not Credentials.SHARE or key.cookies is not None
            remedy = (
                f"write `credentials: refuse`, or name it: `key: {{cookies: [{credential.name}]}}`"
            )
        case Via.HEADER:
            dropped = rule.forward is not None and name not in rule.forward
            guarded = name in key.headers or dropped
            remedy = f"write `cache: off`, or `key: {{headers: [{credential.name}]}}`"
        case Via.QUERY:
            guarded, remedy = True, ""
        case Via.CONNECTION:
            guarded, remedy = False, "the cache does not see that: write `cache: off`"
    return None if guarded else f"takes {credential}; {remedy}"


def _kept(own: Sequence[Ruled], operation: Operation) -> str | None:
    """Return the name of a rule that keeps, by a tag, what is read where this operation writes."""
    for ruled in own:
        tagged = ruled.rule.terms.cache is not Caching.OFF and ruled.model.tags
        read = tagged and ruled.takes("GET")
        if read and any(covers(pattern, operation.shape.steps) for pattern in ruled.patterns):
            return ruled.rule.name
    return None
