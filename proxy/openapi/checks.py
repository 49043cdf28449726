"""Checks: where rules that exist and the operations of a document disagree.

Patterns are held against patterns, so that no example has to be lucky. This module must not know
where either comes from.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from proxy.openapi.operations import READING, Operation
from proxy.openapi.security import Credential, Via
from proxy.openapi.shapes import Steps, covers, meet
from proxy.policy.terms import Caching, Credentials
from proxy.rules.paths import Pattern, Trie, parse
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
        return cls(model, rule, tuple(parse(path).steps for path in model.match.path))

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


class _Overlaps:
    """Finds the rules and the operations that share paths with a pattern, not asking all."""

    def __init__(self, rules: Sequence[Ruled], operations: Sequence[Operation]) -> None:
        self._patterns = [(rank, steps) for rank, it in enumerate(rules) for steps in it.patterns]
        self._rules = rules
        self._operations = operations
        self._of_rules = _trie(steps for _, steps in self._patterns)
        self._of_operations = _trie(operation.shape.steps for operation in operations)

    def rules(self, steps: Steps) -> dict[int, list[Steps]]:
        """Return rules by their place, in order, with those of their patterns that share a path."""
        found: dict[int, list[Steps]] = {}
        for number in sorted(self._of_rules.overlapping(steps)):
            rank, pattern = self._patterns[number]
            found.setdefault(rank, []).append(pattern)
        return found

    def operations(self, steps: Steps) -> Iterator[Operation]:
        """Yield operations, in no order."""
        return (self._operations[number] for number in self._of_operations.overlapping(steps))

    def applying(self, operation: Operation) -> Iterator[Ruled]:
        """Yield the rules that some request for an operation may fall under, in their order."""
        steps = operation.shape.steps
        for rank, patterns in self.rules(steps).items():
            ruled = self._rules[rank]
            if not ruled.takes(operation.method):
                continue
            shared = (met for pattern in patterns if (met := meet(pattern, steps)))
            if any(not self._is_taken(met, operation, rank) for met in shared):
                yield ruled
            if ruled.unconditional and any(covers(pattern, steps) for pattern in patterns):
                return

    def _is_taken(self, met: Steps, operation: Operation, before: int) -> bool:
        """Tell whether what an operation and a rule share goes elsewhere first.

        To a more particular operation, or under an earlier rule.
        """
        return any(
            covers(other.shape.steps, met) and _is_nearer(other, operation)
            for other in self.operations(met)
        ) or any(
            rank < before
            and self._rules[rank].unconditional
            and self._rules[rank].takes(operation.method)
            and any(covers(pattern, met) for pattern in patterns)
            for rank, patterns in self.rules(met).items()
        )

    def keeping(self, operation: Operation) -> str | None:
        """Return the name of a rule that keeps, by a tag, what is read where this one writes."""
        steps = operation.shape.steps
        for rank, patterns in self.rules(steps).items():
            ruled = self._rules[rank]
            tagged = ruled.rule.terms.cache is not Caching.OFF and ruled.model.tags
            read = tagged and ruled.takes("GET")
            if read and any(covers(pattern, steps) for pattern in patterns):
                return ruled.rule.name
        return None


def _is_nearer(other: Operation, operation: Operation) -> bool:
    """Tell whether requests go to another operation first, as a more particular one."""
    one, steps = other.shape, operation.shape.steps
    alike = one.exact and other.method == operation.method
    return alike and one.steps != steps and covers(steps, one.steps)


def _trie(patterns: Iterable[Steps]) -> Trie:
    return Trie([(number, Pattern(steps, ())) for number, steps in enumerate(patterns)])


def findings(rules: tuple[Ruled, ...], operations: Sequence[Operation]) -> Iterator[Finding]:
    """Yield what rules and operations disagree about; the last rule is the one built in."""
    own, overlaps = rules[:-1], _Overlaps(rules, operations)
    for ruled in own:
        if not _is_used(ruled, overlaps):
            text = "is for no operation of the document"
            yield Finding(Kind.UNUSED_RULE, ruled.where, text)
    for operation in operations:
        applying = tuple(overlaps.applying(operation))
        if operation.method in READING:
            if applying == rules[-1:]:
                yield Finding(Kind.UNRULED, "", f"{operation} has no rule but the built-in one")
            yield from _leaks(applying, operation)
        elif applying == rules[-1:] and (kept := overlaps.keeping(operation)):
            text = f"{operation} has no rule, and so purges none of the tags that {kept} gives"
            yield Finding(Kind.UNRULED, "", text)


def _is_used(ruled: Ruled, overlaps: _Overlaps) -> bool:
    return any(
        ruled.takes(operation.method)
        for pattern in ruled.patterns
        for operation in overlaps.operations(pattern)
    )


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
