"""Lifetimes that a rule gives, bounds or spends early, and the sums that explain them."""

import pytest

from proxy.http.message import Head
from proxy.policy import freshness
from proxy.policy.terms import Caching, Terms
from tests.policy.cases import TERMS, T, at, control, head, lifetime, stored, table

LM = f"Last-Modified: {at(-1000)}"
OVER = Terms(cache=Caching.OVERRIDE, ttl=30.0)

RULED = {
    "rule-ttl-where-nothing-is-said": (head(200), Terms(ttl=30.0), 0.0, 30, "ttl 30"),
    "rule-ttl-yields-to-the-response": (control("max-age=5"), Terms(ttl=30.0), 0.0, 5, "max-age 5"),
    "rule-ttl-yields-to-an-unreadable-expires": (
        head(200, "Expires: 0"),
        Terms(ttl=30.0),
        0.0,
        0,
        "Expires unreadable, so expired",
    ),
    "rule-ttl-by-status": (head(404), Terms(ttl_by_status=((404, 9.0),)), 0.0, 9, "ttl 9"),
    "rule-override-wins": (control("max-age=5"), OVER, 0.0, 30, "ttl 30"),
    "rule-override-over-s-maxage": (control("s-maxage=5"), OVER, 0.0, 30, "ttl 30"),
    "rule-override-only-where-it-has-a-ttl": (
        head(404, "Cache-Control: max-age=5"),
        OVER,
        0.0,
        5,
        "max-age 5",
    ),
    "rule-jitter-takes-off": (
        head(200),
        Terms(ttl=30.0, jitter=0.1),
        0.5,
        28.5,
        "ttl 30 less jitter 1.5",
    ),
    "rule-jitter-undrawn": (head(200), Terms(ttl=30.0, jitter=0.1), 0.0, 30, "ttl 30"),
    "rule-jitter-spares-the-responses-own": (
        control("max-age=5"),
        Terms(ttl=30.0, jitter=0.1),
        0.5,
        5,
        "max-age 5",
    ),
    "rule-min-ttl": (
        control("max-age=5"),
        Terms(min_ttl=10.0),
        0.0,
        10,
        "max-age 5, bounded to 10 by the rule",
    ),
    "rule-max-ttl": (
        control("max-age=50"),
        Terms(max_ttl=10.0),
        0.0,
        10,
        "max-age 50, bounded to 10 by the rule",
    ),
    "rule-max-ttl-bounds-the-rule-too": (
        head(200),
        Terms(ttl=30.0, max_ttl=10.0),
        0.0,
        10,
        "ttl 30, bounded to 10 by the rule",
    ),
    "rule-max-ttl-bounds-override": (
        head(200),
        Terms(cache=Caching.OVERRIDE, ttl=30.0, max_ttl=10.0),
        0.0,
        10,
        "ttl 30, bounded to 10 by the rule",
    ),
    "rule-bounds-that-do-not-bind": (
        control("max-age=5"),
        Terms(min_ttl=1.0, max_ttl=10.0),
        0.0,
        5,
        "max-age 5",
    ),
    "9111-5.3-arithmetic-of-expires": (
        head(200, f"Expires: {at(60)}"),
        TERMS,
        0.0,
        60,
        f"Expires {T + 60} - Date {T}",
    ),
    "9111-4.2.1-arithmetic-of-repeated-expires": (
        head(200, "Expires: 0", f"Expires: {at(60)}"),
        TERMS,
        0.0,
        0,
        "Expires unreadable, so expired",
    ),
    "9111-4.2.2-arithmetic-of-the-heuristic": (
        head(200, LM),
        TERMS,
        0.0,
        100,
        f"10% of Date {T} - Last-Modified {T - 1000}",
    ),
    "9111-5.2.2.10-arithmetic-of-s-maxage": (control("s-maxage=4"), TERMS, 0.0, 4, "s-maxage 4"),
}


@pytest.mark.parametrize(("response", "terms", "draw", "seconds", "text"), table(RULED))
def test_ruled_lifetime(
    response: Head, terms: Terms, draw: float, seconds: float, text: str
) -> None:
    found = lifetime(response, terms, draw)
    assert found is not None
    assert (found.seconds, found.arithmetic) == (seconds, text)


