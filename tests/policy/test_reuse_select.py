"""Which of several stored responses fits (9111 §4.1), and what stands in for an error."""

from dataclasses import replace

import pytest

from proxy.http.message import Request
from proxy.policy import reuse
from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.terms import Terms
from proxy.policy.verdicts import Stale
from tests.policy.cases import GET, TERMS, T, ask, asking, at, stored, table

FRESH = "Cache-Control: max-age=60"
VARY = "Vary: Accept-Language, X-A"

MATCHES = {  # Vary, the request that was stored, the one that is presented
    "9111-4.1-no-vary": ("X: y", ask("X-A: 1"), ask("X-A: 2"), True),
    "9111-4.1-same": (VARY, ask("X-A: 1"), ask("X-A: 1"), True),
    "9111-4.1-other": (VARY, ask("X-A: 1"), ask("X-A: 2"), False),
    "9111-4.1-any-one-of-them-differs": (
        VARY,
        ask("X-A: 1", "Accept-Language: de"),
        ask("X-A: 1", "Accept-Language: en"),
        False,
    ),
    "9111-4.1-absent-twice": (VARY, GET, GET, True),
    "9111-4.1-absent-now": (VARY, ask("X-A: 1"), GET, False),
    "9111-4.1-absent-then": (VARY, GET, ask("X-A: 1"), False),
    "9111-4.1-empty-is-not-absent": (VARY, GET, ask("X-A:"), False),
    "9111-4.1-not-nominated": (VARY, ask("X-B: 1"), ask("X-B: 2"), True),
    "9111-4.1-names-in-any-case": ("Vary: x-A", ask("X-a: 1"), ask("x-A: 1"), True),
    "9111-4.1-unknown-values-keep-their-case": (VARY, ask("X-A: a"), ask("X-A: A"), False),
    "9111-4.1-lines-combined": (VARY, ask("X-A: 1", "X-A: 2"), ask("X-A: 1, 2"), True),
    "9111-4.1-order-of-unknown-lists-counts": (VARY, ask("X-A: 1, 2"), ask("X-A: 2, 1"), False),
    "9111-4.1-white-space-where-allowed": (
        "Vary: Accept-Encoding",
        ask("Accept-Encoding: gzip , br"),
        ask("Accept-Encoding: gzip,br"),
        True,
    ),
    "9111-4.1-case-where-it-has-no-meaning": (
        "Vary: Accept-Language",
        ask("Accept-Language: DE"),
        ask("Accept-Language: de"),
        True,
    ),
    "9111-4.1-weights-written-otherwise": (
        "Vary: Accept-Encoding",
        ask("Accept-Encoding: gzip;q=0.50, br"),
        ask("Accept-Encoding: br;q=1.0, gzip; q=0.5"),
        True,
    ),
    "9111-4.1-other-weights": (
        "Vary: Accept-Encoding",
        ask("Accept-Encoding: gzip, br;q=0.5"),
        ask("Accept-Encoding: gzip;q=0.5, br"),
        False,
    ),
}


@pytest.mark.parametrize(("vary", "then", "now", "expected"), table(MATCHES))
def test_matches(vary: str, then: Request, now: Request, *, expected: bool) -> None:
    assert reuse.matches(now, stored(FRESH, vary, request=then).selecting) is expected


DE, EN = ask("Accept-Language: de"), ask("Accept-Language: en")
LANGUAGE = "Vary: Accept-Language"
GERMAN = stored(FRESH, LANGUAGE, request=DE)
ENGLISH = stored(FRESH, LANGUAGE, request=EN)
OLDER = stored(FRESH, LANGUAGE, f"Date: {at(-9)}", request=DE)
PLAIN = stored(FRESH, f"Date: {at(9)}")
SAME_SECOND = replace(GERMAN, response_time=T + 0.5)
PART = stored(FRESH, "Content-Range: bytes 5-9/20", f"Date: {at(9)}", status=206)
WHOLE = stored(FRESH)
OTHER_PART = stored(FRESH, "Content-Range: bytes 10-14/20", status=206)

