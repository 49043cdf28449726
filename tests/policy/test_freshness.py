import pytest

from proxy.http.cache_control import DELTA_MAX, Directives
from proxy.http.message import Head
from proxy.policy import freshness
from proxy.policy.reasons import Reason
from proxy.policy.stored import Lifetime
from proxy.policy.terms import DAY, Caching, Terms
from tests.policy.cases import TERMS, T, at, bare, fields, head, stored, table

LM = f"Last-Modified: {at(-1000)}"


def lifetime(response: Head, terms: Terms = TERMS, draw: float = 0.0) -> Lifetime | None:
    said, targeted = freshness.governing(response.fields, terms.targets)
    date = freshness.date_of(response.fields, T)
    return freshness.lifetime_of(response, said, terms, targeted=targeted, date=date, draw=draw)


def control(directives: str, *more: str) -> Head:
    return head(200, f"Cache-Control: {directives}", *more)


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
    """9110 §15.1 names the statuses, and there are no others."""
    named = {200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501}
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
        expiring("Expires: 0", f"Expires: {at(60)}"),
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


DATES = {
    "9110-6.6.1-date": (bare(200, f"Date: {at(-9)}"), T - 9),
    "9110-6.6.1-missing": (bare(200), T),
    "9110-6.6.1-invalid": (bare(200, "Date: 2023-11-14T22:13:20Z"), T),
    "9110-6.6.1-empty": (bare(200, "Date:"), T),
    "9110-6.6.1-zone": (bare(200, "Date: Tue, 14 Nov 2023 22:13:11 PST"), T),
    "9110-5.6.7-obsolete-form": (bare(200, "Date: Tue Nov 14 22:13:11 2023"), T - 9),
    "9110-6.6.1-twice": (bare(200, f"Date: {at(-9)}", f"Date: {at(-5)}"), T - 9),
}


@pytest.mark.parametrize(("response", "date"), table(DATES))
def test_date_of(response: Head, date: int) -> None:
    assert freshness.date_of(response.fields, T + 0.9) == date


AGES = {
    "9111-4.2.3-nothing": ((), 0, 0),
    "9111-4.2.3-age-value": (("Age: 10",), 0, 10),
    "9111-4.2.3-delay-is-added": (("Age: 10",), 3, 13),
    "9111-4.2.3-delay-alone": ((), 3, 3),
    "9111-4.2.3-apparent-age": ((f"Date: {at(-30)}",), 0, 30),
    "9111-4.2.3-the-greater-of-both": ((f"Date: {at(-30)}", "Age: 10"), 0, 30),
    "9111-4.2.3-age-beyond-the-apparent": ((f"Date: {at(-30)}", "Age: 90"), 0, 90),
    "9111-4.2.3-date-in-the-future-is-zero": ((f"Date: {at(500)}",), 0, 0),
    "9111-4.2.3-date-in-1970": (("Date: Thu, 01 Jan 1970 00:00:00 GMT",), 0, T),
    "9111-4.2.3-invalid-date-has-no-age": (("Date: x",), 0, 0),
    "9111-4.2.3-clock-set-back-meanwhile": (("Age: 10",), -3, 10),
    "9111-5.1-first-member": (("Age: 10, 90",), 0, 10),
    "9111-5.1-first-line": (("Age: 10", "Age: 90"), 0, 10),
    "9111-5.1-negative-is-ignored": (("Age: -10",), 0, 0),
    "9111-5.1-decimals-are-ignored": (("Age: 1.5",), 0, 0),
    "9111-5.1-sign-is-ignored": (("Age: +5",), 0, 0),
    "9111-5.1-word-is-ignored": (("Age: old",), 0, 0),
    "9111-5.1-quoted-is-ignored": (('Age: "10"',), 0, 0),
    "9111-5.1-parameter-is-ignored": (("Age: 10;a=b",), 0, 0),
    "9111-5.1-empty-is-ignored": (("Age:",), 0, 0),
    "9111-5.1-empty-first-member-is-ignored": (("Age: , 10",), 0, 0),
    "9111-5.1-invalid-first-member-is-ignored": (("Age: x, 10",), 0, 0),
    "9111-5.1-leading-zeros": (("Age: 0010",), 0, 10),
    "9111-1.2.2-overflow": (("Age: " + "9" * 400,), 0, DELTA_MAX),
}


@pytest.mark.parametrize(("lines", "delay", "age"), table(AGES))
def test_age_on_arrival(lines: tuple[str, ...], delay: float, age: float) -> None:
    given = fields(*lines)
    date = freshness.date_of(given, T)
    assert freshness.age_on_arrival(given, date, T - delay, T) == age


def test_a_fraction_of_a_second_is_no_age() -> None:
    """9111 §4.2.3: Date was cut to a second, which must not look like time on the way."""
    assert freshness.age_on_arrival(fields(), T, T + 0.9, T + 0.9) == 0


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
