"""The contract of both engines: what is no response, what does not come, what breaks off."""

import asyncio
import socket
from dataclasses import replace

import httpx
import pytest

from proxy.engine.ports import Upstream
from proxy.errors import (
    SidecacheError,
    UpstreamBroken,
    UpstreamBusy,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy.policy.terms import Timeouts
from proxy.upstream.rim import ERRORS
from tests.plays.scripted import End, ScriptedUpstream, Step, crumbs, ok, response
from tests.upstream.asking import SHORT, Make, outbound, own_alone, read, stock_fails


def transport_errors(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in transport_errors(child))]


@pytest.mark.parametrize("kind", transport_errors(httpx.TransportError))
def test_every_foreign_error_has_one_of_ours(kind: type[Exception]) -> None:
    ours = next(ours for foreign, ours in ERRORS if issubclass(kind, foreign))
    assert issubclass(ours, SidecacheError)


def head(*lines: str, status: str = "200 OK") -> bytes:
    return response(status, *lines)


NO_RESPONSE: dict[str, bytes] = {
    "interim-with-body": head("Content-Length: 2", status="103 Hints") + b"hi" + ok(),
    "empty-lines-first": b"\r\n\r\n" + ok(),
    "9112-2.2-bare-cr": b"HTTP/1.1 200 O\rK\r\nContent-Length: 0\r\n\r\n",
    "9112-6.1-coding-twice": head("Transfer-Encoding: chunked, chunked") + b"0\r\n\r\n",
    "garbage": b"garbage\r\n\r\n",
    "status-600": head("Content-Length: 0", status="600 Beyond"),
    "status-99": head("Content-Length: 0", status="99 Below"),
    "status-four-digits": head("Content-Length: 0", status="2000 OK"),
    "101-unasked": head(status="101 Switching Protocols"),
    "9112-6.3-length-and-coding": head("Content-Length: 5", "Transfer-Encoding: chunked"),
    "9112-6.3-coding-and-length": head("Transfer-Encoding: chunked", "Content-Length: 5"),
    "9112-6.3-two-lengths": ok(b"hello", "Content-Length: 6"),
    "9110-8.6-no-number": head("Content-Length: five", "") + b"hello",
    "9110-8.6-sign": head("Content-Length: +5") + b"hello",
    "9110-8.6-negative": head("Content-Length: -1") + b"hello",
    "9110-8.6-huge": head("Content-Length: 99999999999999999999999") + b"hello",
    "9112-6.1-unknown-coding": head("Transfer-Encoding: cow") + b"hello",
    "9112-6.1-identity": head("Transfer-Encoding: identity") + b"hello",
    "9112-6.1-two-codings": head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
    "9110-5.5-nul": ok(b"", "X-A: a\0b"),
    "9110-5.5-control": ok(b"", "X-A: a\x01b"),
    "9112-5.1-space-before-colon": ok(b"", "X-A : b"),
    "9110-5.1-no-name": ok(b"", ": b"),
    "no-colon": ok(b"", "X-A"),
    "first-line-alone": b"HTTP/1.1\r\n\r\n",
    "9112-3-a-request": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
}
LET_PASS: dict[str, bytes] = {
    "100k-head": ok(b"", "X-A: " + "a" * 100_000),
    "9112-6.3-equal-lengths": ok(b"hello", "Content-Length: 5"),
    "9112-6.3-list-of-lengths": head("Content-Length: 5, 5") + b"hello",
    "9112-6.1-in-http-1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "9112-2.2-bare-lf": b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "9112-2.2-one-bare-lf": b"HTTP/1.1 200 OK\r\nX-A: b\nContent-Length: 0\r\n\r\n",
    "9112-5.2-folding": b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "http-2.0": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http-3.7": b"HTTP/3.7 200 OK\r\nContent-Length: 0\r\n\r\n",
    "http-0.9": b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
    "5000-fields": ok(b"", *["X-A: b"] * 5000),
    "201-fields": ok(b"", *["X-A: b"] * 200),
    "70k-head": ok(b"", "X-A: " + "a" * 70_000),
    "33-interims": response("102 Processing") * 33 + ok(),
    "control-in-reason": b"HTTP/1.1 200 O\x07K\r\nContent-Length: 0\r\n\r\n",
}
"""What h11, stock httpx's parser, takes for a response."""