SELECTED = {
    "9111-4.1-nothing-stored": (GET, (), None),
    "9111-4.1-the-one": (DE, (GERMAN,), GERMAN),
    "9111-4.1-the-one-that-matches": (EN, (GERMAN, ENGLISH), ENGLISH),
    "9111-4.1-none-matches": (ask("Accept-Language: fr"), (GERMAN, ENGLISH), None),
    "9111-4-the-most-recent-by-date": (DE, (OLDER, GERMAN), GERMAN),
    "9111-4-the-most-recent-in-any-order": (DE, (GERMAN, OLDER), GERMAN),
    "9111-4-the-later-arrival-of-one-second": (DE, (SAME_SECOND, GERMAN), SAME_SECOND),
    "9111-4.1-one-with-vary-before-a-more-recent": (DE, (PLAIN, OLDER), OLDER),
    "9111-4.1-one-without-vary-if-no-other-matches": (EN, (PLAIN, OLDER), PLAIN),
    "9111-4.1-most-recent-of-those-with-vary": (DE, (PLAIN, OLDER, GERMAN), GERMAN),
    "9111-3.3-a-whole-before-a-part-too-small": (GET, (PART, WHOLE), WHOLE),
    "9111-3.3-a-part-that-suffices": (ask("Range: bytes=6-8"), (PART, OTHER_PART), PART),
    "9111-3.3-the-other-part": (ask("Range: bytes=11-12"), (PART, OTHER_PART), OTHER_PART),
    "9111-4-the-most-recent-even-if-a-part": (ask("Range: bytes=6-8"), (WHOLE, PART), PART),
}


@pytest.mark.parametrize(("request_", "variants", "chosen"), table(SELECTED))
def test_select(request_: Request, variants: tuple[Stored, ...], chosen: Stored | None) -> None:
    assert reuse.select(request_, variants) is chosen


def held(directives: str) -> Stored:
    return stored(f"Cache-Control: {directives}", 'ETag: "a"')


ERROR, CUT = False, True
GIVEN, UNREACHABLE = Reason.STALE_IF_ERROR, Reason.STALE_UNREACHABLE
BRIEF = Terms(stale_if_unreachable=10.0)
NEVER = Terms(stale_if_unreachable=0.0)

