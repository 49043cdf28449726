"""Cancelled at any await, the own engine leaves nothing dirty behind."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from proxy.errors import SidecacheError
from proxy.upstream.build import Plan, gateway
from proxy.upstream.gateway import Gateway
from tests.plays.scripted import ScriptedUpstream, response
from tests.upstream.asking import outbound, read


class Marked:
    """A server that answers each target with its own name, in its own time and shape."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.tasks: set[asyncio.Task[None] | None] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"chunked" in head:
                    await reader.readuntil(b"0\r\n\r\n")
                await self._answer(head.split(b" ", 2)[1], writer)
        writer.close()

    async def _answer(self, mark: bytes, writer: asyncio.StreamWriter) -> None:
        body = mark * self._chance.choice([1, 100, 20_000])
        said = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        surplus = len(said) > 60 and self._chance.random() < 0.1
        writer.write(said[:20])
        await self._pause()
        writer.write(said[20:60])
        await self._pause()
        writer.write(said[60:] + (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil" * surplus))
        await writer.drain()

    async def _pause(self) -> None:
        if self._chance.random() < 0.5:
            await asyncio.sleep(self._chance.random() / 500)


async def one(pool: Gateway, number: int, chance: random.Random) -> bool:
    """Ask, perhaps with a body, perhaps not to the end; tell whether all of it came."""
    mark = b"/%d-" % number

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1000
            await asyncio.sleep(chance.random() / 1000)

    body = upload() if chance.random() < 0.3 else None
    inbound = await pool.send(outbound(target=mark, body=body, method="POST" if body else "GET"))
    if chance.random() < 0.2:
        await inbound.aclose()
        return False
    got = await read(inbound)
    assert got.replace(mark, b"") == b""
    return True


@pytest.mark.parametrize("seed", range(6))
async def test_whatever_is_cancelled_whenever(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a play, not a secret
    marked = Marked(chance)
    server = await asyncio.start_server(marked, "127.0.0.1", 0, limit=2**20)
    port = server.sockets[0].getsockname()[1]
    pool = gateway([f"http://127.0.0.1:{port}"], Plan(most=8, queue=1000, queue_seconds=30))
    stats = pool.dispatcher.stats
    done = 0
    for _ in range(8):
        tasks = [asyncio.create_task(one(pool, chance.randrange(10**6), chance)) for _ in range(25)]
        for task in tasks:
            if chance.random() < 0.5:
                delay = chance.random() / 50
                asyncio.get_running_loop().call_later(delay, task.cancel)
        async with asyncio.timeout(30):
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(result, bool | asyncio.CancelledError | SidecacheError), result
                done += result is True
    assert done > 20
    assert (stats.in_flight, stats.waiting) == (0, 0)
    assert stats.open == stats.idle <= 8
    assert all(member.in_flight == 0 for member in pool.dispatcher.members)
    async with asyncio.timeout(30):
        again = [one(pool, number, random.Random(1)) for number in range(8)]  # noqa: S311 - see above
        await asyncio.gather(*again)
    await pool.aclose()
    assert stats.open == 0
    server.close()
    await asyncio.gather(*(task for task in marked.tasks if task), return_exceptions=True)


async def test_cancelled_between_an_early_answer_and_the_end_of_its_upload() -> None:
    """The head is here, the upload is being stopped, and then the one who asked leaves."""
    stopping = asyncio.Event()

    async def upload() -> AsyncIterator[bytes]:
        yield b"x"
        try:
            await asyncio.Event().wait()
        finally:
            stopping.set()
            await asyncio.sleep(0.05)

    async with ScriptedUpstream() as origin:
        pool = gateway([origin.url])
        origin.reply(response("200 OK", "Content-Length: 5"), asyncio.Event(), early=True)
        asking = asyncio.create_task(pool.send(outbound(method="POST", body=upload())))
        await stopping.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
        stats = pool.dispatcher.stats
        assert (stats.in_flight, stats.open) == (0, 0)
        assert all(member.in_flight == 0 for member in pool.dispatcher.members)
        await pool.aclose()