async def refused(pool: Upstream, origin: ScriptedUpstream, said: bytes, *, whole: bool) -> None:
    """Refuse what was said and end the connection; the next request is none the worse."""
    origin.reply(said if whole else crumbs(said))
    with pytest.raises(UpstreamBroken) as caught:
        await pool.send(outbound(times=Timeouts(first_byte=5), repeatable=True))
    assert "X-A" not in str(caught.value)
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound())) == b"good"
    assert [heard.connection for heard in origin.heard] == [1, 2]


@pytest.mark.parametrize("said", NO_RESPONSE.values(), ids=NO_RESPONSE)
async def test_what_is_no_response_is_broken(
    pool: Upstream, origin: ScriptedUpstream, said: bytes
) -> None:
    await refused(pool, origin, said, whole=True)


@own_alone
@pytest.mark.parametrize(
    "said", [said for said in (NO_RESPONSE | LET_PASS).values() if len(said) < 5000]
)
async def test_what_is_no_response_is_broken_crumb_by_crumb(
    pool: Upstream, origin: ScriptedUpstream, said: bytes
) -> None:
    await refused(pool, origin, said, whole=False)


@stock_fails("h11 lets it pass")
@pytest.mark.parametrize("said", LET_PASS.values(), ids=LET_PASS)
async def test_what_is_strictly_no_response_is_broken(
    pool: Upstream, origin: ScriptedUpstream, said: bytes
) -> None:
    await refused(pool, origin, said, whole=True)


ENDS: dict[str, tuple[Step, ...]] = {
    "closed": (End.CLOSE,),
    "reset": (End.RESET,),
    "half-a-head": (b"HTTP/1.1 200 OK\r\nX-A", End.CLOSE),
    "half-a-head-reset": (b"HTTP/1.1 200 OK\r\nX-A", End.RESET),
    "interim-alone": (response("103 Hints"), End.CLOSE),
}


@pytest.mark.parametrize("steps", ENDS.values(), ids=ENDS)
async def test_a_connection_that_ends_before_the_head(
    pool: Upstream, origin: ScriptedUpstream, steps: tuple[Step, ...]
) -> None:
    origin.reply(*steps)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(repeatable=True))
    assert len(origin.heard) == 1


CUT: dict[str, bytes] = {
    "length": response("200 OK", "Content-Length: 5", body=b"hell"),
    "chunk": response("200 OK", "Transfer-Encoding: chunked", body=b"5\r\nhell"),
    "last-chunk": response("200 OK", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"),
    "trailers": response("200 OK", "Transfer-Encoding: chunked", body=b"0\r\nX-T: a\r\n"),
    "bad-size": response("200 OK", "Transfer-Encoding: chunked", body=b"5\r\nhello\r\nxyz\r\n"),
    "no-crlf": response("200 OK", "Transfer-Encoding: chunked", body=b"5\r\nhelloXX0\r\n\r\n"),
    "17-digits": response("200 OK", "Transfer-Encoding: chunked", body=b"f" * 17 + b"\r\n"),
}


@pytest.mark.parametrize("how", [End.CLOSE, End.RESET])
@pytest.mark.parametrize("said", CUT.values(), ids=CUT)
async def test_a_body_that_breaks_off(
    pool: Upstream, origin: ScriptedUpstream, said: bytes, how: End
) -> None:
    origin.reply(said, how)
    with pytest.raises(UpstreamBroken):
        await read(await pool.send(outbound()))
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound())) == b"good"
    assert origin.connections == 2


@pytest.mark.parametrize("part", [b"1;" + b"x" * 70_000, b"0\r\nX-T: " + b"x" * 70_000])
async def test_what_stands_between_chunks_has_an_end(
    pool: Upstream, origin: ScriptedUpstream, part: bytes
) -> None:
    said = response("200 OK", "Transfer-Encoding: chunked", body=part)
    origin.reply(said, *[b"y" * 70_000] * 10, asyncio.Event())
    with pytest.raises(UpstreamBroken):
        await read(await pool.send(outbound(times=SHORT)))


