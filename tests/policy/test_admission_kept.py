"""What is kept of a response (9111 §3.1), and the windows that it leaves open (5861)."""

import pytest

from proxy.http.message import Head, Request
from proxy.http.ranges import ContentRange
from proxy.http.validators import EntityTag
from proxy.policy.reasons import Reason
from proxy.policy.stored import Lifetime
from proxy.policy.terms import Caching, SetCookie, Terms
from proxy.policy.verdicts import Keep
from tests.policy.cases import GET, TERMS, T, admit, ask, at, bare, head, stored, table

FRESH = "Cache-Control: max-age=60"
STRIP = Terms(set_cookie=SetCookie.STRIP)
DATE = f"Date: {at(0)}"

FIELDS = {  # what comes beside FRESH, what is kept beside it
    "9111-3.1-unknown-fields-are-kept": (("X-A: 1", "x-a: 2", DATE), ("X-A: 1", "x-a: 2", DATE)),
    "9111-3.1-connection-and-what-it-names": (
        ("Connection: x-a, close", "X-A: 1", "X-B: 2", DATE),
        ("X-B: 2", DATE),
    ),
    "9111-3.1-hop-by-hop": (
        ("Keep-Alive: timeout=5", "Transfer-Encoding: chunked", "Upgrade: h2c", DATE),
        (DATE,),
    ),
    "9111-3.1-proxy-fields": (
        (
            "Proxy-Authenticate: Basic",
            "Proxy-Authentication-Info: x=y",
            "Proxy-Authorization: z",
            DATE,
        ),
        (DATE,),
    ),
    "9111-4-age-is-written-anew": (("Age: 5", DATE), (DATE,)),
    "9110-8.6-content-length-is-written-anew": (("Content-Length: 5", DATE), (DATE,)),
    "9111-5.2.2.4-qualified-no-cache": (
        ('Cache-Control: no-cache="X-A, x-b"', "X-A: 1", "x-B: 2", "X-C: 3", DATE),
        ('Cache-Control: no-cache="X-A, x-b"', "X-C: 3", DATE),
    ),
    "9111-5.2.2.7-qualified-private": (
        ('Cache-Control: private="x-a"', "X-A: 1", "X-C: 3", DATE),
        ('Cache-Control: private="x-a"', "X-C: 3", DATE),
    ),
    "9110-6.6.1-date-is-added": ((), (DATE,)),
    "9110-6.6.1-an-invalid-date-is-left": (("Date: x",), ("Date: x",)),
    "9111-5.2.2.6-no-transform-nothing-is": (
        ("Cache-Control: no-transform", "Content-Encoding: x", "Content-Type: a/b", DATE),
        ("Cache-Control: no-transform", "Content-Encoding: x", "Content-Type: a/b", DATE),
    ),
    "9111-5.5-warning": (('Warning: 110 - "x"', DATE), ('Warning: 110 - "x"', DATE)),
    "9213-2.2-fields-not-on-the-list-pass": (
        ("Other-Cache-Control: no-store", DATE),
        ("Other-Cache-Control: no-store", DATE),
    ),
    "9211-2-what-came-before-stays": (
        ("Cache-Status: x; hit", DATE),
        ("Cache-Status: x; hit", DATE),
    ),
    "rule-set-cookie-strip": (("Set-Cookie: a=b", "Set-Cookie: c=d", DATE), (DATE,)),
}


@pytest.mark.parametrize(("lines", "kept"), table(FIELDS))
def test_fields(lines: tuple[str, ...], kept: tuple[str, ...]) -> None:
    response = Head(200, bare(200, FRESH, *lines).fields, "2")  # which needs no length to be whole
    verdict = admit(response, terms=STRIP)
    assert isinstance(verdict, Keep)
    assert verdict.stored.fields == bare(200, FRESH, *kept).fields


def test_what_is_known() -> None:
    request = ask("Accept-Encoding: gzip;q=1.0, br", "X-A: 1")
    etag, modified = EntityTag(b"a", weak=True), T - 50
    verdict = admit(
        head(
            *(206, FRESH, 'ETag: W/"a"', f"Last-Modified: {at(-50)}", "Age: 3"),
            *("Vary: X-B, accept-encoding", "Content-Range: bytes 5-9/20"),
        ),
        request,
        delay=2,
    )
    assert isinstance(verdict, Keep)
    known = verdict.stored
    assert (known.status, known.etag, known.last_modified) == (206, etag, modified)
    assert (known.date, known.request_time, known.response_time) == (T, T - 2, T)
    assert (known.age_on_arrival, known.length, known.overdue) == (5, 0, False)
    assert known.lifetime == Lifetime(60, Reason.MAX_AGE, "max-age 60")
    assert known.part == ContentRange(5, 9, 20)
    assert known.selecting == ((b"accept-encoding", b"br,gzip"), (b"x-b", None))
    assert (known.varies, known.shareable, known.directives.max_age) == (True, False, 60)


