"""Lifetimes that the response itself gives (9111 §4.2.1, §4.2.2, 9213 §2.2)."""

import pytest

from proxy.http.cache_control import DELTA_MAX, Directives
from proxy.http.message import Head
from proxy.policy import freshness
from proxy.policy.reasons import Reason
from proxy.policy.terms import DAY, Terms
from tests.policy.cases import TERMS, T, at, bare, control, fields, head, lifetime, table

LM = f"Last-Modified: {at(-1000)}"


def expiring(*lines: str) -> Head:
    return head(200, *lines, LM)  # a heuristic would find 100 seconds, if it were allowed to


S_MAXAGE, MAX_AGE, EXPIRES = Reason.S_MAXAGE, Reason.MAX_AGE, Reason.EXPIRES

EXPLICIT = {
    "9111-4.2.1-s-maxage-wins": (
        control("max-age=10, s-maxage=20", f"Expires: {at(30)}"),
        20,
        S_MAXAGE,
    ),
    "9111-4.2.1-s-maxage-wins-though-smaller": (control("max-age=20, s-maxage=0"), 0, S_MAXAGE),
    "9111-5.3-max-age-silences-expires": (control("max-age=10", "Expires: 0"), 10, MAX_AGE),
    "9111-5.3-s-maxage-silences-expires": (control("s-maxage=10", "Expires: 0"), 10, S_MAXAGE),
    "9111-5.3-max-age-zero-silences-expires": (
        control("max-age=0", f"Expires: {at(60)}"),
        0,
        MAX_AGE,
    ),
    "9111-5.2.2.1-zero": (control("max-age=0"), 0, MAX_AGE),
    "9111-5.2-names-in-any-case": (control("MaX-AgE=10"), 10, MAX_AGE),
    "9111-5.2-quoted-form-is-accepted": (control('max-age="10"'), 10, MAX_AGE),
    "9111-5.2.3-unknown-directives-are-ignored": (
        control('x, max-age=10, y=1, z="q"'),
        10,
        MAX_AGE,
    ),
    "9111-5.2.3-nothing-hides-in-a-quoted-argument": (
        control('x="a, s-maxage=90", max-age=10'),
        10,
        MAX_AGE,
    ),
    "9110-5.3-several-lines": (
        head(200, "Cache-Control: public", "Cache-Control: max-age=10"),
        10,
        MAX_AGE,
    ),
    "9110-5.6.1.2-empty-members": (control(", ,max-age=10,, public,"), 10, MAX_AGE),
    "9111-4.2.1-repeated-alike": (control("max-age=10, max-age=10"), 10, MAX_AGE),
    "9111-4.2.1-repeated-unlike-is-stale": (control("max-age=10, max-age=20"), 0, MAX_AGE),
    "9111-4.2.1-repeated-unlike-in-two-lines": (
        head(200, "Cache-Control: s-maxage=10", "Cache-Control: s-maxage=20"),
        0,
        S_MAXAGE,
    ),
    "9111-4.2.1-decimals-are-stale": (control("max-age=10.5"), 0, MAX_AGE),
    "9111-4.2.1-negative-is-stale": (control("max-age=-10"), 0, MAX_AGE),
    "9111-4.2.1-word-is-stale": (control("max-age=soon"), 0, MAX_AGE),
    "9111-4.2.1-no-argument-is-stale": (control("max-age"), 0, MAX_AGE),
    "9111-4.2.1-single-quotes-are-stale": (control("max-age='10'"), 0, MAX_AGE),
    "9111-4.2.1-space-before-the-argument-is-stale": (control("max-age= 10"), 0, MAX_AGE),
    "9111-4.2.1-unusable-s-maxage-does-not-fall-back": (
        control("s-maxage=x, max-age=10"),
        0,
        S_MAXAGE,
    ),
    "9111-1.2.2-greatest": (control("max-age=2147483648"), DELTA_MAX, MAX_AGE),
    "9111-1.2.2-overflow": (control("max-age=2147483649"), DELTA_MAX, MAX_AGE),
    "9111-1.2.2-overflow-by-far": (control("max-age=" + "9" * 400), DELTA_MAX, MAX_AGE),
    "9111-4.2.1-expires-less-date": (expiring(f"Expires: {at(60)}"), 60, EXPIRES),
    "9111-4.2.1-expires-less-a-date-that-is-off": (
        expiring(f"Expires: {at(60)}", f"Date: {at(-500)}"),
        560,
        EXPIRES,
    ),
    "9111-4.2.1-expires-less-arrival-without-date": (
        bare(200, f"Expires: {at(60)}"),
        60,
        EXPIRES,
    ),
    "9110-6.6.1-expires-less-arrival-where-date-is-invalid": (
        expiring(f"Expires: {at(60)}", "Date: today"),
        60,
        EXPIRES,
    ),
    "9111-5.3-equal-to-date": (expiring(f"Expires: {at(0)}"), 0, EXPIRES),
    "9111-5.3-before-date": (expiring(f"Expires: {at(-1)}"), 0, EXPIRES),
    "9111-5.3-zero-is-past": (expiring("Expires: 0"), 0, EXPIRES),
    "9111-5.3-minus-one-is-past": (expiring("Expires: -1"), 0, EXPIRES),
    "9111-5.3-empty-is-past": (expiring("Expires:"), 0, EXPIRES),
    "9111-5.3-word-is-past": (expiring("Expires: never"), 0, EXPIRES),
    "9111-5.3-number-is-past": (expiring(f"Expires: {T + 60}"), 0, EXPIRES),
    "9111-5.3-impossible-day-is-past": (
        expiring("Expires: Sun, 31 Feb 2099 00:00:00 GMT"),
        0,
        EXPIRES,
    ),
    "9111-4.2-no-zone-but-gmt": (expiring(f"Expires: {at(60)[:-3]}EST"), 0, EXPIRES),
    "9111-4.2-zone-utc-is-not-gmt": (expiring(f"Expires: {at(60)[:-3]}UTC"), 0, EXPIRES),
    "9111-4.2-case-of-dates": (expiring(f"Expires: {at(60).lower()}"), 60, EXPIRES),
    "9110-5.6.7-rfc850-date": (
        expiring("Expires: Tuesday, 14-Nov-23 22:14:20 GMT"),
        60,
        EXPIRES,
    ),
    "9110-5.6.7-asctime-date": (expiring("Expires: Tue Nov 14 22:14:20 2023"), 60, EXPIRES),
    "9111-4.2.1-expires-twice-alike": (expiring(*[f"Expires: {at(60)}"] * 2), 60, EXPIRES),
    "9111-4.2.1-expires-twice-unlike": (
        expiring(f"Expires: {at(60)}", f"Expires: {at(90)}"),
        0,
        EXPIRES,
    ),
    "9111-4.2.1-expires-twice-in-one-line": (
        expiring(f"Expires: {at(60)}, {at(60)}"),
        0,
        EXPIRES,
    ),
    "9111-5.3-far-future": (
        expiring("Expires: Fri, 31 Dec 9999 23:59:59 GMT"),
        253402300799 - T,
        EXPIRES,
    ),
}