async def test_a_reset_is_no_end_of_a_body(pool: Upstream, origin: ScriptedUpstream) -> None:
    arrived = asyncio.Event()
    origin.reply(response("200 OK", body=b"hell"), arrived, End.RESET)
    inbound = await pool.send(outbound())
    arrived.set()
    with pytest.raises(UpstreamBroken):
        await read(inbound)


# --- time-outs


async def test_no_connection_is_unreachable(engine: Make) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        pool = engine(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UpstreamUnreachable):
            await pool.send(outbound(repeatable=True))
        await pool.aclose()


async def test_a_connection_that_takes_too_long(engine: Make) -> None:
    """A full backlog: the kernel leaves newcomers without an answer."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(deaf.getsockname())
        pool = engine(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(UpstreamTimeout):
            await pool.send(outbound(times=SHORT))
        await pool.aclose()
        for one in waiting:
            one.close()


async def test_a_pool_without_a_free_connection(origin: ScriptedUpstream, engine: Make) -> None:
    origin.reply(response("200 OK", "Content-Length: 5"))
    pool = engine(origin.url, most=1)
    inbound = await pool.send(outbound())
    with pytest.raises(UpstreamBusy) as caught:
        await pool.send(outbound(times=SHORT))
    assert (caught.value.status, caught.value.retry_after) == (503, 1)
    with pytest.raises(UpstreamBusy):
        await pool.send(replace(outbound(), patient=False))
    await inbound.aclose()
    origin.reply(ok())
    assert await read(await pool.send(outbound(times=SHORT))) == b"hello"
    origin.reply(ok())
    assert await read(await pool.send(replace(outbound(), patient=False))) == b"hello"
    await pool.aclose()


@pytest.mark.parametrize(
    "said", [(), (b"HTTP/1.1 200 OK\r\n",), (response("103 Hints"),)], ids=["-", "half", "interim"]
)
async def test_a_response_that_does_not_begin(
    pool: Upstream, origin: ScriptedUpstream, said: tuple[bytes, ...]
) -> None:
    origin.reply(*said, asyncio.Event())
    with pytest.raises(UpstreamTimeout):
        await pool.send(outbound(times=SHORT, repeatable=True))
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
    assert len(origin.heard) == 1


@own_alone
async def test_a_head_that_drips_has_to_be_here_in_time(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    times = Timeouts(first_byte=0.1)
    origin.reply(*dripping(ok(), asyncio.get_running_loop(), every=0.02))
    with pytest.raises(UpstreamTimeout):
        await pool.send(outbound(times=times))


def dripping(said: bytes, loop: asyncio.AbstractEventLoop, every: float) -> list[Step]:
    """Say a byte at a time, with pauses."""
    steps: list[Step] = []
    for at, crumb in enumerate(crumbs(said)):
        pause = asyncio.Event()
        loop.call_later(every * (at + 1), pause.set)
        steps += [crumb, pause]
    return steps


async def test_a_response_that_does_not_go_on(pool: Upstream, origin: ScriptedUpstream) -> None:
    origin.reply(response("200 OK", "Content-Length: 5", body=b"hell"), asyncio.Event())
    inbound = await pool.send(outbound(times=SHORT))
    with pytest.raises(UpstreamTimeout):
        await read(inbound)
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)


async def test_a_slow_body_has_its_own_time(pool: Upstream, origin: ScriptedUpstream) -> None:
    """The time to the first byte may be short and the time between two long."""
    hold = asyncio.Event()
    origin.reply(response("200 OK", "Content-Length: 5"), hold, b"hello")
    inbound = await pool.send(outbound(times=Timeouts(first_byte=0.1, between_bytes=10)))
    asyncio.get_running_loop().call_later(0.2, hold.set)
    assert await read(inbound) == b"hello"


@own_alone
@pytest.mark.parametrize("headed", [False, True], ids=["before-the-head", "in-the-body"])
async def test_a_response_that_is_not_complete_in_time(
    pool: Upstream, origin: ScriptedUpstream, *, headed: bool
) -> None:
    said = [response("200 OK", "Content-Length: 50")] if headed else []
    origin.reply(*said, *dripping(b"HTTP/1.1 200 OK\r\n" * 3, asyncio.get_running_loop(), 0.02))
    with pytest.raises(UpstreamTimeout):
        await read(await pool.send(outbound(times=Timeouts(total=0.2))))
    assert issubclass(UpstreamTimeout, UpstreamError)
