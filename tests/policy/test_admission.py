"""Whether a response is kept (9111 §3); as what, is in test_admission_kept."""

import pytest

from proxy.http.message import Head, Request
from proxy.policy.admission import REFUSALS, UNDERSTOOD
from proxy.policy.reasons import Family, Reason
from proxy.policy.verdicts import Decline, Keep
from tests.policy.cases import GET, admit, ask, asking, at, bare, control, head, table

LM = f"Last-Modified: {at(-1000)}"
AUTH = ask("Authorization: Basic eDp5")
COOKIE = ask("Cookie: sid=1")
RANGE = ask("Range: bytes=0-4")
POST = ask(method="POST")
SELF = "Content-Location: /thing"
PART = "Content-Range: bytes 0-4/9"


def fresh(*lines: str, status: int = 200) -> Head:
    return head(status, "Cache-Control: max-age=60", *lines)


BY_RESPONSE = {
    "9111-3-max-age": (fresh(), Reason.MAX_AGE),
    "9111-3-s-maxage": (control("s-maxage=60"), Reason.S_MAXAGE),
    "9111-3-expires": (head(200, f"Expires: {at(60)}"), Reason.EXPIRES),
    "9111-3-public": (control("public", LM, status=500), Reason.HEURISTIC),
    "9111-3-heuristically-cacheable": (head(200, LM), Reason.HEURISTIC),
    "9111-3-expired-is-kept-for-validation-or-need": (control("max-age=0"), Reason.MAX_AGE),
    "9111-3-expires-past-is-kept": (head(200, "Expires: 0"), Reason.EXPIRES),
    "9111-3-validator-alone-etag": (head(200, 'ETag: "a"'), Reason.VALIDATOR),
    "9111-3-public-and-a-validator-alone": (
        control("public", 'ETag: "a"', status=500),
        Reason.VALIDATOR,
    ),
    "9111-3-validator-alone-weak-etag": (head(200, 'ETag: W/"a"'), Reason.VALIDATOR),
    "9111-3-validator-alone-date": (head(200, f"Last-Modified: {at(0)}"), Reason.VALIDATOR),
    "9111-3-nothing-at-all": (head(200), Reason.NO_LIFETIME),
    "9111-5.2.2.9-public-without-lifetime-or-validator": (control("public"), Reason.NO_LIFETIME),
    "9110-8.8.3-unquoted-etag-is-no-validator": (head(200, "ETag: a"), Reason.NO_LIFETIME),
    "9110-8.8.2-unreadable-date-is-no-validator": (
        head(200, "Last-Modified: x"),
        Reason.NO_LIFETIME,
    ),
    "9111-5.4-pragma-in-a-response-means-nothing": (fresh("Pragma: no-cache"), Reason.MAX_AGE),
    "9111-5.5-warning-means-nothing": (fresh('Warning: 110 - "stale"'), Reason.MAX_AGE),
    "9111-5.2.2.5-no-store": (control("no-store, max-age=60"), Reason.NO_STORE),
    "9111-5.2.2.5-any-case": (control("No-Store, max-age=60"), Reason.NO_STORE),
    "9111-5.2.2.5-in-another-line": (fresh("Cache-Control: no-store"), Reason.NO_STORE),
    "9111-5.2.2.5-with-an-argument-it-should-not-have": (
        control("no-store=0, max-age=60"),
        Reason.NO_STORE,
    ),
    "9111-5.2-behind-a-broken-quote": (control('x="a, no-store, max-age=60'), Reason.NO_STORE),
    "9111-5.2-behind-a-semicolon": (control("max-age=60; no-store"), Reason.NO_STORE),
    "9111-5.2-inside-a-sound-quote": (control('x="no-store", max-age=60'), Reason.MAX_AGE),
    "9111-5.2.2.7-private": (control("private, max-age=60"), Reason.PRIVATE),
    "9111-5.2.2.7-private-before-public": (control("private, public, max-age=60"), Reason.PRIVATE),
    "9111-5.2.2.7-private-before-s-maxage": (control("private, s-maxage=60"), Reason.PRIVATE),
    "9111-5.2.2.7-qualified": (control('private="x-a", max-age=60'), Reason.MAX_AGE),
    "9111-5.2.2.7-qualified-token-form": (control("private=x-a, max-age=60"), Reason.MAX_AGE),
    "9111-5.2.2.7-qualified-by-nothing": (control('private="", max-age=60'), Reason.PRIVATE),
    "9111-5.2.2.7-both-forms": (control('private="x-a", private, max-age=60'), Reason.PRIVATE),
    "9111-5.2.2.4-no-cache-with-a-validator": (
        control("no-cache, max-age=60", 'ETag: "a"'),
        Reason.MAX_AGE,
    ),
    "9111-5.2.2.4-no-cache-without-one": (control("no-cache, max-age=60"), Reason.NO_VALIDATOR),
    "9111-5.2.2.4-qualified": (control('no-cache="x-a", max-age=60'), Reason.MAX_AGE),
    "9111-5.2.2.7-the-only-validator-is-private": (
        control('private="etag"', 'ETag: "a"'),
        Reason.NO_LIFETIME,
    ),
    "9111-5.2.2.4-the-only-validator-is-not-to-be-reused": (
        control('no-cache="etag", no-cache', 'ETag: "a"'),
        Reason.VALIDATOR,  # both forms: the unqualified one counts, and names no field
    ),
    "9111-7.3-set-cookie": (fresh("Set-Cookie: sid=1"), Reason.SET_COOKIE),
    "9111-7.3-set-cookie-though-public": (
        control("public, max-age=60", "Set-Cookie: sid=1"),
        Reason.SET_COOKIE,
    ),
    "9111-4.1-vary-star": (fresh("Vary: *"), Reason.VARY_STAR),
    "9111-4.1-vary-star-among-others": (fresh("Vary: accept, *"), Reason.VARY_STAR),
    "9111-4.1-vary-star-in-another-line": (fresh("Vary: accept", "Vary: *"), Reason.VARY_STAR),
    "9111-4.1-vary-of-no-field-name": (fresh("Vary: accept encoding"), Reason.VARY_STAR),
    "9111-4.1-vary-of-fields": (fresh("Vary: Accept, , X-A"), Reason.MAX_AGE),
    "9111-3.3-part": (fresh(PART, status=206), Reason.MAX_AGE),
    "9111-3.3-part-of-unknown-size": (
        fresh("Content-Range: bytes 0-4/*", status=206),
        Reason.MAX_AGE,
    ),
    "9111-3.3-unit-not-understood": (fresh("Content-Range: rows 0-4/9", status=206), Reason.RANGE),
    "9111-3.3-multipart": (
        fresh("Content-Type: multipart/byteranges; boundary=x", status=206),
        Reason.RANGE,
    ),
    "9110-14.4-two-places": (fresh(PART, PART, status=206), Reason.RANGE),
    "9110-14.4-backwards": (fresh("Content-Range: bytes 4-0/9", status=206), Reason.RANGE),
    "9110-14.4-beyond-the-size": (fresh("Content-Range: bytes 0-9/9", status=206), Reason.RANGE),
    "9110-14.4-unsatisfied": (fresh("Content-Range: bytes */9", status=206), Reason.RANGE),
    "9110-14.4-means-nothing-in-a-200": (fresh("Content-Range: rows 4-0/9"), Reason.MAX_AGE),
    "9112-8-ended-by-the-connection": (bare(200, "Cache-Control: max-age=60"), Reason.FRAMING),
    "9112-6.3-length-unreadable": (fresh("Content-Length: x"), Reason.FRAMING),
    "9112-6.3-length-negative": (fresh("Content-Length: -5"), Reason.FRAMING),
    "9112-6.3-length-beyond-counting": (fresh("Content-Length: " + "9" * 400), Reason.FRAMING),
    "9112-6.3-two-lengths": (fresh("Content-Length: 5", "Content-Length: 6"), Reason.FRAMING),
    "9110-8.6-length-repeated": (fresh("Content-Length: 5, 5"), Reason.MAX_AGE),
    "9112-6.1-chunked": (
        bare(200, "Cache-Control: max-age=60", "Transfer-Encoding: chunked"),
        Reason.MAX_AGE,
    ),
    "9110-15.3.5-204-has-no-body": (bare(204, "Cache-Control: max-age=60"), Reason.MAX_AGE),
    "9113-8.1-frames-end-a-body": (
        Head(200, bare(200, "Cache-Control: max-age=60").fields, "2"),
        Reason.MAX_AGE,
    ),
    "9213-2.2-no-store-in-the-targeted-field": (
        fresh("CDN-Cache-Control: no-store"),
        Reason.NO_STORE,
    ),
    "9213-2.2-private-in-the-targeted-field": (fresh("CDN-Cache-Control: private"), Reason.PRIVATE),
    "9213-3.1-no-store-for-others-alone": (
        control("no-store", "CDN-Cache-Control: max-age=600"),
        Reason.MAX_AGE,
    ),
    "9213-3.1-none": (control("no-store", "CDN-Cache-Control: none", LM), Reason.HEURISTIC),
    "9213-2.1-broken-leaves-no-store": (
        control("no-store", "CDN-Cache-Control: max-age=600,,"),
        Reason.NO_STORE,
    ),
}


