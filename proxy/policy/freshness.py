"""Freshness: how long a response may be reused and how old it was on arrival (9111 §4.2).

This module must not know whether a response may be stored, or for whom.
"""

from math import log
from typing import Final

from proxy.http import dates
from proxy.http.cache_control import Directives, delta_seconds, parse_response, parse_targeted
from proxy.http.message import Fields, Head
from proxy.policy.reasons import Reason
from proxy.policy.stored import Lifetime, Stored
from proxy.policy.terms import Caching, Terms

HEURISTICALLY_CACHEABLE: Final = frozenset({200, 203, 204, 206, 300, 301, 308})
"""Statuses that may get a lifetime nobody gave them (9110 §15.1).

Of those that 9110 names, 404, 405, 410, 414 and 501 are left out: an error that one caller can
provoke, by a method or a field that no key holds, would be everybody's for as long as a guess
says (cache-poisoned denial of service). An upstream or a rule can still give them a lifetime.
"""


WORTH_ASKING: Final = 3_600.0
"""Seconds past its lifetime for which a response with a validator is kept to be validated."""


_RARE: Final = 0.001
"""The chance of an early refresh below which a request need not be asked about one."""


def governing(fields: Fields, targets: tuple[bytes, ...]) -> tuple[Directives, bool]:
    """Return the directives that count, and whether a targeted field gave them (9213 §2.2)."""
    for name in targets:
        if name in fields:
            directives = parse_targeted(fields.all(name))
            if directives is not None:
                return directives, True
    return parse_response(fields.all(b"cache-control")), False


def date_of(fields: Fields, response_time: float) -> int:
    """Return Date in seconds; the time of arrival where it is missing or odd (9110 §6.6.1)."""
    value = fields.first(b"date")
    parsed = None if value is None else dates.parse(value)
    return int(response_time) if parsed is None else parsed


def age_on_arrival(fields: Fields, date: int, request_time: float, response_time: float) -> float:
    """Return corrected_initial_age in seconds (9111 §4.2.3, §5.1).

    Date counts whole seconds, so the apparent age does too: a response that took 0.9 s of a
    second to arrive has not lost that second.
    """
    first = (fields.first(b"age") or b"").partition(b",")[0].strip(b" \t")
    age_value = delta_seconds(first) or 0
    apparent_age = max(0, int(response_time) - date)
    return max(float(apparent_age), age_value + max(0.0, response_time - request_time))


def lifetime_of(  # noqa: PLR0913 - each is an input of §4.2.1
    head: Head,
    directives: Directives,
    terms: Terms,
    *,
    targeted: bool,
    date: int,
    draw: float,
) -> Lifetime | None:
    """Return the freshness lifetime, or None where nobody gives one (9111 §4.2.1).

    `draw` is a random number in [0, 1) for the rule's jitter. The rule's own lifetime stands
    where the upstream says nothing, or in any case when it overrides.
    """
    own = terms.own_ttl(head.status)
    if terms.cache is Caching.OVERRIDE and own is not None:
        return _bounded(_by_rule(own, terms, draw), terms)
    found = _explicit(head.fields, directives, targeted=targeted, date=date)
    if found is None and own is not None:
        found = _by_rule(own, terms, draw)
    if found is None:
        found = _heuristic(head, directives, terms, date)
    return None if found is None else _bounded(found, terms)


def _explicit(
    fields: Fields, directives: Directives, *, targeted: bool, date: int
) -> Lifetime | None:
    if directives.s_maxage is not None:
        seconds = directives.s_maxage
        return Lifetime(seconds, Reason.S_MAXAGE, f"s-maxage {seconds}")
    if directives.max_age is not None:
        seconds = directives.max_age
        return Lifetime(seconds, Reason.MAX_AGE, f"max-age {seconds}")
    if b"expires" in fields and not targeted:  # 9213 §2.2: a targeted field silences Expires
        return _by_expires(fields.all(b"expires"), date)
    return None


def _by_expires(values: tuple[bytes, ...], date: int) -> Lifetime:
    expires = dates.parse(values[0])
    if expires is None:  # §5.3: anything unreadable, "0" above all, is in the past
        return Lifetime(0, Reason.EXPIRES, "Expires unreadable, so expired")
    if len(set(values)) > 1:  # §4.2.1: contradicting values are the same as none of them
        return Lifetime(0, Reason.EXPIRES, "Expires repeated with other values, so expired")
    seconds = max(0, expires - date)
    return Lifetime(seconds, Reason.EXPIRES, f"Expires {expires} - Date {date}")


def _by_rule(ttl: float, terms: Terms, draw: float) -> Lifetime:
    seconds = ttl * (1 - terms.jitter * draw)
    text = f"ttl {ttl:g}" if seconds == ttl else f"ttl {ttl:g} less jitter {ttl - seconds:.3g}"
    return Lifetime(seconds, Reason.RULE_TTL, text)


def _heuristic(head: Head, directives: Directives, terms: Terms, date: int) -> Lifetime | None:
    if head.status not in HEURISTICALLY_CACHEABLE and not directives.public:
        return None
    modified = dates.parse(head.fields.first(b"last-modified") or b"")
    if modified is None or modified >= date or terms.heuristic == 0:
        return None
    seconds = min(terms.heuristic * (date - modified), terms.heuristic_max)
    text = f"{terms.heuristic:.0%} of Date {date} - Last-Modified {modified}"
    return Lifetime(seconds, Reason.HEURISTIC, text)


def _bounded(found: Lifetime, terms: Terms) -> Lifetime:
    seconds = max(found.seconds, terms.min_ttl)
    if terms.max_ttl is not None:
        seconds = min(seconds, terms.max_ttl)
    if seconds == found.seconds:
        return found
    return Lifetime(
        seconds, found.source, f"{found.arithmetic}, bounded to {seconds:g} by the rule"
    )


def useful_for(stored: Stored, terms: Terms, now: float) -> float:
    """Return the seconds for which a response can still be of use to anybody.

    Its freshness, and after it the longest window in which it may be served stale (5861, 9111
    §4.2.4) or is worth asking about (§4.3).
    """
    windows = [stored.stale_while_revalidate, stored.stale_if_error]
    if stored.may_be_stale:
        windows.append(terms.stale_if_unreachable)
    if stored.etag is not None or stored.last_modified is not None:
        windows.append(WORTH_ASKING)
    return max(0.0, stored.ttl(now)) + max(windows)


def early_refreshes(stored: Stored, terms: Terms) -> float:
    """Return the seconds before expiry in which an early refresh is more than a rare exception."""
    if stored.directives.immutable:
        return 0.0
    fetch = stored.response_time - stored.request_time
    return fetch * terms.early_refresh * -log(_RARE)


def wants_early_refresh(stored: Stored, terms: Terms, now: float, draw: float) -> bool:
    """Tell whether a fresh answer should be refreshed already, before all expire it at once.

    The chance rises as expiry nears, in units of how long the fetch took (the probabilistic
    early expiration of Vattani, Chierichetti and Lowenstein, VLDB 2015). `draw` is in [0, 1).
    An immutable answer is not asked about while it is fresh (8246 §2.1).
    """
    if terms.early_refresh == 0 or stored.directives.immutable:
        return False
    fetch = stored.response_time - stored.request_time
    return stored.ttl(now) <= fetch * terms.early_refresh * -log(1 - draw)
