"""The contract of both engines: bodies that flow, early answers, back-pressure."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.engine.ports import Upstream
from proxy.errors import ClientGone, UpstreamBroken, UpstreamError, UpstreamTimeout
from proxy.policy.terms import Timeouts
from proxy.upstream.exchange import HIGH
from proxy.upstream.gateway import Gateway
from tests.plays.scripted import ScriptedUpstream, chunk, ok, response
from tests.upstream.asking import Make, outbound, own_alone, read, stock_fails

MIB = 1_048_576


async def endless(started: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 16_384
        if started is not None:
            started.set()
        await asyncio.sleep(0)


async def test_a_body_is_read_as_it_comes(pool: Upstream, origin: ScriptedUpstream) -> None:
    more = asyncio.Event()
    head = response("200 OK", "Transfer-Encoding: chunked")
    origin.reply(head + chunk(b"one"), more, chunk(b"two") + b"0\r\n\r\n")
    body = aiter((await pool.send(outbound())).chunks())
    assert await anext(body) == b"one"
    more.set()
    assert [piece async for piece in body] == [b"two"]


@pytest.mark.parametrize("coded", [True, False], ids=["chunked", "length"])
async def test_a_slow_reader_holds_the_upstream_back(
    pool: Upstream, origin: ScriptedUpstream, *, coded: bool
) -> None:
    """What is not read stays with the upstream, but for what sockets and one buffer hold."""
    size = 64 * MIB
    piece = chunk(b"x" * 65_536) if coded else b"x" * 65_536
    line = "Transfer-Encoding: chunked" if coded else f"Content-Length: {size}"
    origin.reply(response("200 OK", line), (piece for _ in range(size // 65_536)))
    body = aiter((await pool.send(outbound())).chunks())
    await anext(body)
    before = -1
    while origin.heard[0].sent > before:
        before = origin.heard[0].sent
        await asyncio.sleep(0.05)
    assert before < size / 2
    await anext(body)


@own_alone
async def test_what_waits_to_be_read_is_bounded(pool: Upstream, origin: ScriptedUpstream) -> None:
    size = 16 * MIB
    said = response("200 OK", f"Content-Length: {size}")
    origin.reply(said, (b"x" * 65_536 for _ in range(size // 65_536)))
    inbound = await pool.send(outbound())
    await asyncio.sleep(0.05)
    longest, total = 0, 0
    async for piece in inbound.chunks():
        longest, total = max(longest, len(piece)), total + len(piece)
    assert total == size
    assert longest <= HIGH
    assert origin.connections == 1


async def test_an_upload_goes_no_faster_than_it_is_taken(engine: Make) -> None:
    """A peer that reads nothing: the client's body waits, and at last the time is up."""
    offered = 0

    async def upload() -> AsyncIterator[bytes]:
        nonlocal offered
        async for piece in endless():
            offered += len(piece)
            yield piece

    writers: list[asyncio.StreamWriter] = []

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert isinstance(reader, asyncio.StreamReader)
        writers.append(writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # it reads

    server = await asyncio.start_server(deaf, "127.0.0.1", 0, limit=1024)
    pool = engine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    times = Timeouts(between_bytes=0.3)
    try:
        with pytest.raises(UpstreamTimeout):
            await pool.send(outbound(method="POST", body=upload(), times=times))
        assert offered < 32 * MIB
    finally:
        await pool.aclose()
        for writer in writers:
            writer.transport.abort()
        server.close()


@stock_fails("it sends the whole body before it looks for an answer")
@pytest.mark.parametrize("status", ["413 Too Large", "200 OK"])
async def test_an_early_answer_ends_the_upload(
    pool: Upstream, origin: ScriptedUpstream, status: str
) -> None:
    """Such a connection carries half a request and is not used again (9112 §9.3, §9.6)."""
    waiting = asyncio.Event()

    async def upload() -> AsyncIterator[bytes]:
        yield b"some"
        await waiting.wait()

    origin.reply(ok(b"hello", status=status), early=True)
    async with asyncio.timeout(0.5):
        inbound = await pool.send(outbound(method="POST", body=upload()))
    assert inbound.head.status == int(status[:3])
    assert await read(inbound) == b"hello"
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound())) == b"good"
    assert [heard.connection for heard in origin.heard] == [1, 2]


@own_alone
async def test_an_upload_that_breaks_off_as_the_answer_begins(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    """The client's error is no error of the answer's: that is told as the upstream's end."""
    gone = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"x"
        await gone.wait()
        raise ClientGone("the client left")

    said = response("200 OK", "Content-Length: 10", body=b"hello")
    origin.reply(response("103 Early Hints") + said, early=True)
    inbound = await pool.send(outbound(body=body(), method="POST", informed=lambda _: gone.set()))
    with pytest.raises(UpstreamBroken):
        await read(inbound)


@own_alone
async def test_an_early_answer_may_go_on_when_the_upload_has_ended(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    more = asyncio.Event()
    said = response("200 OK", "Content-Length: 5", body=b"he")
    origin.reply(said, more, b"llo", early=True)
    started = asyncio.Event()
    inbound = await pool.send(outbound(method="POST", body=endless(started)))
    assert started.is_set()
    more.set()
    assert await read(inbound) == b"hello"


async def test_an_upload_may_take_longer_than_any_wait(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    """A client that is slow is none of the upstream's faults; it has deadlines of its own."""

    async def slow() -> AsyncIterator[bytes]:
        yield b"a"
        await asyncio.sleep(0.3)
        yield b"b"

    origin.reply(ok())
    times = Timeouts(first_byte=0.2, between_bytes=0.2)
    inbound = await pool.send(outbound(method="POST", body=slow(), times=times))
    assert await read(inbound) == b"hello"


async def test_an_upstream_that_hangs_up_on_an_upload(engine: Make) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.transport.abort()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    pool = engine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(method="POST", body=endless()))
    await pool.aclose()
    server.close()


@own_alone
async def test_nothing_is_left_when_all_is_over(pool: Upstream, origin: ScriptedUpstream) -> None:
    assert isinstance(pool, Gateway)
    stats = pool.dispatcher.stats
    for _ in range(3):
        origin.reply(ok())
    await asyncio.gather(*[_read(pool) for _ in range(3)])
    assert (stats.in_flight, stats.open, stats.idle) == (0, 3, 3)
    await pool.aclose()
    assert (stats.open, stats.idle) == (0, 0)


async def _read(pool: Upstream) -> bytes:
    try:
        return await read(await pool.send(outbound()))
    except UpstreamError:
        return b""