def test_min_ttl_gives_no_lifetime_to_what_has_none() -> None:
    assert lifetime(head(200), Terms(min_ttl=10.0)) is None


EAGER = Terms(early_refresh=1.0)

EARLY = {  # a lifetime of 60 s, fetched in 2 s
    "rule-early-refresh-off": (TERMS, "max-age=60", 59.9, 0.99, False),
    "rule-early-refresh-far-from-expiry": (EAGER, "max-age=60", 10, 0.9, False),
    "rule-early-refresh-near-expiry": (EAGER, "max-age=60", 57, 0.9, True),
    "rule-early-refresh-near-expiry-undrawn": (EAGER, "max-age=60", 57, 0.0, False),
    "rule-early-refresh-weight": (Terms(early_refresh=20.0), "max-age=60", 10, 0.9, True),
    "8246-2.1-immutable-is-not-asked-about": (EAGER, "max-age=60, immutable", 57, 0.9, False),
}


@pytest.mark.parametrize(("terms", "directives", "later", "draw", "expected"), table(EARLY))
def test_early_refresh(
    terms: Terms, directives: str, later: float, draw: float, *, expected: bool
) -> None:
    held = stored(f"Cache-Control: {directives}", delay=2)
    assert freshness.wants_early_refresh(held, terms, T + later, draw) is expected


NEVER_STALE = Terms(stale_if_unreachable=0.0)
BARE = "Cache-Control: max-age=60"

USEFUL = {  # how long after T, and for how long from then on
    "9111-4.2-as-long-as-it-is-fresh": ((BARE,), NEVER_STALE, 0, 60),
    "9111-4.2-what-is-left-of-it": ((BARE,), NEVER_STALE, 45, 15),
    "9111-4.2.4-and-while-the-upstream-is-away": ((BARE,), Terms(), 0, 60 + 86_400),
    "9111-5.2.2.2-not-with-must-revalidate": ((f"{BARE}, must-revalidate",), Terms(), 0, 60),
    "5861-3-stale-while-revalidate": ((f"{BARE}, stale-while-revalidate=5",), NEVER_STALE, 0, 65),
    "5861-4-stale-if-error": ((f"{BARE}, stale-if-error=7",), NEVER_STALE, 0, 67),
    "the-longest-window-counts": (
        (f"{BARE}, stale-if-error=7, stale-while-revalidate=9",),
        NEVER_STALE,
        0,
        69,
    ),
    "9111-4.3-an-etag-is-worth-asking": ((BARE, 'ETag: "a"'), NEVER_STALE, 0, 60 + 3_600),
    "9111-4.3-last-modified-is-worth-asking": ((BARE, LM), NEVER_STALE, 0, 60 + 3_600),
    "9111-4.3-what-is-stale-is-worth-asking": ((BARE, 'ETag: "a"'), NEVER_STALE, 90, 3_600),
    "9111-4.2-what-is-stale-and-no-more": ((BARE,), NEVER_STALE, 90, 0),
}


@pytest.mark.parametrize(("lines", "terms", "later", "seconds"), table(USEFUL))
def test_useful_for(lines: tuple[str, ...], terms: Terms, later: float, seconds: float) -> None:
    held = stored(*lines, terms=terms)
    assert freshness.useful_for(held, terms, T + later) == seconds


@pytest.mark.parametrize(
    ("said", "seconds"), [("max-age=60", 13.8), ("max-age=60, immutable", 0.0)]
)
def test_so_long_before_expiry_a_refresh_is_more_than_an_exception(
    said: str, seconds: float
) -> None:
    """At that time one request in a thousand asks for it; of what cannot change none does."""
    held = stored(f"Cache-Control: {said}", delay=2.0)
    assert freshness.early_refreshes(held, EAGER) == pytest.approx(seconds, abs=0.05)
    later = held.response_time + held.ttl(held.response_time) - max(seconds, 1.0)
    rare, common = 0.998, 0.9999
    assert not freshness.wants_early_refresh(held, EAGER, later, rare)
    assert freshness.wants_early_refresh(held, EAGER, later, common) is (seconds > 0)
