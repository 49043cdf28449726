"""The ruleset: all rules compiled, and which of them a request falls under.

The first rule that matches wins; the last one takes what no other took. This module must not know
where rules are written, nor what a key is made of.
"""

from collections.abc import Sequence
from hashlib import blake2b

from proxy.http.message import Request
from proxy.http.target import segments, undelimited
from proxy.policy.terms import Caching, Credentials, Terms, Timeouts, Watch
from proxy.rules import jsonpaths, templates
from proxy.rules.conditions import Condition, conditions_of
from proxy.rules.deciding import deciding
from proxy.rules.parts import OnSuccessModel
from proxy.rules.paths import Trie, parse
from proxy.rules.rule import KeySpec, Rule, Selection
from proxy.rules.schema import DEFAULT_TIMEOUTS, LIVE, RuleModel, terms_of
from proxy.rules.tags import BodyTag, OnSuccess, Tagging
from proxy.values import valueclass

__all__ = ["Match", "Rule", "Ruleset", "compile_rules"]


@valueclass(frozen=True, slots=True)
class Match:
    """The rule that a request falls under, and what its path pattern captured, decoded.

    `ambiguous`: two readers could take the path for different ones, so no rule was asked and the
    cache had better stay out of it.
    """

    rule: Rule
    captures: tuple[tuple[str, bytes], ...] = ()
    ambiguous: bool = False


class Ruleset:
    """Rules in order, ready to be asked. Immutable."""

    __slots__ = ("_conditions", "_otherwise", "_trie", "deciding", "rules", "selections")

    rules: tuple[Rule, ...]
    selections: tuple[Selection, ...]
    """The ways in which the rules select query parameters, each once."""
    deciding: frozenset[bytes]
    """Lower-case names of the request fields on which an answer from the store may depend."""

    def __init__(
        self, rules: tuple[Rule, ...], conditions: tuple[tuple[Condition, ...], ...], trie: Trie
    ) -> None:
        self.rules = rules
        self._conditions = conditions
        self._trie = trie
        self._otherwise = Match(rules[-1])
        self.deciding = deciding(rules, conditions)
        self.selections = tuple(dict.fromkeys((r.key.include, r.key.exclude) for r in rules))

    def match(self, request: Request) -> Match:
        """Return the first rule that the request meets, or else the last one."""
        path = segments(request.path)
        if path is None:
            return Match(self.rules[-1], ambiguous=True)
        found, otherwise_read = self._first(path, request), undelimited(path)
        if otherwise_read and self._first(otherwise_read, request).rule is not found.rule:
            return Match(self.rules[-1], ambiguous=True)  # /me;x is no way around a rule for /me
        return found

    def _first(self, path: tuple[bytes, ...], request: Request) -> Match:
        for number, captures in self._trie.candidates(path):
            if _all_hold(self._conditions[number], request):
                return Match(self.rules[number], captures)
        return self._otherwise


def compile_rules(
    models: Sequence[RuleModel],
    places: Sequence[str],
    timeouts: Timeouts = DEFAULT_TIMEOUTS,
    watch: Watch = LIVE,
) -> Ruleset:
    """Compile rules; the last, for everything else, is taken without a look at its `match`.

    `places` says of each rule where it is written; `timeouts` are those of the upstream and
    `watch` is how all rules are watched, for rules that set none.
    """
    patterns = [
        (number, parse(path)) for number, model in enumerate(models) for path in model.match.path
    ]
    return Ruleset(
        tuple(
            _rule(model, place, terms_of(model, timeouts, watch))
            for model, place in zip(models, places, strict=True)
        ),
        tuple(conditions_of(model.match) for model in models),
        Trie(patterns),
    )


def _all_hold(conditions: tuple[Condition, ...], request: Request) -> bool:
    for condition in conditions:  # noqa: SIM110 - all() would make a generator a request
        if not condition.holds(request):
            return False
    return True


def _rule(model: RuleModel, place: str, terms: Terms) -> Rule:
    key = _key_spec(model)
    forward = None if model.forward is None else frozenset(_encoded(model.forward))
    return Rule(
        name=model.name,
        terms=terms,
        tunnels=model.upgrade == "tunnel" or (model.upgrade is None and model.cache is Caching.OFF),
        key=key,
        forward=forward,
        place=place,
        sharing=_sharing(model, key, forward),
        tagging=_tagging(model),
        on_success=None if model.on_success is None else _on_success(model.on_success),
    )


def _sharing(model: RuleModel, key: KeySpec, forward: frozenset[bytes] | None) -> bytes:
    """Return a digest, the same in every process, of who shares answers with whom.

    And of what they are called: of what lacks a tag that its rule gives by now, a purge by that tag
    would not be true.
    """
    included = None if key.include is None else sorted(key.include)
    passed = None if forward is None else sorted(forward)
    selection = (included, key.exclude, key.headers, key.cookies, passed)
    naming = (model.tags, sorted(model.tags_from_body.items()), sorted(model.tag_fields))
    told = repr((model.credentials.value, model.set_cookie.value, *selection, naming)).encode()
    return blake2b(told, digest_size=8).hexdigest().encode()


def _tagging(model: RuleModel) -> Tagging:
    return Tagging(
        templates=tuple(map(templates.parse, model.tags)),
        from_body=tuple(
            BodyTag(jsonpaths.parse(path), templates.parse_for_value(text))
            for path, text in model.tags_from_body.items()
        ),
        fields=tuple(dict.fromkeys(_encoded(model.tag_fields))),
        send_fields=model.send_tag_fields,
    )


def _on_success(model: OnSuccessModel) -> OnSuccess:
    return OnSuccess(tuple(map(templates.parse, model.purge)), model.mode)


def _key_spec(model: RuleModel) -> KeySpec:
    query, cookies = model.key.query, model.key.cookies
    return KeySpec(
        include=None if query.include is None else frozenset(_encoded(query.include)),
        exclude=_encoded(query.exclude or ()),
        headers=tuple(sorted(set(_encoded(model.key.headers)))),
        cookies=None if cookies is None else tuple(dict.fromkeys(_encoded(cookies))),
        credentials=model.credentials is Credentials.KEY,
    )


def _encoded(names: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(name.encode() for name in names)