@pytest.mark.parametrize(("response", "reason"), table(BY_RESPONSE))
def test_by_response(response: Head, reason: Reason) -> None:
    assert admit(response).reason is reason


BY_REQUEST = {
    "9111-3-get": (GET, fresh(), Reason.MAX_AGE),
    "9111-2-negative-results": (GET, fresh(status=404), Reason.MAX_AGE),
    "9111-2-redirects": (GET, fresh("Location: /x", status=302), Reason.MAX_AGE),
    "9111-4.3.3-a-full-response-to-a-question": (
        ask('If-None-Match: "a"'),
        fresh('ETag: "b"'),
        Reason.MAX_AGE,
    ),
    "9111-3-head-has-no-body-to-keep": (ask(method="HEAD"), fresh(), Reason.BYPASSED),
    "9111-3-put": (ask(method="PUT"), fresh(SELF), Reason.BYPASSED),
    "9111-3-method-not-understood": (ask(method="BREW"), fresh(), Reason.BYPASSED),
    "9110-9.1-methods-are-case-sensitive": (ask(method="get"), fresh(), Reason.BYPASSED),
    "9111-5.2.1.5-no-store": (asking("no-store"), fresh(), Reason.REQUEST_NO_STORE),
    "9111-5.2.1.4-no-cache-may-be-kept": (asking("no-cache"), fresh(), Reason.MAX_AGE),
    "9111-3.5-authorization": (AUTH, fresh(), Reason.CREDENTIALS),
    "9111-3.5-public": (AUTH, control("public, max-age=60"), Reason.MAX_AGE),
    "9111-3.5-s-maxage": (AUTH, control("s-maxage=60"), Reason.S_MAXAGE),
    "9111-3.5-must-revalidate": (AUTH, control("must-revalidate, max-age=60"), Reason.MAX_AGE),
    "9111-3.5-proxy-revalidate-is-not-named": (
        AUTH,
        control("proxy-revalidate, max-age=60"),
        Reason.CREDENTIALS,
    ),
    "9111-3.5-private-all-the-same": (AUTH, control("private, s-maxage=60"), Reason.PRIVATE),
    "9111-3.5-in-the-targeted-field": (
        AUTH,
        control("public", "CDN-Cache-Control: max-age=60"),
        Reason.CREDENTIALS,
    ),
    "9111-7.3-cookie": (COOKIE, fresh(), Reason.CREDENTIALS),
    "9111-7.3-cookie-and-public": (COOKIE, control("public, max-age=60"), Reason.MAX_AGE),
    "9110-14.2-whole-answer-to-a-range": (RANGE, fresh(), Reason.MAX_AGE),
    "9111-3.3-part": (RANGE, fresh(PART, status=206), Reason.MAX_AGE),
    "9110-15.5.17-416-is-for-one-range": (RANGE, fresh(status=416), Reason.STATUS),
    "9110-15.5.13-412-is-for-one-condition": (
        ask('If-None-Match: "a"'),
        fresh(status=412),
        Reason.STATUS,
    ),
    "9110-9.3.3-post-without-location": (POST, fresh(), Reason.POST),
    "9110-9.3.3-post": (POST, fresh(SELF), Reason.MAX_AGE),
    "9110-9.3.3-post-s-maxage": (POST, control("s-maxage=60", SELF), Reason.S_MAXAGE),
    "9110-9.3.3-post-expires": (POST, head(200, f"Expires: {at(60)}", SELF), Reason.EXPIRES),
    "9110-9.3.3-post-heuristic-is-not-explicit": (POST, head(200, LM, SELF), Reason.POST),
    "9110-9.3.3-post-validator-is-not-freshness": (POST, head(200, 'ETag: "a"', SELF), Reason.POST),
    "9110-9.3.3-post-elsewhere": (POST, fresh("Content-Location: /other"), Reason.POST),
    "9110-9.3.3-post-other-query": (POST, fresh("Content-Location: /thing?a"), Reason.POST),
    "9110-9.3.3-post-other-host": (
        POST,
        fresh("Content-Location: http://x.test/thing"),
        Reason.POST,
    ),
    "9110-9.3.3-post-other-scheme": (
        POST,
        fresh("Content-Location: https://api.test/thing"),
        Reason.POST,
    ),
    "9110-9.3.3-post-absolute": (
        POST,
        fresh("Content-Location: http://API.test:80/thing"),
        Reason.MAX_AGE,
    ),
    "9110-9.3.3-post-relative": (POST, fresh("Content-Location: thing"), Reason.MAX_AGE),
    "9110-9.3.3-post-empty-location": (POST, fresh("Content-Location:"), Reason.POST),
    "9110-9.3.3-post-unusable-location": (POST, fresh("Content-Location: mailto:x"), Reason.POST),
    "9110-9.3.3-post-two-locations": (
        POST,
        fresh(SELF, "Content-Location: /other"),
        Reason.POST,
    ),
    "9110-9.3.3-post-no-store": (POST, control("no-store, max-age=60", SELF), Reason.NO_STORE),
}


