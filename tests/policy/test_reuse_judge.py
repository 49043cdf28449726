"""Whether what is stored may answer a request (9111 §4)."""

from dataclasses import replace

import pytest

from proxy.http.message import Request
from proxy.policy import reuse
from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.verdicts import Absent, Fresh, MustValidate, Refuse, Stale
from tests.policy.cases import GET, TERMS, T, ask, asking, stored, table

AUTH, COOKIE = ask("Authorization: Basic eDp5"), ask("Cookie: sid=1")
NO_CACHE = ask("Cache-Control: no-cache")
CACHED = "only-if-cached"


def held(directives: str, *lines: str) -> Stored:
    return stored(f"Cache-Control: {directives}", 'ETag: "a"', *lines)


PART = stored("Cache-Control: max-age=60", "Content-Range: bytes 5-9/20", status=206)
FRESH, STALE = (Fresh, Reason.FRESH), (MustValidate, Reason.STALE)

JUDGED = {  # what is stored, what is asked, how much later
    "9111-4-nothing-stored": (None, GET, 0, (Absent, Reason.URI_MISS)),
    "9111-4.2-fresh": (held("max-age=60"), GET, 59, FRESH),
    "9111-4.2-head-from-get": (held("max-age=60"), ask(method="HEAD"), 59, FRESH),
    "9111-4.2-as-old-as-its-lifetime-is-stale": (held("max-age=60"), GET, 60, STALE),
    "9111-4.2-stale": (held("max-age=60"), GET, 61, STALE),
    "9111-4.2.3-age-on-the-way-counts": (held("max-age=60", "Age: 55"), GET, 5, STALE),
    "9111-4.2-never-fresh": (held("max-age=0"), GET, 0, STALE),
    "9111-4.3-validator-alone": (stored('ETag: "a"'), GET, 0, STALE),
    "9111-5.2.2.2-must-revalidate-while-fresh": (
        held("max-age=60, must-revalidate"),
        GET,
        59,
        FRESH,
    ),
    "9111-5.2.2.2-must-revalidate-from-the-very-second": (
        held("max-age=60, must-revalidate"),
        GET,
        60,
        STALE,
    ),
    "9111-5.2.2.2-never-fresh-must-revalidate": (
        held("max-age=0, must-revalidate"),
        GET,
        0,
        STALE,
    ),
    "9111-5.2.2.4-no-cache": (
        held("no-cache, max-age=60"),
        GET,
        1,
        (MustValidate, Reason.NO_CACHE),
    ),
    "9111-5.2.2.4-qualified-no-cache": (held('no-cache="x-a", max-age=60'), GET, 1, FRESH),
    "9111-4.3.5-overdue": (replace(held("max-age=60"), overdue=True), GET, 1, STALE),
    "9111-3.3-part-asked-for": (PART, ask("Range: bytes=6-8"), 1, FRESH),
    "9111-3.3-part-does-not-suffice": (PART, GET, 1, (Absent, Reason.PARTIAL)),
    "9110-13.1.5-part-but-if-range-fails": (
        PART,
        ask("Range: bytes=6-8", 'If-Range: "z"'),
        1,
        (Absent, Reason.PARTIAL),
    ),
    "9111-3.3-stale-part": (PART, ask("Range: bytes=6-8"), 61, STALE),
    "9111-3.5-authorization": (held("max-age=60"), AUTH, 1, (Absent, Reason.NOT_SHAREABLE)),
    "9111-3.5-authorization-and-public": (held("public, max-age=60"), AUTH, 1, FRESH),
    "9111-3.5-authorization-and-s-maxage": (held("s-maxage=60"), AUTH, 1, FRESH),
    "9111-3.5-must-revalidate-while-fresh": (held("must-revalidate, max-age=60"), AUTH, 1, FRESH),
    "9111-3.5-must-revalidate-when-stale": (held("must-revalidate, max-age=60"), AUTH, 60, STALE),
    "9111-7.3-cookie": (held("max-age=60"), COOKIE, 1, (Absent, Reason.NOT_SHAREABLE)),
    "9111-7.3-cookie-and-public": (held("public, max-age=60"), COOKIE, 1, FRESH),
    "9111-5.2.1.4-no-cache": (
        held("max-age=60"),
        NO_CACHE,
        1,
        (MustValidate, Reason.REQUEST_NO_CACHE),
    ),
    "8246-2.1-no-cache-reaches-past-immutable": (
        held("max-age=60, immutable"),
        NO_CACHE,
        1,
        (MustValidate, Reason.REQUEST_NO_CACHE),
    ),
    "8246-2-stale-immutable": (held("max-age=60, immutable"), GET, 60, STALE),
    "9111-5.4-pragma": (
        held("max-age=60"),
        ask("Pragma: no-cache"),
        1,
        (MustValidate, Reason.REQUEST_NO_CACHE),
    ),
    "9111-5.2.1.5-no-store-may-be-answered": (held("max-age=60"), asking("no-store"), 1, FRESH),
    "9111-5.2.1.6-no-transform": (held("max-age=60"), asking("no-transform"), 1, FRESH),
    "9111-5.2.3-unknown-is-ignored": (held("max-age=60"), asking("x, y=1"), 1, FRESH),
    "8246-2-immutable-in-a-request-means-nothing": (
        held("max-age=60"),
        asking("immutable"),
        60,
        STALE,
    ),
    "9111-5.2.1.1-young-enough": (held("max-age=60"), asking("max-age=30"), 30, FRESH),
    "9111-5.2.1.1-too-old": (
        held("max-age=60"),
        asking("max-age=30"),
        31,
        (MustValidate, Reason.REQUEST_MAX_AGE),
    ),
    "9111-5.2.1.1-zero": (
        held("max-age=60"),
        asking("max-age=0"),
        1,
        (MustValidate, Reason.REQUEST_MAX_AGE),
    ),
    "9111-5.2.1.1-unusable-counts-as-zero": (
        held("max-age=60"),
        asking("max-age=x"),
        1,
        (MustValidate, Reason.REQUEST_MAX_AGE),
    ),
    "9111-5.2.1.1-does-not-prolong": (held("max-age=60"), asking("max-age=90"), 60, STALE),
    "9111-5.2.1.3-fresh-for-long-enough": (held("max-age=60"), asking("min-fresh=20"), 40, FRESH),
    "9111-5.2.1.3-not-for-long-enough": (
        held("max-age=60"),
        asking("min-fresh=20"),
        41,
        (MustValidate, Reason.REQUEST_MIN_FRESH),
    ),
    "9111-5.2.1.3-unusable-is-ignored": (held("max-age=60"), asking("min-fresh=x"), 59, FRESH),
    "9111-5.2.1.2-max-stale": (
        held("max-age=60"),
        asking("max-stale=10"),
        70,
        (Stale, Reason.MAX_STALE),
    ),
    "9111-5.2.1.2-too-stale": (held("max-age=60"), asking("max-stale=10"), 71, STALE),
    "9111-5.2.1.2-of-any-age": (
        held("max-age=60"),
        asking("max-stale"),
        9_999_999,
        (Stale, Reason.MAX_STALE),
    ),
    "9111-5.2.1.2-unusable": (held("max-age=60"), asking("max-stale=x"), 61, STALE),
    "9111-5.2.1.1-max-age-with-max-stale": (
        held("max-age=60"),
        asking("max-age=90, max-stale=10"),
        70,
        (Stale, Reason.MAX_STALE),
    ),
    "9111-5.2.1.1-older-than-both-allow": (
        held("max-age=60"),
        asking("max-age=65, max-stale=10"),
        70,
        (MustValidate, Reason.REQUEST_MAX_AGE),
    ),
    "9111-5.2.1.3-min-fresh-against-max-stale": (
        held("max-age=60"),
        asking("min-fresh=1, max-stale=10"),
        61,
        (MustValidate, Reason.REQUEST_MIN_FRESH),
    ),
    "9111-4.2.4-must-revalidate-before-max-stale": (
        held("max-age=60, must-revalidate"),
        asking("max-stale"),
        61,
        STALE,
    ),
    "9111-4.2.4-proxy-revalidate-before-max-stale": (
        held("max-age=60, proxy-revalidate"),
        asking("max-stale"),
        61,
        STALE,
    ),
    "9111-4.2.4-s-maxage-before-max-stale": (held("s-maxage=60"), asking("max-stale"), 61, STALE),
    "9111-4.2.4-no-cache-before-max-stale": (
        held("max-age=60, no-cache"),
        asking("max-stale"),
        1,
        (MustValidate, Reason.NO_CACHE),
    ),
    "9111-5.2.1.7-fresh": (held("max-age=60"), asking(CACHED), 59, FRESH),
    "9111-5.2.1.7-stale": (
        held("max-age=60"),
        asking(CACHED),
        60,
        (Refuse, Reason.ONLY_IF_CACHED),
    ),
    "9111-5.2.1.7-nothing": (None, asking(CACHED), 0, (Refuse, Reason.ONLY_IF_CACHED)),
    "9111-5.2.1.7-with-max-stale": (
        held("max-age=60"),
        asking("only-if-cached, max-stale"),
        99,
        (Stale, Reason.MAX_STALE),
    ),
    "9111-5.2.1.7-with-other-constraints": (
        held("max-age=60"),
        asking("only-if-cached, max-age=5"),
        6,
        (Refuse, Reason.ONLY_IF_CACHED),
    ),
    "5861-3-inside-the-window": (
        held("max-age=60, stale-while-revalidate=10"),
        GET,
        70,
        (Stale, Reason.STALE_WHILE_REVALIDATE),
    ),
    "5861-3-from-the-very-second": (
        held("max-age=60, stale-while-revalidate=10"),
        GET,
        60,
        (Stale, Reason.STALE_WHILE_REVALIDATE),
    ),
    "5861-3-window-of-a-second": (
        held("max-age=60, stale-while-revalidate=1"),
        GET,
        60.5,
        (Stale, Reason.STALE_WHILE_REVALIDATE),
    ),
    "5861-3-outside-the-window": (
        held("max-age=60, stale-while-revalidate=10"),
        GET,
        71,
        STALE,
    ),
    "5861-3-not-with-must-revalidate": (
        held("max-age=60, stale-while-revalidate=10, must-revalidate"),
        GET,
        61,
        STALE,
    ),
    "9111-5.2.3-with-s-maxage": (
        held("s-maxage=60, stale-while-revalidate=10"),
        GET,
        61,
        (Stale, Reason.STALE_WHILE_REVALIDATE),
    ),
    "9111-5.2.1.1-max-age-wants-nothing-stale": (
        held("max-age=60, stale-while-revalidate=10"),
        asking("max-age=90"),
        61,
        STALE,
    ),
    "5861-3-before-max-stale": (
        held("max-age=60, stale-while-revalidate=10"),
        asking("max-stale=20"),
        61,
        (Stale, Reason.STALE_WHILE_REVALIDATE),
    ),
    "9111-5.2.1.2-max-stale-narrows-the-window": (
        held("max-age=60, stale-while-revalidate=10"),
        asking("max-stale=5"),
        66,
        STALE,
    ),
    "9111-5.2.1.2-max-stale-lifts-what-max-age-wants": (
        held("max-age=60, stale-while-revalidate=10"),
        asking("max-age=90, max-stale=5"),
        61,
        (Stale, Reason.STALE_WHILE_REVALIDATE),
    ),
    "5861-4-stale-if-error-is-not-for-this": (
        held("max-age=60, stale-if-error=10"),
        GET,
        61,
        STALE,
    ),
    "9111-4.2.4-when-disconnected-is-not-yet-known": (held("max-age=60"), GET, 60.001, STALE),
}


@pytest.mark.parametrize(("kept", "request_", "later", "expected"), table(JUDGED))
def test_judge(
    kept: Stored | None, request_: Request, later: float, expected: tuple[type, Reason]
) -> None:
    verdict = reuse.judge(request_, kept, TERMS, T + later, 0.0, variants=kept is not None)
    assert (type(verdict), verdict.reason) == expected
