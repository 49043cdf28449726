"""Tunnels over real sockets: a WebSocket's bytes, both ways, their ends, and who may have one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest

from tests.plays.house import House, house
from tests.plays.rawclient import RawClient, request
from tests.plays.scripted import PATIENCE, ScriptedUpstream, ok

ASK: Final = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: xyz")
RULES: Final = [{"name": "chat", "match": {"path": "/chat"}, "cache": "off"}]
AGREED: Final = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"
Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def chatting(talk: Talk, **edge: object) -> AsyncIterator[House]:
    """Run a server that talks in its own protocol behind a 101, and the proxy before it."""
    done: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        done.add(task := asyncio.ensure_future(_converse(talk, reader, writer)))
        await task

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, house(f"http://127.0.0.1:{port}", rules=RULES, edge=edge) as place:
        yield place
        await asyncio.wait_for(asyncio.gather(*done), PATIENCE)


async def _converse(talk: Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(AGREED)
    try:
        await talk(reader, writer)
    finally:
        writer.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes, and at its end a goodbye."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write(b"bye")


async def opened(client: RawClient) -> None:
    await client.send(request("/chat", *ASK))
    while await client.line() != b"\r\n":
        pass


async def test_bytes_go_both_ways() -> None:
    """Any bytes, in any pieces: those that look like HTTP are none."""
    said = b"\x81\x85abcdhello" + request("/evil") + bytes(range(256))
    async with chatting(echo) as proxy, proxy.connect() as client:
        await opened(client)
        await client.send(*(said[at : at + 1] for at in range(len(said))))
        heard = b""
        while len(heard) < len(said):
            heard += await client._some(65_536)  # noqa: SLF001 - bytes, not answers
        assert heard == said


async def test_the_end_of_one_direction_is_passed_on() -> None:
    """The other side may still say what it has to."""
    async with chatting(echo) as proxy, proxy.connect() as client:
        await opened(client)
        await client.send(b"hello")
        client._writer.write_eof()  # noqa: SLF001 - half a close
        assert await client.ended() == b"hellobye"


async def test_a_flood_is_held_back_by_its_reader() -> None:
    """Ten times as much as all buffers hold together, and it arrives whole."""
    whole = 2**25
    sent = [0]

    async def flood(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while sent[0] < whole:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent[0] += 65_536

    async with (
        chatting(flood) as proxy,
        proxy.connect(receive_buffer=65_536) as client,
    ):
        await opened(client)
        last = -1
        while sent[0] != last:
            last = sent[0]
            await asyncio.sleep(0.1)
        assert sent[0] < whole
        assert len(await client.ended()) == whole


@pytest.mark.parametrize("whose", ["client", "upstream"])
async def test_a_tunnel_in_which_nothing_moves_ends(whose: str) -> None:
    over = asyncio.Event()

    async def wait(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        if whose == "upstream":
            return
        await reader.read()
        over.set()

    async with (
        chatting(wait, tunnel_timeout="200ms") as proxy,
        proxy.connect() as client,
    ):
        await opened(client)
        assert await client.ended() == b""
        assert proxy.service.edge_stats.expired == ({"tunnel": 1} if whose == "client" else {})
        if whose == "client":
            await asyncio.wait_for(over.wait(), PATIENCE)


async def test_s8_where_the_cache_is_on_nobody_gets_one(upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    async with house(upstream.url, rules=RULES) as proxy, proxy.connect() as client:
        frame = b"\x81\x80abcd"
        answer = await client.ask(request("/page", *ASK) + frame + request("/marker"))
        assert answer.status == 200
        assert await client.ended() == b""
    assert [heard.target for heard in upstream.heard] == [b"/page"]