@pytest.mark.parametrize(("request_", "response", "reason"), table(BY_REQUEST))
def test_by_request(request_: Request, response: Head, reason: Reason) -> None:
    assert admit(response, request_).reason is reason


# What 9110 §15 defines, less what is reserved (305 is deprecated, 306 and 418 are unused).
NAMED = {*range(200, 207), 300, 301, 302, 303, 307, 308, *range(400, 418), 421, 422, 426} | {
    *range(500, 506)
}
HEURISTIC = {200, 203, 204, 206, 300, 301, 308}
ERRORS = {404, 405, 410, 414, 501}
"""Named as heuristically cacheable by 9110 §15.1, and not by us."""
NEVER = {100, 103, 199, 304, 412, 416, 417, 421, 428, 429, 431, 511}
STATUSES = sorted(
    {
        *HEURISTIC,
        *NEVER,
        *ERRORS,
        201,
        202,
        205,
        299,
        302,
        303,
        307,
        400,
        401,
        403,
        418,
        499,
        500,
        503,
        599,
    }
)


@pytest.mark.parametrize("status", STATUSES)
def test_explicit_freshness_by_status(status: int) -> None:
    """9111 §3: any final status, understood or not, but for those that answer one caller."""
    verdict = admit(fresh(PART, status=status))
    assert isinstance(verdict, Decline if status in NEVER else Keep)


