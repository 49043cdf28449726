"""An upstream that is down, hangs, lies or breaks off: what the client sees, what is kept."""

import asyncio
import socket

import orjson
import pytest

from proxy.http import dates
from tests.plays.house import House, house
from tests.plays.rawclient import Cut
from tests.plays.scripted import (
    End,
    ScriptedUpstream,
    Step,
    chunk,
    chunked,
    crumbs,
    fresh,
    ok,
    response,
)

CHUNKED = response("200 OK", "Transfer-Encoding: chunked", "Cache-Control: max-age=60")
SHORT = response("200 OK", "Content-Length: 10", "Cache-Control: max-age=60", body=b"hello")

NO_ANSWER: dict[str, tuple[Step, ...]] = {
    "closed-at-once": (End.CLOSE,),
    "reset-at-once": (End.RESET,),
    "closed-in-the-head": (fresh()[:20], End.CLOSE),
    "reset-in-the-head": (fresh()[:20], End.RESET),
    "closed-after-100": (b"HTTP/1.1 100 Continue\r\n\r\n", End.CLOSE),
    "not-http": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n",),
    "binary": (b"\x16\x03\x01\x02\x00\r\n\r\n",),
    "status-000": (b"HTTP/1.1 000 Nothing\r\nContent-Length: 0\r\n\r\n",),
    "status-600": (b"HTTP/1.1 600 Beyond\r\nContent-Length: 0\r\n\r\n",),
    "status-999": (b"HTTP/1.1 999 Beyond\r\nContent-Length: 0\r\n\r\n",),
    "status-20": (b"HTTP/1.1 20 OK\r\n\r\n",),
    "switching": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ),
    "no-colon": (b"HTTP/1.1 200 OK\r\nContent-Length 0\r\n\r\n",),
    "field-without-name": (b"HTTP/1.1 200 OK\r\n: 1\r\nContent-Length: 0\r\n\r\n",),
    "space-before-colon": (b"HTTP/1.1 200 OK\r\nX-A : 1\r\nContent-Length: 0\r\n\r\n",),
    "nul-in-a-value": (ok(b"", "X-A: a\0b"),),
    "control-in-a-value": (ok(b"", "X-A: a\x01b", "Cache-Control: max-age=60"),),
    "bare-cr-in-a-value": (ok(b"", "X-A: a\rb"),),
    "length-and-coding": (response("200 OK", "Content-Length: 5", "Transfer-Encoding: chunked"),),
    "two-lengths": (response("200 OK", "Content-Length: 5", "Content-Length: 6", body=b"hello"),),
    "negative-length": (response("200 OK", "Content-Length: -1"),),
    "unknown-coding": (response("200 OK", "Transfer-Encoding: gzip, chunked"),),
    "endless-head": (b"HTTP/1.1 200 OK\r\n", (b"X-A: " + b"a" * 1000 + b"\r\n") * 500),
}


@pytest.mark.parametrize("steps", NO_ANSWER.values(), ids=NO_ANSWER)
async def test_what_is_no_answer_is_a_bad_gateway(
    proxy: House, upstream: ScriptedUpstream, steps: tuple[Step, ...]
) -> None:
    """A 502 with a problem by RFC 9457; nothing is kept, nothing is repeated."""
    upstream.reply(*steps)
    answer = await proxy.ask("/thing")
    assert (answer.status, answer.told) == (502, "sidecache; fwd=uri-miss; detail=upstream-broken")
    assert answer.first("content-type") == b"application/problem+json"
    assert answer.first("cache-control") == b"no-store"
    assert dates.parse(answer.first("date") or b"")
    problem = orjson.loads(answer.body)
    assert (problem["status"], problem["title"]) == (502, "Upstream broke off")
    upstream.reply(fresh())
    assert (await proxy.ask("/thing")).body == b"hello"
    assert len(upstream.heard) == 2


async def test_an_upstream_that_refuses_connections() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken, and nobody listens
        async with house(f"http://127.0.0.1:{taken.getsockname()[1]}") as proxy:
            answer = await proxy.ask("/thing")
    assert answer.status == 502
    assert answer.told == "sidecache; fwd=uri-miss; detail=upstream-unreachable"
    assert orjson.loads(answer.body)["title"] == "Upstream unreachable"
    assert b"127.0.0.1" not in answer.body  # where it is is nobody's business


async def test_an_upstream_that_says_nothing(upstream: ScriptedUpstream) -> None:
    upstream.reply(asyncio.Event())
    async with house(upstream.url, upstream={"timeouts": {"first_byte": "50ms"}}) as proxy:
        answer = await proxy.ask("/thing")
    assert answer.status == 504
    assert answer.told == "sidecache; fwd=uri-miss; detail=upstream-timeout"
    await upstream.heard[0].gone.wait()


async def test_an_upstream_that_stops_in_the_middle(upstream: ScriptedUpstream) -> None:
    """Time between two pieces is bounded too; the answer is cut, not ended."""
    upstream.reply(SHORT, asyncio.Event())
    async with house(upstream.url, upstream={"timeouts": {"between_bytes": "50ms"}}) as proxy:
        with pytest.raises(Cut) as cut:
            await proxy.ask("/thing")
    assert cut.value.body == b"hello"