def test_validator_alone() -> None:
    assert stored('ETag: "a"').lifetime == Lifetime(0, Reason.VALIDATOR, "no lifetime given")


def test_empty_vary_is_none() -> None:
    """9111 §4.1: a Vary that names nothing is not a valid one to prefer."""
    assert not stored(FRESH, "Vary:").varies


def test_private_validators_are_not_known() -> None:
    """9111 §5.2.2.7: the listed fields must not be stored, in whatever form."""
    lines = ("ETag: 'a'", f"Last-Modified: {at(-5)}")
    held = stored('Cache-Control: max-age=60, private="etag, last-modified"', *lines)
    assert (held.etag, held.last_modified) == (None, None)


SHARED = {
    "9111-3.5-public": ("public, max-age=1", TERMS, True),
    "9111-3.5-plain": ("max-age=1", TERMS, False),
    "rule-ttl-alone-overrides-nothing": ("s-maxage=1", Terms(ttl=9.0), True),
    "9111-3.5-override-drops-s-maxage": (
        "s-maxage=1",
        Terms(cache=Caching.OVERRIDE, ttl=9.0),
        False,
    ),
    "9111-3.5-override-without-a-ttl-does-not": (
        "s-maxage=1",
        Terms(cache=Caching.OVERRIDE),
        True,
    ),
}


@pytest.mark.parametrize(("directives", "terms", "expected"), table(SHARED))
def test_shareable(directives: str, terms: Terms, *, expected: bool) -> None:
    assert stored(f"Cache-Control: {directives}", terms=terms).shareable is expected


RULED = Terms(stale_while_revalidate=7.0, stale_if_error=8.0)
OVER = Terms(cache=Caching.OVERRIDE, ttl=9.0, stale_while_revalidate=7.0, stale_if_error=8.0)
BOTH = "stale-while-revalidate=3, stale-if-error=4"

WINDOWS = {
    "5861-3-5861-4-given": (f"max-age=1, {BOTH}", TERMS, (3, 4)),
    "5861-3-5861-4-none": ("max-age=1", TERMS, (0, 0)),
    "5861-3-without-number": ("max-age=1, stale-while-revalidate", TERMS, (0, 0)),
    "5861-4-unusable": ("max-age=1, stale-if-error=x", TERMS, (0, 0)),
    "5861-4-the-smaller-of-two": ("max-age=1, stale-if-error=9, stale-if-error=4", TERMS, (0, 4)),
    "5861-3-zero-is-said": ("max-age=1, stale-while-revalidate=0", RULED, (0, 8)),
    "rule-windows": ("max-age=1", RULED, (7, 8)),
    "rule-windows-yield-to-given": (f"max-age=1, {BOTH}", RULED, (3, 4)),
    "9111-5.2.2.2-must-revalidate": (f"max-age=1, must-revalidate, {BOTH}", RULED, (0, 0)),
    "9111-5.2.2.8-proxy-revalidate": (f"max-age=1, proxy-revalidate, {BOTH}", RULED, (0, 0)),
    "9111-5.2.2.4-no-cache": (f"max-age=1, no-cache, {BOTH}", RULED, (0, 0)),
    "9111-5.2.3-given-beside-s-maxage": (f"s-maxage=1, {BOTH}", TERMS, (3, 4)),
    "9111-5.2.2.10-rule-yields-to-s-maxage": ("s-maxage=1", RULED, (0, 0)),
    "9111-5.2.2.4-qualified-no-cache": ('max-age=1, no-cache="x-a"', RULED, (7, 8)),
    "rule-override-windows": ("s-maxage=1, must-revalidate, no-cache", OVER, (7, 8)),
}


@pytest.mark.parametrize(("directives", "terms", "windows"), table(WINDOWS))
def test_windows(directives: str, terms: Terms, windows: tuple[float, float]) -> None:
    held = stored(f"Cache-Control: {directives}", 'ETag: "a"', terms=terms)
    assert (held.stale_while_revalidate, held.stale_if_error) == windows


SELECTING = {
    "9111-4.1-no-vary": ((), GET, ()),
    "9111-4.1-absent-is-remembered": (("Vary: X-A",), GET, ((b"x-a", None),)),
    "9111-4.1-empty-is-not-absent": (("Vary: X-A",), ask("X-A:"), ((b"x-a", b""),)),
    "9111-4.1-lines-are-combined": (
        ("Vary: x-a",),
        ask("X-A: 1", "X-A: 2"),
        ((b"x-a", b"1, 2"),),
    ),
    "9111-4.1-several-lines-of-vary": (
        ("Vary: x-b, X-A", "Vary: X-a"),
        ask("X-A: 1"),
        ((b"x-a", b"1"), (b"x-b", None)),
    ),
}


@pytest.mark.parametrize(("lines", "request_", "selecting"), table(SELECTING))
def test_selecting(
    lines: tuple[str, ...], request_: Request, selecting: tuple[tuple[bytes, bytes | None], ...]
) -> None:
    assert stored(FRESH, *lines, request=request_).selecting == selecting
