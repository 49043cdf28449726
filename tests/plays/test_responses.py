"""What the client gets: the upstream's response as it is, but for what is between two hops."""

import pytest

from tests.plays.house import House
from tests.plays.scripted import ScriptedUpstream, chunk, crumbs, fresh, ok, response


async def test_repeated_fields_stay_apart_and_in_order(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    lines = ("X-A: 1", "Set-Cookie: a=1", "X-B: 2", "Set-Cookie: b=2", "X-A: 3", "X-C:")
    upstream.reply(ok(b"hello", *lines))
    answer = await proxy.ask("/")
    assert [
        line for line in answer.lines if line[0] in {b"x-a", b"x-b", b"x-c", b"set-cookie"}
    ] == [
        *((b"x-a", b"1"), (b"set-cookie", b"a=1"), (b"x-b", b"2"), (b"set-cookie", b"b=2")),
        *((b"x-a", b"3"), (b"x-c", b"")),
    ]


async def test_what_is_between_two_hops_stays_there(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    lines = ("Connection: X-Mine", "X-Mine: 1", "Keep-Alive: timeout=5", "X-Yours: 2")
    for _ in range(2):
        upstream.reply(ok(b"hello", "Proxy-Connection: x", "Upgrade: h2c", *lines))
        answer = await proxy.ask("/")
        names = {name for name, _ in answer.lines}
        assert not names & {b"x-mine", b"keep-alive", b"proxy-connection", b"upgrade"}
        assert answer.first("x-yours") == b"2"


async def test_via_is_added_to_what_was_there(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok(b"hello", "Via: 1.0 fred, 1.1 origin"))
    assert (await proxy.ask("/")).all("via") == [b"1.0 fred, 1.1 origin, 1.1 sidecache"]


async def test_cache_status_is_added_to_what_was_there(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh(b"hello", "Cache-Status: origin; hit"))
    for _ in range(2):
        answer = await proxy.ask("/")
        assert answer.first("cache-status") == b"origin; hit"
        assert answer.told.startswith("sidecache; ")


async def test_a_date_is_given_to_what_has_none(proxy: House, upstream: ScriptedUpstream) -> None:
    """9110 §6.6.1."""
    upstream.reply(fresh(), ok())
    assert len((await proxy.ask("/")).all("date")) == 1


@pytest.mark.parametrize(
    "status",
    [200, 201, 202, 203, 299, 300, 302, 400, 401, 404, 409, 410, 418, 451, 500, 501, 503, 599],
)
async def test_any_final_status_passes(
    proxy: House, upstream: ScriptedUpstream, status: int
) -> None:
    upstream.reply(ok(b"hello", status=f"{status} Whatever"))
    answer = await proxy.ask("/")
    assert (answer.status, answer.body) == (status, b"hello")


async def test_a_status_without_a_reason(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok")
    assert (await proxy.ask("/")).body == b"ok"


async def test_head_keeps_the_length_and_has_no_body(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(response("200 OK", "Content-Length: 1000"))
    answer = await proxy.ask("/", method="HEAD")
    assert (answer.status, answer.first("content-length"), answer.body) == (200, b"1000", b"")


@pytest.mark.parametrize("line", ["Transfer-Encoding: chunked", "X-A: 1"])
async def test_head_of_what_has_no_length(
    proxy: House, upstream: ScriptedUpstream, line: str
) -> None:
    upstream.reply(response("200 OK", line))
    answer = await proxy.ask("/", method="HEAD")
    assert (answer.status, answer.first("content-length")) == (200, None)


async def test_no_content(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(response("204 No Content", "X-A: 1", "Cache-Control: max-age=60"))
    for _ in range(2):
        answer = await proxy.ask("/")
        assert (answer.status, answer.first("x-a")) == (204, b"1")
        assert answer.first("content-length") is answer.first("transfer-encoding") is None


async def test_a_304_to_the_clients_own_condition(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(response("304 Not Modified", 'ETag: "one"', "Cache-Control: max-age=60"))
    answer = await proxy.ask("/", 'If-None-Match: "one"')
    assert (answer.status, answer.first("etag"), answer.body) == (304, b'"one"', b"")
    assert answer.told == "sidecache; fwd=uri-miss; detail=status"
    assert upstream.heard[0].first("if-none-match") == b'"one"'


@pytest.mark.parametrize(
    "before",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nCache-Control: no-store\r\n\r\n",
        b"HTTP/1.1 102 Processing\r\n\r\n" * 3,
        b"HTTP/1.1 199 Whatever\r\nContent-Length: 0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("in_crumbs", [False, True], ids=["whole", "crumbs"])
async def test_an_interim_response_is_not_the_answer(
    proxy: House, upstream: ScriptedUpstream, before: bytes, *, in_crumbs: bool
) -> None:
    """9110 §15.2: what comes before the final response neither replaces nor colours it."""
    script = before + fresh(b"final")
    upstream.reply(crumbs(script) if in_crumbs else script)
    first, second = [await proxy.ask("/") for _ in range(2)]
    assert (first.status, first.body) == (second.status, second.body) == (200, b"final")
    assert first.first("link") is None
    assert second.told == "sidecache; hit; ttl; detail=fresh"


async def test_the_trailers_of_a_response_are_dropped(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """9110 §6.5.1: they are never merged into the head, kept or not."""
    head = response("200 OK", "Cache-Control: max-age=60", "Transfer-Encoding: chunked")
    upstream.reply(head, chunk(b"hello") + b"0\r\nX-Late: 1\r\nCache-Control: no-store\r\n\r\n")
    for _ in range(2):
        answer = await proxy.ask("/")
        assert (answer.body, answer.first("x-late")) == (b"hello", None)
        assert answer.all("cache-control") == [b"max-age=60"]


async def test_a_content_coding_is_left_alone(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh(b"\x1f\x8bnot really gzip", "Content-Encoding: gzip"))
    for _ in range(2):
        answer = await proxy.ask("/")
        assert answer.body == b"\x1f\x8bnot really gzip"
        assert answer.first("content-encoding") == b"gzip"


async def test_an_answer_of_http_1_0(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
    answer = await proxy.ask("/")
    assert (answer.body, answer.all("via")) == (b"hello", [b"1.0 sidecache"])


async def test_every_answer_tells_of_the_cache(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh())
    upstream.reply(ok(status="404 Not Found"))
    upstream.reply(ok())
    upstream.reply(b"garbage\r\n\r\n")
    answers = [
        await proxy.ask("/a"),
        await proxy.ask("/a"),
        await proxy.ask("/a", "If-None-Match: *"),
        await proxy.ask("/a", "Range: bytes=9-"),
        await proxy.ask("/b"),
        await proxy.ask("/c", method="DELETE"),
        await proxy.ask("/d"),
        await proxy.ask("/e", "Cache-Control: only-if-cached"),
        await proxy.ask("/f#g"),
    ]
    assert [answer.status for answer in answers] == [200, 200, 304, 416, 404, 200, 502, 504, 400]
    for answer in answers:
        assert len(answer.all("cache-status")) == 1
        assert answer.told.startswith("sidecache; ")
