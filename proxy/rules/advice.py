"""Advice: what to change in a rule, judged by what was counted of it.

Pure functions from a rule and whole numbers to a sentence and the YAML that follows from it. This
module must not know who counts, or how advice is shown.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.terms import Mode
from proxy.rules import lifetimes
from proxy.rules.comparison import OTHERS
from proxy.rules.rule import BUILT_IN, Rule
from proxy.rules.units import duration_text, size_text

ENOUGH: Final = 20
"""Answers fetched anew from which a lifetime is judged."""

MOSTLY: Final = 0.9
"""The share of them that has to say the same."""

OFTEN: Final = 0.5
"""The share of a rule's requests from which targets that are new say more than that they are."""

_EVERYTHING: Final = "- name: everything\n  match: {path: /**}\n"
_LITERAL: Final = re.compile(r"/[A-Za-z0-9._~/-]*")
_LONGEST_NAME: Final = 64


@dataclass(frozen=True, slots=True)
class Advice:
    """A sentence, and the rule as YAML with what to change in it; None where no rule can."""

    text: str
    change: str | None = None


def lifetime(rule: Rule, same: int, changed: int, expired: Stored | None) -> Advice | None:
    """Judge a rule's lifetime by what was fetched once it was over: the same body or another.

    `expired` is the latest of what that was fetched for.
    """
    total = same + changed
    if expired is None or total < ENOUGH:
        return None
    if same >= MOSTLY * total:
        text = f"{same} of {total} answers that had expired were fetched unchanged: they may live"
        return Advice(f"{text} longer.{_said(expired)}", _longer(rule, expired))
    lines = lifetimes.shorter(rule.terms, expired)
    if lines and changed >= MOSTLY * total:
        text = f"{changed} of {total} answers that had expired had changed by then: let them live"
        return Advice(f"{text} less long, or purge them when they change.", _change(rule, *lines))
    return None


def miss(rule: Rule, reason: Reason, expired: Stored | None = None) -> Advice | None:
    """Return what would turn misses for a reason into hits; None where nobody has to act.

    `expired` is what was stored and had to be validated, if that is why.
    """
    if reason is Reason.STALE:
        return _expired(rule, expired)
    told = MISSES.get(reason)
    return None if told is None else told(rule)


def is_telling(reason: Reason, count: int, requests: int) -> bool:
    """Tell whether so many misses say anything: the first request of each target is one."""
    return reason is not Reason.URI_MISS or (count >= ENOUGH and count >= OFTEN * requests)


def for_path(advice: Advice, path: str) -> Advice:
    """Return advice on one request: a rule in the built-in one's place is for its path alone."""
    if advice.change is None or not _LITERAL.fullmatch(path):
        return advice
    name = "-".join(re.findall(r"[a-z0-9]+", path.lower()))[:_LONGEST_NAME] or "root"
    head = f'- name: {name}\n  match: {{path: "{path}"}}\n'
    return replace(advice, change=advice.change.replace(_EVERYTHING, head))


def mismatch(rule: Rule, names: tuple[str, ...]) -> Advice:
    """Return what keeps apart answers that differ by these parts of a request."""
    told = ", ".join(names)
    text = f"Answers under one key differ by {told}: give the key what they depend on."
    return Advice(text, _change(rule, *_keyed(rule, names)))


def ready(rule: Rule, agreed: int, differed: int) -> Advice | None:
    """Return that a rule in shadow mode may go live, where none of its answers was another's."""
    total = agreed + differed
    if rule.terms.watch.mode is Mode.LIVE or total < ENOUGH:
        return None
    text = f"{agreed} of {total} stored answers were the upstream's own, and none was another's"
    return Advice(f"{text}: let the rule answer.", _change(rule, "mode: live"))


def culprits(mismatches: Mapping[tuple[str, ...], int]) -> tuple[str, ...]:
    """Return the names that differed each time, or where none did, that differed most often."""
    counts: dict[str, int] = {}
    for names, count in mismatches.items():
        for name in {*names} - {OTHERS}:
            counts[name] = counts.get(name, 0) + count
    most = max(counts.values(), default=0)
    return tuple(sorted(name for name, count in counts.items() if count == most))


def _longer(rule: Rule, expired: Stored) -> str:
    return _change(rule, *lifetimes.longer(rule.terms, expired))


def _said(expired: Stored) -> str:
    """Return whose word it is how long answers live, where it is not the rule's."""
    source = expired.lifetime.source
    if expired.directives.no_cache:
        return " The upstream says no-cache: only a lifetime of the rule's own outweighs that."
    if source in lifetimes.UPSTREAMS:
        return f" The upstream's {source.value} decides: have it send more, or raise it here."
    return ""


def _no_lifetime(rule: Rule) -> Advice:
    text = "Neither the upstream nor the rule says how long answers live: say it."
    return Advice(text, _change(rule, "ttl: 1m"))


def _status(rule: Rule) -> Advice:
    text = "Errors are kept where the rule lists their status, as it could with 404."
    return Advice(text, _change(rule, lifetimes.by_status(rule.terms, 404, 10.0)))


def _validated(rule: Rule) -> Advice:
    text = "The upstream says no-cache: only a lifetime of the rule's own spares it the question."
    ttl = duration_text(rule.terms.ttl or 10.0)
    return Advice(text, _change(rule, "cache: override", f"ttl: {ttl}"))


