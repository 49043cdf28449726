"""Bodies far larger than what may be held of them: measured on a process of its own."""

import asyncio

import pytest

from tests.plays.process import serving
from tests.plays.rawclient import connected, request
from tests.plays.scripted import ScriptedUpstream, chunk, fresh, ok, response

MIB = 2**20
GIB = 1024 * MIB
SIZE = 256 * MIB
PIECE = b"x" * (256 * 1024)
ALLOWED = 40 * MIB


@pytest.mark.parametrize(
    ("framing", "size"), [(f"Content-Length: {GIB}", GIB), ("Transfer-Encoding: chunked", SIZE)]
)
async def test_a_large_download(upstream: ScriptedUpstream, framing: str, size: int) -> None:
    """Too large to be kept: by its length, which is known, or by growing."""
    in_chunks = "chunked" in framing
    piece = chunk(PIECE) if in_chunks else PIECE
    body = (piece for _ in range(size // len(PIECE)))
    with serving("--upstream", upstream.url) as proxy:
        upstream.reply(fresh())
        async with connected(proxy.port) as client:
            await client.ask(request("/small"))
            before = proxy.peak_memory()
            head = response("200 OK", "Cache-Control: max-age=60", framing)
            upstream.reply(head, body, b"0\r\n\r\n" if in_chunks else b"")
            await client.send(request("/large"))
            assert await (await client.head()).count() == size
        assert proxy.peak_memory() - before < ALLOWED


async def test_a_large_upload(upstream: ScriptedUpstream) -> None:
    upstream.keeping = False
    with serving("--upstream", upstream.url) as proxy:
        upstream.reply(fresh())
        upstream.reply(ok(b"thanks"))
        async with connected(proxy.port) as client:
            await client.ask(request("/small"))
            before = proxy.peak_memory()
            await client.send(request("/", f"Content-Length: {SIZE}", method="PUT"))
            sending = asyncio.create_task(client.send(*[PIECE] * (SIZE // len(PIECE))))
            assert (await client.read()).body == b"thanks"
            await sending
        assert proxy.peak_memory() - before < ALLOWED
