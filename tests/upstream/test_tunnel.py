"""Another protocol on the upstream's connection: bytes both ways from the first one on."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.engine.ports import Switched, Tunnel
from proxy.errors import UpstreamBroken, UpstreamTimeout
from proxy.policy.terms import Timeouts
from proxy.upstream.build import gateway
from proxy.upstream.gateway import Gateway
from tests.plays.scripted import End, ScriptedUpstream, ok, response
from tests.upstream.asking import outbound, read

UPGRADE = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))
SWITCHING = response(
    "101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade", "X-Odd-CASE: 1"
)


@pytest.fixture
async def pool(origin: ScriptedUpstream) -> AsyncIterator[Gateway]:
    upstream = gateway([origin.url])
    yield upstream
    await upstream.aclose()


async def switched(pool: Gateway, times: Timeouts | None = None) -> Tunnel:
    inbound = await pool.open(outbound(*UPGRADE, times=times or Timeouts()))
    assert isinstance(inbound, Switched)
    assert inbound.head.status == 101
    assert inbound.head.fields.first(b"x-odd-case") == b"1"
    return inbound.tunnel


class Echo:
    """A server that switches, and then says what it hears."""

    def __init__(self) -> None:
        self.heard = b""
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(SWITCHING + b"first")
        while data := await reader.read(65_536):
            self.heard += data
            writer.write(data)
            await writer.drain()
        self.ended.set()
        writer.write(b"bye")
        writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, Gateway]]:
    echo = Echo()
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    upstream = gateway([f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"])
    yield echo, upstream
    await upstream.aclose()
    server.close()


async def test_bytes_go_both_ways_from_the_first_on(echo: tuple[Echo, Gateway]) -> None:
    server, pool = echo
    tunnel = await switched(pool)
    assert await tunnel.read() == b"first"
    for said in (b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"\0" * 10):
        await tunnel.write(said)
        assert await tunnel.read() == said
    await tunnel.end()
    assert await tunnel.read() == b"bye"
    assert await tunnel.read() == b""
    assert server.ended.is_set()
    await tunnel.aclose()
    assert pool.dispatcher.stats.in_flight == pool.dispatcher.stats.open == 0


async def test_much_goes_both_ways_without_being_heaped_up(echo: tuple[Echo, Gateway]) -> None:
    _, pool = echo
    tunnel = await switched(pool)
    body, got = b"x" * 4_000_000, 0

    async def write() -> None:
        for at in range(0, len(body), 100_000):
            await tunnel.write(body[at : at + 100_000])

    writing = asyncio.create_task(write())
    while got < len(body) + len(b"first"):
        got += len(await tunnel.read())
    await writing
    await tunnel.aclose()


async def test_a_tunnel_in_which_nothing_moves(pool: Gateway, origin: ScriptedUpstream) -> None:
    origin.reply(SWITCHING, asyncio.Event())
    tunnel = await switched(pool, Timeouts(tunnel=0.1))
    with pytest.raises(UpstreamTimeout):
        await tunnel.read()
    with pytest.raises(UpstreamTimeout):
        await tunnel.write(b"a")
    assert pool.dispatcher.stats.timeouts == {"tunnel": 1}


async def test_a_tunnel_that_breaks(pool: Gateway, origin: ScriptedUpstream) -> None:
    arrived = asyncio.Event()
    origin.reply(SWITCHING, arrived, End.RESET)
    tunnel = await switched(pool)
    arrived.set()
    with pytest.raises(UpstreamBroken):
        await tunnel.read()
    assert pool.dispatcher.stats.in_flight == 0


async def test_a_tunnel_that_is_left(pool: Gateway, origin: ScriptedUpstream) -> None:
    origin.reply(SWITCHING, asyncio.Event())
    tunnel = await switched(pool)
    await tunnel.aclose()
    await tunnel.aclose()
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
    assert pool.dispatcher.stats.in_flight == 0


async def test_an_upstream_that_would_rather_not(pool: Gateway, origin: ScriptedUpstream) -> None:
    """Its answer is an answer; nobody knows what it takes the connection's next bytes for."""
    origin.reply(ok(b"no", status="400 Bad Request"))
    inbound = await pool.open(outbound(*UPGRADE))
    assert not isinstance(inbound, Switched)
    assert await read(inbound) == b"no"
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)


@pytest.mark.parametrize("lines", [(), (UPGRADE[1],)])
async def test_who_did_not_ask_gets_no_tunnel(
    pool: Gateway, origin: ScriptedUpstream, lines: tuple[tuple[bytes, bytes], ...]
) -> None:
    origin.reply(SWITCHING)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(*lines))