INSTEAD = {  # stored, asked, terms, later, unreachable
    "5861-4-inside-the-window": (
        held("max-age=60, stale-if-error=9"),
        GET,
        TERMS,
        69,
        ERROR,
        GIVEN,
    ),
    "9111-4.3.3-5xx-is-no-answer-if-one-may-stand-in": (
        held("max-age=60, stale-if-error=9"),
        GET,
        TERMS,
        61,
        ERROR,
        GIVEN,
    ),
    "9111-4.3.3-5xx-is-the-answer-if-none-may": (
        held("max-age=60, must-revalidate"),
        GET,
        TERMS,
        61,
        ERROR,
        None,
    ),
    "5861-4-outside-the-window": (
        held("max-age=60, stale-if-error=9"),
        GET,
        TERMS,
        70,
        ERROR,
        None,
    ),
    "5861-4-window-of-a-second": (
        held("max-age=60, stale-if-error=1"),
        GET,
        TERMS,
        60.5,
        ERROR,
        GIVEN,
    ),
    "9111-4.2-fresh-for-half-a-second-more": (
        held("max-age=60, must-revalidate"),
        asking("max-age=5"),
        TERMS,
        59.5,
        CUT,
        UNREACHABLE,
    ),
    "5861-4-no-window": (held("max-age=60"), GET, TERMS, 61, ERROR, None),
    "5861-4-window-of-zero": (held("max-age=60, stale-if-error=0"), GET, TERMS, 60, ERROR, None),
    "5861-4-the-requests-window": (
        held("max-age=60"),
        asking("stale-if-error=9"),
        TERMS,
        69,
        ERROR,
        GIVEN,
    ),
    "5861-4-the-wider-window": (
        held("max-age=60, stale-if-error=9"),
        asking("stale-if-error=3"),
        TERMS,
        69,
        ERROR,
        GIVEN,
    ),
    "5861-4-the-requests-window-against-must-revalidate": (
        held("max-age=60, must-revalidate"),
        asking("stale-if-error=9"),
        TERMS,
        61,
        ERROR,
        None,
    ),
    "5861-4-the-requests-window-against-s-maxage": (
        held("s-maxage=60"),
        asking("stale-if-error=9"),
        TERMS,
        61,
        ERROR,
        None,
    ),
    "9111-5.2.3-the-responses-window-beside-s-maxage": (
        held("s-maxage=60, stale-if-error=9"),
        GET,
        TERMS,
        61,
        ERROR,
        GIVEN,
    ),
    "5861-4-not-with-must-revalidate": (
        held("max-age=60, stale-if-error=9, must-revalidate"),
        GET,
        TERMS,
        61,
        ERROR,
        None,
    ),
    "5861-4-for-the-unreachable-too": (
        held("max-age=60, stale-if-error=9"),
        GET,
        TERMS,
        61,
        CUT,
        GIVEN,
    ),
    "5861-4-while-fresh": (
        held("max-age=60, stale-if-error=9"),
        asking("max-age=5"),
        TERMS,
        9,
        ERROR,
        GIVEN,
    ),
    "9111-4.2.4-disconnected": (held("max-age=60"), GET, TERMS, 61, CUT, UNREACHABLE),
    "9111-4.2.4-disconnected-for-long": (held("max-age=60"), GET, BRIEF, 71, CUT, None),
    "9111-4.2.4-disconnected-to-the-second": (held("max-age=60"), GET, BRIEF, 70, CUT, UNREACHABLE),
    "9111-4.2.4-must-revalidate-forbids": (
        held("max-age=60, must-revalidate"),
        GET,
        TERMS,
        61,
        CUT,
        None,
    ),
    "9111-5.2.2.2-must-revalidate-from-the-very-second": (
        held("max-age=60, must-revalidate"),
        GET,
        TERMS,
        60,
        CUT,
        None,
    ),
    "9111-4.2.4-proxy-revalidate-forbids": (
        held("max-age=60, proxy-revalidate"),
        GET,
        TERMS,
        61,
        CUT,
        None,
    ),
    "9111-4.2.4-s-maxage-forbids": (held("s-maxage=60"), GET, TERMS, 61, CUT, None),
    "9111-4.2.4-no-cache-forbids": (held("max-age=60, no-cache"), GET, TERMS, 1, CUT, None),
    "9111-5.2.1.4-the-request-forbids": (
        held("max-age=60"),
        asking("no-cache"),
        TERMS,
        1,
        CUT,
        None,
    ),
    "9111-4.3.5-overdue": (
        replace(held("max-age=60, stale-if-error=9"), overdue=True),
        GET,
        TERMS,
        1,
        CUT,
        None,
    ),
    "9111-4.2-fresh-is-not-stale": (
        held("max-age=60, must-revalidate"),
        asking("max-age=5"),
        NEVER,
        9,
        CUT,
        UNREACHABLE,
    ),
    "rule-stale-if-unreachable-off": (held("max-age=60"), GET, NEVER, 61, CUT, None),
}


@pytest.mark.parametrize(
    ("kept", "request_", "terms", "later", "unreachable", "reason"), table(INSTEAD)
)
def test_instead_of_error(
    kept: Stored,
    request_: Request,
    terms: Terms,
    later: float,
    *,
    unreachable: bool,
    reason: Reason | None,
) -> None:
    answer = reuse.instead_of_error(request_, kept, terms, T + later, unreachable=unreachable)
    assert answer == (None if reason is None else Stale(kept, reason, refresh=False))