def _expired(rule: Rule, expired: Stored | None) -> Advice:
    if rule.terms.stale_while_revalidate is None and (expired is None or _yields(expired)):
        text = "Requests wait for answers to be fetched anew: let them have the old one meanwhile."
        return Advice(text, _change(rule, "stale_while_revalidate: 30s"))
    text = "Answers expire before they are asked for again."
    if expired is None:
        return Advice(text)
    return Advice(f"{text}{_said(expired)}", _longer(rule, expired))


def _yields(expired: Stored) -> bool:
    """Tell whether a rule may let an answer be served stale: the upstream's own word comes first.

    5861 §3, 9111 §4.2.4.
    """
    return expired.may_be_stale and expired.directives.stale_while_revalidate is None


def _personal(rule: Rule) -> Advice:
    text = "Requests carry credentials: let each caller have answers of their own."
    return Advice(text, _change(rule, "credentials: key"))


def _cookie_set(rule: Rule) -> Advice:
    text = "Answers set cookies: where those mean nothing, keep the answers without them."
    return Advice(text, _change(rule, "set_cookie: strip"))


def _too_large(rule: Rule) -> Advice:
    text = "Bodies are larger than the rule keeps."
    return Advice(text, _change(rule, f"max_body: {size_text(rule.terms.max_body * 2)}"))


def _crowded(rule: Rule) -> Advice:
    text = "None of the variants that are kept fits: the upstream varies by a field of many values."
    return Advice(text, _change(rule, f"max_variants: {rule.terms.max_variants * 2}"))


def _ranged(rule: Rule) -> Advice:
    text = "Ranges of what is not stored are asked for: fetch the whole once."
    return Advice(text, _change(rule, "range_on_miss: whole"))


def _new_keys(rule: Rule) -> Advice | None:
    if rule.key.include is not None or rule.key.exclude:
        return None
    text = "Targets are asked for that nobody asked for before: leave out what makes no difference."
    return Advice(text, _change(rule, 'key: {query: {exclude: ["utm_*", fbclid, gclid]}}'))


def _quarantined(rule: Rule) -> Advice:
    text = "The rule is in quarantine: give its key what the answers depend on, then reload."
    return Advice(text, _change(rule, "credentials: key"))


def _upstreams_own(rule: Rule) -> Advice:
    del rule
    return Advice("The upstream forbids it, and no rule changes that: only the upstream can.")


MISSES: Final[Mapping[Reason, Callable[[Rule], Advice | None]]] = {
    Reason.NO_LIFETIME: _no_lifetime,
    Reason.STATUS: _status,
    Reason.NO_VALIDATOR: _validated,
    Reason.NO_CACHE: _validated,
    Reason.CREDENTIALS: _personal,
    Reason.NOT_SHAREABLE: _personal,
    Reason.SET_COOKIE: _cookie_set,
    Reason.TOO_LARGE: _too_large,
    Reason.VARY_MISS: _crowded,
    Reason.PARTIAL: _ranged,
    Reason.RANGE: _ranged,
    Reason.URI_MISS: _new_keys,
    Reason.QUARANTINED: _quarantined,
    Reason.PRIVATE: _upstreams_own,
    Reason.NO_STORE: _upstreams_own,
    Reason.VARY_STAR: _upstreams_own,
    Reason.FRAMING: _upstreams_own,
}
"""Why requests were not answered from the cache → what to change."""


def _change(rule: Rule, *lines: str) -> str:
    """Return a rule with what to change; in the place of a built-in one, a last one of its own."""
    head = _EVERYTHING if rule.place == BUILT_IN else f"- name: {rule.name}\n"
    return head + "".join(f"  {line}\n" for line in lines)


def _keyed(rule: Rule, names: tuple[str, ...]) -> list[str]:
    """Return the lines that bring parts of a request, as `comparison` names them, into the key."""
    found: dict[str, list[str]] = {"query": [], "cookie": [], "": []}
    for name in names:
        kind, space, rest = name.partition(" ")
        found[kind if space else ""].append(rest or kind)
    fields = {*found[""]} - {"authorization"}
    cookies = [] if rule.key.cookies is None else found["cookie"]
    lines = []
    if "authorization" in found[""] or (found["cookie"] and rule.key.cookies is None):
        lines.append("credentials: key")
    if found["query"] or fields or cookies:
        lines.append(f"key: {{{', '.join(_key(rule, found['query'], fields, cookies))}}}")
    return lines


def _key(
    rule: Rule, query: Iterable[str], fields: Iterable[str], cookies: Iterable[str]
) -> Iterator[str]:
    """Yield the parts of a rule's key with more in it; what is there already stays."""
    key = rule.key
    if key.include is not None:
        yield f"query: {{include: {_listed({*_texts(key.include), *query})}}}"
    elif key.exclude:
        yield f"query: {{exclude: {_listed({*_texts(key.exclude)} - {*query})}}}"
    if key.headers or fields:
        yield f"headers: {_listed({*_texts(key.headers), *fields})}"
    if key.cookies is not None:
        yield f"cookies: {_listed({*_texts(key.cookies), *cookies})}"


def _texts(names: Iterable[bytes]) -> Iterator[str]:
    return map(bytes.decode, names)


def _listed(names: Iterable[str]) -> str:
    return json.dumps(sorted(names), ensure_ascii=False)