@pytest.mark.parametrize("status", STATUSES)
def test_no_freshness_by_status(status: int) -> None:
    """9111 §3, 9110 §15.1: without explicit freshness only what is heuristically cacheable."""
    verdict = admit(head(status, LM, PART))
    expected = Reason.HEURISTIC if status in HEURISTIC else Reason.STATUS
    assert verdict.reason is expected


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("more", ["", ", no-store"], ids=["alone", "lifting-no-store"])
def test_must_understand_by_status(status: int, more: str) -> None:
    """9111 §5.2.2.3: only what is understood, and for that no-store does not count."""
    verdict = admit(control(f"must-understand, max-age=60{more}", PART, status=status))
    if status in NEVER:
        assert verdict.reason is Reason.STATUS
    else:
        assert verdict.reason is (Reason.MAX_AGE if status in NAMED else Reason.NOT_UNDERSTOOD)


def test_understood() -> None:
    assert UNDERSTOOD == NAMED


def test_malformed_must_understand_does_not_lift_no_store() -> None:
    """9111 §5.2.2.3: it has no argument."""
    verdict = admit(control("must-understand=1, no-store, max-age=60"))
    assert verdict.reason is Reason.NO_STORE


def test_refusals_are_declines() -> None:
    assert {reason.meaning.family for _, reason in REFUSALS} == {Family.DECLINE}