CUT: dict[str, tuple[Step, ...]] = {
    "by-length-closed": (SHORT, End.CLOSE),
    "by-length-reset": (SHORT, End.RESET),
    "in-chunks-closed": (CHUNKED, chunk(b"hello"), End.CLOSE),
    "in-chunks-reset": (CHUNKED, chunk(b"hello"), End.RESET),
    "in-the-middle-of-a-chunk": (CHUNKED, chunk(b"hello"), b"5\r\nwo", End.CLOSE),
    "before-the-last-chunk": (CHUNKED, chunk(b"hello"), b"0\r\n", End.CLOSE),
    "a-chunk-of-no-size": (CHUNKED, chunk(b"hello"), b"zz\r\n"),
    "not-kept-by-length": (SHORT.replace(b"max-age=60", b"no-store"), End.CLOSE),
    "not-kept-in-chunks": (CHUNKED.replace(b"max-age=60", b"no-store"), chunk(b"hello"), End.CLOSE),
}


@pytest.mark.parametrize("steps", CUT.values(), ids=CUT)
async def test_a_body_that_breaks_off_is_visibly_cut_and_not_kept(
    proxy: House, upstream: ScriptedUpstream, steps: tuple[Step, ...]
) -> None:
    """9112 §8: neither a last chunk nor a full length may hide that something is missing."""
    upstream.reply(*steps)
    with pytest.raises(Cut) as cut:
        await proxy.ask("/thing")
    assert b"hello".startswith(cut.value.body[:5])
    upstream.reply(fresh(b"whole"))
    answer = await proxy.ask("/thing")
    assert (answer.body, answer.told) == (
        b"whole",
        "sidecache; fwd=uri-miss; ttl; stored; detail=uri-miss",
    )


@pytest.mark.parametrize("how", [End.CLOSE, End.RESET])
async def test_a_body_that_ends_with_its_connection_is_passed_on_and_not_kept(
    proxy: House, upstream: ScriptedUpstream, how: End
) -> None:
    """Nobody can tell whether it was complete (9112 §8); a reset says that it was not."""
    upstream.reply(response("200 OK", "Cache-Control: max-age=60", body=b"hello"), how)
    if how is End.RESET:
        with pytest.raises(Cut):
            await proxy.ask("/thing")
    else:
        answer = await proxy.ask("/thing")
        assert (answer.body, answer.told) == (b"hello", "sidecache; fwd=uri-miss; detail=framing")
    upstream.reply(fresh(b"whole"))
    assert (await proxy.ask("/thing")).body == b"whole"


async def test_an_idle_connection_that_was_closed_costs_nothing(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """9112 §9.5: the upstream gave up keep-alive between two requests."""
    upstream.reply(fresh(), End.CLOSE)
    await proxy.ask("/a")
    await upstream.heard[0].gone.wait()
    upstream.reply(fresh())
    assert (await proxy.ask("/b")).status == 200


@pytest.mark.parametrize("how", [End.CLOSE, End.RESET])
async def test_a_reused_connection_that_gives_nothing_is_tried_once_more(
    proxy: House, upstream: ScriptedUpstream, how: End
) -> None:
    upstream.reply(fresh())
    await proxy.ask("/a")
    upstream.reply(how)
    upstream.reply(fresh(b"second"))
    assert (await proxy.ask("/b")).body == b"second"
    assert [heard.connection for heard in upstream.heard] == [1, 1, 2]


@pytest.mark.parametrize(
    ("method", "body", "said"),
    [
        pytest.param("POST", b"", (End.CLOSE,), id="9110-9.2.2-post"),
        pytest.param("PATCH", b"", (End.CLOSE,), id="9110-9.2.2-patch"),
        pytest.param("PUT", b"body", (End.CLOSE,), id="9110-9.2.2-a-body"),
        pytest.param("GET", b"", (b"garbage\r\n\r\n",), id="9110-9.2.2-garbage"),
    ],
)
async def test_what_may_not_be_repeated_is_sent_once(
    proxy: House, upstream: ScriptedUpstream, method: str, body: bytes, said: tuple[Step, ...]
) -> None:
    upstream.reply(fresh())
    await proxy.ask("/a")
    upstream.reply(*said)
    lines = (f"Content-Length: {len(body)}",) if body else ()
    assert (await proxy.ask("/b", *lines, method=method, body=body)).status == 502
    assert len(upstream.heard) == 2


async def test_an_upstream_that_answers_before_the_upload_is_over(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(ok(b"enough", status="413 Content Too Large"), early=True)
    body = b"x" * 5_000_000
    answer = await proxy.ask("/", f"Content-Length: {len(body)}", method="POST", body=body)
    assert (answer.status, answer.body) == (413, b"enough")


async def test_a_body_in_crumbs(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(crumbs(CHUNKED + chunked(b"he", b"l", b"lo")))
    assert [(await proxy.ask("/thing")).body for _ in range(2)] == [b"hello", b"hello"]
