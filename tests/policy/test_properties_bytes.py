"""Whatever bytes the fields of requests and responses hold."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.http.cache_status import CacheStatus
from proxy.http.message import Fields, Head, Request
from proxy.policy import admission, invalidation, reuse, validation
from proxy.policy.admission import Moment
from proxy.policy.parts import join
from proxy.policy.shaping import shape
from proxy.policy.terms import Caching, Credentials, SetCookie, Terms
from proxy.policy.verdicts import Keep
from tests.policy.cases import T, at

ASKED_NAMES = st.sampled_from(
    [
        *(b"Cache-Control", b"Pragma", b"Range", b"If-Range", b"If-None-Match", b"Cookie"),
        *(b"If-Modified-Since", b"If-Match", b"Accept-Encoding", b"Accept", b"X-A", b"Connection"),
    ]
)
SAID_NAMES = st.sampled_from(
    [
        *(b"Cache-Control", b"CDN-Cache-Control", b"Expires", b"Date", b"Age", b"Vary", b"ETag"),
        *(b"Last-Modified", b"Content-Range", b"Content-Length", b"Content-Location", b"Location"),
        *(b"Connection", b"Set-Cookie", b"Transfer-Encoding", b"X-A"),
    ]
)
WORDS = st.sampled_from(
    [
        *(b"max-age=60", b"s-maxage=9", b"no-cache", b'no-cache="x-a"', b"private", b"public"),
        *(b"max-stale", b"only-if-cached", b"stale-if-error=9", b"must-understand", b"=", b'"'),
        *(b"bytes=0-4", b"bytes 0-4/9", b"bytes=-1", b'"a"', b'W/"a"', b"*", b"x-a", b",", b"5"),
        *(b"/thing", b"//x", b"http://api.test/thing", b"chunked", b"gzip;q=0.5", b"\xff", b"\\"),
        *(at(0).encode(), at(-60).encode(), b"Sun, 31 Feb 2024 00:00:00 GMT", b";", b" ", b"0"),
    ]
)
VALUES = st.binary(max_size=30) | st.lists(WORDS, max_size=4).map(b" ".join) | WORDS
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "BREW", ""])
ANY_TERMS = st.builds(
    Terms,
    cache=st.sampled_from(Caching),
    ttl=st.none() | st.floats(0, 100),
    credentials=st.sampled_from(Credentials),
    set_cookie=st.sampled_from(SetCookie),
    heuristic=st.floats(0, 1),
    jitter=st.floats(0, 1),
    early_refresh=st.floats(0, 2),
    max_ttl=st.none() | st.floats(0, 100),
)
DRAWS = st.floats(0, 1, exclude_max=True)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    lines = draw(st.lists(st.tuples(ASKED_NAMES, VALUES), max_size=5))
    target = draw(st.sampled_from([b"/thing", b"/a/b?c=d", b"*", b"/"]) | st.binary(max_size=10))
    return Request(draw(METHODS), "http", b"api.test", target, Fields(lines))


@st.composite
def heads(draw: st.DrawFn) -> Head:
    lines = draw(st.lists(st.tuples(SAID_NAMES, VALUES), max_size=6))
    framing = ((b"Content-Length", b"5"),) if draw(st.booleans()) else ()
    status = draw(st.sampled_from([200, 206, 204, 301, 304, 404, 500, 100, 299, 999]))
    return Head(status, Fields((*lines, *framing)))


@given(requests(), heads(), ANY_TERMS, DRAWS, requests(), heads(), st.integers(-5, 200))
def test_nothing_raises(  # noqa: PLR0917 - each is drawn
    request_: Request,
    response: Head,
    terms: Terms,
    draw: float,
    later_request: Request,
    later_response: Head,
    later: int,
) -> None:
    reuse.triage(later_request, terms, ambiguous=False)
    invalidation.invalidated(request_, response)
    reuse.judge(later_request, None, terms, T, draw, variants=False)
    verdict = admission.judge(request_, response, terms, Moment(T - 1, T, draw))
    if not isinstance(verdict, Keep):
        return
    held = verdict.stored
    chosen = reuse.select(later_request, [held, held])
    reuse.judge(later_request, chosen, terms, T + later, draw, variants=True)
    reuse.instead_of_error(later_request, held, terms, T + later, unreachable=True)
    validation.conditional(later_request, held)
    validation.confirms(later_response, held)
    validation.agrees(later_response, held)
    merged = validation.updated(held, later_response)
    admission.judge(request_, merged, terms, Moment(T, T + 1, draw))
    join(held, held)
    shaped = shape(later_request, held, T + later, CacheStatus(hit=True))
    assert len(shaped.fields.all(b"age")) == 1


@given(requests(), heads(), ANY_TERMS)
def test_what_is_for_one_caller_is_never_kept(
    request_: Request, response: Head, terms: Terms
) -> None:
    """9111 §3.1, §7.3: neither cookies, nor what proxies say to each other, nor what is listed."""
    verdict = admission.judge(request_, response, terms, Moment(T, T))
    if isinstance(verdict, Keep):
        names = verdict.stored.fields.names()
        listed = (
            verdict.stored.directives.private_fields | verdict.stored.directives.no_cache_fields
        )
        assert b"set-cookie" not in names
        assert (listed - {b"date"}).isdisjoint(names)
        assert not verdict.stored.directives.private