@pytest.mark.parametrize(("response", "seconds", "source"), table(EXPLICIT))
def test_explicit_lifetime(response: Head, seconds: int, source: Reason) -> None:
    found = lifetime(response)
    assert found is not None
    assert (found.seconds, found.source) == (seconds, source)


HEURISTIC = {
    "9111-4.2.2-a-tenth-since-last-modified": (head(200, LM), TERMS, 100),
    "9111-4.2.2-another-share": (head(200, LM), Terms(heuristic=0.5), 500),
    "9111-4.2.2-switched-off": (head(200, LM), Terms(heuristic=0.0), None),
    "9111-4.2.2-bounded": (head(200, f"Last-Modified: {at(-99_999_999)}"), TERMS, DAY),
    "9111-4.2.2-bounded-as-told": (head(200, LM), Terms(heuristic_max=5.0), 5),
    "9111-4.2.2-before-1970": (
        head(200, "Last-Modified: Thu, 01 Jan 1920 00:00:00 GMT"),
        TERMS,
        DAY,
    ),
    "9111-4.2.2-no-last-modified": (head(200), TERMS, None),
    "9110-8.8.2.1-modified-after-date": (head(200, f"Last-Modified: {at(1)}"), TERMS, None),
    "9111-4.2.2-modified-at-date": (head(200, f"Last-Modified: {at(0)}"), TERMS, None),
    "9111-4.2.2-unreadable": (head(200, "Last-Modified: lately"), TERMS, None),
    "9111-4.2.2-since-arrival-without-date": (bare(200, LM), TERMS, 100),
    "9111-5.2.2.9-public-makes-any-status-heuristic": (
        head(500, LM, "Cache-Control: public"),
        TERMS,
        100,
    ),
    "9111-4.2.2-private-does-not": (head(500, LM, "Cache-Control: private"), TERMS, None),
    "9111-4.2.2-not-with-s-maxage": (control("s-maxage=5", LM), TERMS, 5),
    "9111-4.2.2-not-with-max-age": (control("max-age=5", LM), TERMS, 5),
    "9111-4.2.2-not-with-expires": (expiring("Expires: x"), TERMS, 0),
    "9111-4.2.2-a-query-does-not-matter": (head(200, LM), TERMS, 100),
    "rule-ttl-before-heuristic": (head(200, LM), Terms(ttl=7.0), 7),
}


