"""A frame: what two moments of a proxy say together. Rates are differences of counters.

Where another process counts than before, everything that it has counted is new.
This module must not know how a frame looks.
"""

from collections import Counter
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final

from proxy.policy.reasons import Family, Reason
from proxy.top.moment import Moment

HITS: Final = frozenset({"hit", "stale"})
BYPASS: Final = "bypass"
ERROR: Final = "error"
_SHORTEST: Final = 0.001
"""Seconds that can be told from none."""
_REASONS: Final = {reason.token: reason for reason in Reason}


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of a rule, or of all: a second each, and in all since the start.

    `hit_ratio` is that of what may be cached, since the moment before, None where nothing came;
    `hit_ratio_ever` since the start.
    """

    name: str
    rate: float
    total: int
    hit_ratio: float | None
    hit_ratio_ever: float | None
    misses: float
    errors: float


@dataclass(frozen=True, slots=True)
class Cause:
    """Why requests went on, or responses were not kept: a second, in all, and in a sentence."""

    reason: str
    rate: float
    total: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything that is shown. Rates are a second, `seconds` what they were taken over."""

    seconds: float
    restarted: bool
    all: Traffic
    rules: tuple[Traffic, ...]
    misses: tuple[Cause, ...]
    unstored: tuple[Cause, ...]
    bytes_rate: float
    collapsed_rate: float
    evictions_rate: float
    now: Moment


def frame(before: Moment | None, after: Moment) -> Frame:
    """Return what two moments say; without one before, rates are 0."""
    since = before or after
    restarted = _restarted(since, after)
    if restarted:
        since = _at_zero(since)
    seconds = after.taken - since.taken
    grown = after.requests - since.requests
    reasons, storing = after.reasons - since.reasons, after.storing - since.storing
    forwarded = _causes(reasons, after.reasons, {Family.FORWARD, Family.REFUSE}, seconds)
    return Frame(
        seconds=seconds,
        restarted=restarted,
        all=_traffic("all", grown, after.requests, seconds),
        rules=tuple(_rules(grown, after.requests, seconds)),
        misses=forwarded,
        unstored=_causes(storing, after.storing, {Family.DECLINE}, seconds),
        bytes_rate=_rate(after.body_bytes - since.body_bytes, seconds),
        collapsed_rate=_rate(after.collapsed - since.collapsed, seconds),
        evictions_rate=_rate(after.evictions - since.evictions, seconds),
        now=after,
    )


def _restarted(before: Moment, after: Moment) -> bool:
    """Tell whether another process counts now: it says so, or a counter went down."""
    return (
        before.started != after.started
        or not before.requests <= after.requests
        or not before.reasons <= after.reasons
        or not before.storing <= after.storing
        or before.body_bytes > after.body_bytes
        or before.evictions > after.evictions
    )


def _at_zero(moment: Moment) -> Moment:
    """Return a moment before anything was counted."""
    nothing: Counter[str] = Counter()
    return replace(
        moment,
        requests=Counter(),
        reasons=nothing,
        storing=nothing,
        body_bytes=0,
        collapsed=0,
        evictions=0,
    )


def _rate(count: int, seconds: float) -> float:
    """Return how often something happened a second; 0 where hardly any time has passed."""
    return count / seconds if seconds >= _SHORTEST else 0.0


def _rules(
    grown: Counter[tuple[str, str]], total: Counter[tuple[str, str]], seconds: float
) -> Iterator[Traffic]:
    """Yield the rules, the busiest first."""
    names = dict.fromkeys(rule for rule, _ in total)
    rules = [_traffic(name, _of(grown, name), _of(total, name), seconds) for name in names]
    yield from sorted(rules, key=lambda rule: (-rule.rate, -rule.total, rule.name))


def _of(counts: Counter[tuple[str, str]], rule: str) -> Counter[tuple[str, str]]:
    return Counter({key: count for key, count in counts.items() if key[0] == rule})


def _traffic(
    name: str,
    grown: Counter[tuple[str, str]],
    total: Counter[tuple[str, str]],
    seconds: float,
) -> Traffic:
    missed = grown.total() - _counted(grown, HITS | {BYPASS, ERROR})
    return Traffic(
        name=name,
        rate=_rate(grown.total(), seconds),
        total=total.total(),
        hit_ratio=_hit_ratio(grown),
        hit_ratio_ever=_hit_ratio(total),
        misses=_rate(missed, seconds),
        errors=_rate(_counted(grown, {ERROR}), seconds),
    )


def _counted(counts: Counter[tuple[str, str]], outcomes: AbstractSet[str]) -> int:
    return sum(count for (_, outcome), count in counts.items() if outcome in outcomes)


def _hit_ratio(counts: Counter[tuple[str, str]]) -> float | None:
    cacheable = counts.total() - _counted(counts, {BYPASS})
    return _counted(counts, HITS) / cacheable if cacheable > 0 else None


def _causes(
    grown: Counter[str], total: Counter[str], families: set[Family], seconds: float
) -> tuple[Cause, ...]:
    """Return the reasons of these families, the most frequent first."""
    found = [
        Cause(name, _rate(grown[name], seconds), count, _REASONS[name].meaning.sentence)
        for name, count in total.items()
        if count and name in _REASONS and _REASONS[name].meaning.family in families
    ]
    return tuple(sorted(found, key=lambda cause: (-cause.rate, -cause.total, cause.reason)))
