"""Slow clients of four kinds, and crowds: each ends within its deadline and holds nobody up.

Deadlines are short here; no play asserts how soon something happens, only that it does.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from tests.plays.house import House, house
from tests.plays.rawclient import RawClient, request
from tests.plays.scripted import ScriptedUpstream, fresh, ok, response

SHORT = {
    "head_timeout": "200ms",
    "idle_timeout": "300ms",
    "body_timeout": "200ms",
    "send_timeout": "300ms",
    "linger": "200ms",
}
PIECE = b"x" * 65_536


@pytest.fixture
async def hasty(upstream: ScriptedUpstream) -> AsyncIterator[House]:
    async with house(upstream.url, edge=SHORT) as place:
        yield place


async def drip(client: RawClient, pieces: bytes) -> None:
    """Send byte by byte, slowly, as long as somebody listens."""
    for byte in pieces:
        try:
            await client.send(bytes([byte]))
        except ConnectionError:
            return
        await asyncio.sleep(0.03)


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHo", b"\r\n", b"G"])
async def test_r1_a_silent_or_slow_head_ends(
    hasty: House, upstream: ScriptedUpstream, sent: bytes
) -> None:
    """Who said something is told, who said nothing is not."""
    async with hasty.connect() as client:
        await client.send(sent)
        if sent:
            assert (await client.read()).status == 408
        assert await client.ended() == b""
    assert not upstream.heard
    assert hasty.service.edge_stats.expired == ({} if sent else {"silent": 1})


async def test_r1_a_dripping_head_ends(hasty: House, upstream: ScriptedUpstream) -> None:
    async with hasty.connect() as client:
        dripping = asyncio.ensure_future(drip(client, request("/", "X-A: " + "a" * 200)))
        assert (await client.read()).status == 408
        assert await client.ended() == b""
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
    assert not upstream.heard


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_r1_a_slow_body_ends(hasty: House, upstream: ScriptedUpstream, framing: str) -> None:
    """The upstream sees a request that broke off."""
    upstream.reply(ok())
    async with hasty.connect() as client:
        await client.send(request("/", framing, method="POST"))
        dripping = asyncio.ensure_future(drip(client, b"1\r\nx\r\n" * 100))
        answer = await client.read()
        assert (answer.status, answer.first("connection")) == (408, b"close")
        assert await client.ended() == b""
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
    heard = upstream.heard[0]
    await asyncio.wait_for(heard.gone.wait(), 10)
    assert not heard.complete.is_set()


@pytest.mark.parametrize("control", ["Cache-Control: max-age=60", "Cache-Control: no-store"])
async def test_r1_a_client_that_does_not_read_ends(
    hasty: House, upstream: ScriptedUpstream, control: str
) -> None:
    """A zero window: what the upstream still had to say is given up."""
    whole = 2**26
    head = response("200 OK", control, f"Content-Length: {whole}")
    upstream.reply(head, (PIECE for _ in range(whole // len(PIECE))))
    async with hasty.connect(receive_buffer=65_536) as client:
        await client.send(request("/large"))
        await client.head()
        await asyncio.wait_for(upstream.heard[0].gone.wait(), 10)
        await hasty.quiet()
    assert upstream.heard[0].sent < whole
    assert hasty.service.edge_stats.expired == {"unread": 1}


async def test_r1_a_client_that_does_not_read_a_stored_answer_ends(
    upstream: ScriptedUpstream,
) -> None:
    """Nobody else waits behind it, and its memory is given back."""
    store = {"memory": {"max_object_share": "100%"}}
    rule = {"name": "all", "max_body": "64MiB"}
    async with house(upstream.url, edge=SHORT, store=store, rules=[rule]) as proxy:
        upstream.reply(fresh(PIECE * 512))
        await proxy.ask("/large")
        async with proxy.connect(receive_buffer=65_536) as client:
            await client.send(request("/large"))
            await client.head()
            assert len((await proxy.ask("/large")).body) == 2**25
            await proxy.quiet()
            assert len(await client.ended()) < 2**25


async def test_r1_a_slow_reader_that_moves_is_served(
    hasty: House, upstream: ScriptedUpstream
) -> None:
    """A phone on a train is not an attacker."""
    upstream.reply(ok(PIECE * 64, "Cache-Control: no-store"))
    async with hasty.connect(receive_buffer=65_536) as client:
        await client.send(request("/large"))
        answer = await client.head()
        while await answer.piece():  # noqa: ASYNC110 - slowly, on purpose
            await asyncio.sleep(0.01)
    assert len(answer.body) == 2**22


async def test_an_idle_connection_ends_and_a_busy_one_does_not(
    hasty: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh())
    async with hasty.connect() as idle, hasty.connect() as busy:
        assert (await idle.ask(request("/"))).body == b"hello"
        for _ in range(10):
            assert (await busy.ask(request("/"))).body == b"hello"
            await asyncio.sleep(0.05)
        assert await idle.ended() == b""
        assert hasty.service.edge_stats.expired == {"idle": 1}


async def test_a_long_poll_and_its_client_may_wait(
    hasty: House, upstream: ScriptedUpstream
) -> None:
    """No deadline of the client's runs while it waits for an answer, or between two events."""
    hold, more = asyncio.Event(), asyncio.Event()
    head = response("200 OK", "Content-Type: text/event-stream", "Cache-Control: no-store")
    chunks = head.removesuffix(b"\r\n") + b"Transfer-Encoding: chunked\r\n\r\n"
    upstream.reply(hold, chunks, b"5\r\ndata:\r\n", more, b"4\r\n 1\n\n\r\n0\r\n\r\n")
    async with hasty.connect() as client:
        await client.send(request("/events"))
        await asyncio.sleep(0.7)
        hold.set()
        answer = await client.head()
        assert await answer.piece() == b"data:"
        await asyncio.sleep(0.7)
        more.set()
        assert await answer.rest() == b"data: 1\n\n"


async def test_r1_a_crowd_of_slow_clients_keeps_nobody_from_being_served(
    upstream: ScriptedUpstream,
) -> None:
    """Above the cap each is told so; room is made as the slow ones end."""
    upstream.reply(fresh())
    async with (
        house(upstream.url, edge={**SHORT, "connections": 20}) as proxy,
        AsyncExitStack() as s,
    ):
        await proxy.ask("/")
        slow = [await s.enter_async_context(proxy.connect()) for _ in range(20)]
        for client in slow:
            await client.send(b"GET / HT")
        refused = await proxy.ask("/")
        assert (refused.status, refused.first("retry-after")) == (503, b"1")
        assert {(await client.read()).status for client in slow} == {408}
        for client in slow:
            assert await client.ended() == b""
        async with asyncio.timeout(10):
            while (await proxy.ask("/")).status != 200:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.02)


async def test_connections_of_one_peer(upstream: ScriptedUpstream) -> None:
    async with (
        house(upstream.url, edge={"connections_per_peer": 1}) as proxy,
        proxy.connect() as first,
    ):
        upstream.reply(ok())
        assert (await first.ask(request("/"))).status == 200
        assert (await proxy.ask("/")).status == 503