@pytest.mark.parametrize(("response", "terms", "seconds"), table(HEURISTIC))
def test_heuristic_lifetime(response: Head, terms: Terms, seconds: float | None) -> None:
    found = lifetime(response, terms)
    assert (None if found is None else found.seconds) == seconds


@pytest.mark.parametrize("status", [*range(200, 210), *range(300, 310), *range(400, 432), 451, 501])
def test_heuristic_by_status(status: int) -> None:
    """9110 §15.1 names the statuses, and of these no error is guessed about."""
    named = {200, 203, 204, 206, 300, 301, 308}
    assert (lifetime(head(status, LM)) is not None) is (status in named)


TARGETED = {
    "9213-2.2-before-cache-control": (control("max-age=5", "CDN-Cache-Control: max-age=9"), 9),
    "9213-2.2-expires-is-ignored": (
        head(200, "CDN-Cache-Control: none", f"Expires: {at(60)}"),
        None,
    ),
    "9213-2.2-cache-control-is-ignored-whole": (
        control("s-maxage=5", "CDN-Cache-Control: none"),
        None,
    ),
    "9213-2.1-empty-is-ignored": (control("max-age=5", "CDN-Cache-Control:"), 5),
    "9213-2.1-unparsable-is-ignored": (control("max-age=5", "CDN-Cache-Control: max-age=,"), 5),
    "9213-2.1-unparsable-leaves-expires": (
        head(200, "CDN-Cache-Control: =", f"Expires: {at(60)}"),
        60,
    ),
    "9213-2.1-decimals-are-not-coerced": (
        control("max-age=5", "CDN-Cache-Control: max-age=9.0"),
        0,
    ),
    "9213-2.1-parameters-are-ignored": (control("max-age=5", "CDN-Cache-Control: max-age=9;a"), 9),
    "9213-2.2-first-of-the-list": (
        control("max-age=5", "CDN-Cache-Control: max-age=9", "Edge-Control: max-age=7"),
        7,
    ),
    "9213-2.2-first-that-is-valid": (
        control("max-age=5", "CDN-Cache-Control: max-age=9", "Edge-Control: ?"),
        9,
    ),
    "9213-2.2-not-on-the-list": (control("max-age=5", "Other-Cache-Control: max-age=9"), 5),
    "9213-2.2-s-maxage-in-it": (
        control("max-age=5", "CDN-Cache-Control: max-age=9, s-maxage=8"),
        8,
    ),
    "9111-4.2.2-heuristic-under-it": (head(200, LM, "CDN-Cache-Control: none"), 100),
}


@pytest.mark.parametrize(("response", "seconds"), table(TARGETED))
def test_targeted_lifetime(response: Head, seconds: float | None) -> None:
    found = lifetime(response, Terms(targets=(b"edge-control", b"cdn-cache-control")))
    assert (None if found is None else found.seconds) == seconds


def test_governing_tells_who_spoke() -> None:
    both = fields("Cache-Control: max-age=1", "CDN-Cache-Control: max-age=2")
    assert freshness.governing(both, (b"cdn-cache-control",)) == (Directives(max_age=2), True)
    assert freshness.governing(both, ()) == (Directives(max_age=1), False)
