"""Lifetimes: the lines of a rule that change how long its answers live, and do have that effect.

Whose word a lifetime is decides which key counts (9111 §4.2.1): a rule's `ttl` where the upstream
gives none, a bound where it does. This module must not know why a lifetime is to be another.
"""

from typing import Final

from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.terms import SUCCESSFUL, Terms
from proxy.rules.units import LONGEST, duration_text

UPSTREAMS: Final = frozenset({Reason.S_MAXAGE, Reason.MAX_AGE, Reason.EXPIRES})
"""Sources of a lifetime that the upstream gave, over which `ttl` has no power."""

_SHORT: Final = 10.0
"""Seconds below which fractions of one count."""


def longer(terms: Terms, expired: Stored) -> tuple[str, ...]:
    """Return the lines that let answers like an expired one live twice as long, or a minute."""
    seconds = min(_neat(2 * _seconds(terms, expired)) or 60.0, LONGEST)
    if expired.directives.no_cache:
        lines = ["cache: override", _own(terms, expired.status, seconds)]
    elif expired.lifetime.source in UPSTREAMS:
        lines = [f"min_ttl: {duration_text(seconds)}"]
    else:
        lines = [_own(terms, expired.status, seconds)]
    if terms.max_ttl is not None and terms.max_ttl < seconds:
        lines.append(f"max_ttl: {duration_text(seconds)}")
    return tuple(lines)


def shorter(terms: Terms, expired: Stored) -> tuple[str, ...]:
    """Return the lines that let answers like an expired one live half as long.

    None where they are validated each time as it is.
    """
    seconds = _neat(_seconds(terms, expired) / 2)
    if expired.directives.no_cache or not seconds:
        return ()
    by_rule = expired.lifetime.source is Reason.RULE_TTL
    own = _own(terms, expired.status, seconds)
    lines = [own if by_rule else f"max_ttl: {duration_text(seconds)}"]
    if terms.min_ttl > seconds:
        lines.append(f"min_ttl: {duration_text(seconds)}")
    return tuple(lines)


def by_status(terms: Terms, status: int, seconds: float) -> str:
    """Return the line that gives a status a lifetime; those of the others stay."""
    listed = dict(terms.ttl_by_status) | {status: seconds}
    pairs = ", ".join(f"{each}: {duration_text(ttl)}" for each, ttl in listed.items())
    return f"ttl_by_status: {{{pairs}}}"


def _seconds(terms: Terms, expired: Stored) -> float:
    """Return how long answers like an expired one live, whatever jitter took off that one."""
    own = terms.own_ttl(expired.status)
    if expired.lifetime.source is not Reason.RULE_TTL or own is None:
        return expired.lifetime.seconds
    raised = max(own, terms.min_ttl)
    return raised if terms.max_ttl is None else min(raised, terms.max_ttl)


def _own(terms: Terms, status: int, seconds: float) -> str:
    """Return the line by which a rule itself gives a status a lifetime; see `Terms.own_ttl`."""
    if status in SUCCESSFUL and status not in dict(terms.ttl_by_status):
        return f"ttl: {duration_text(seconds)}"
    return by_status(terms, status, seconds)


def _neat(seconds: float) -> float:
    return float(round(seconds)) if seconds >= _SHORT else seconds
