"""Idlers: slow clients of four kinds, and how long the proxy puts up with each.

What is wrong is noted, not raised, so that a test can tell all of it.
"""

import asyncio
import socket
from collections import defaultdict
from contextlib import suppress
from random import Random
from time import monotonic
from typing import Final

from tests.edge.mischief import BIG, Mischief
from tests.plays.rawclient import RawClient, connected, request

EDGE: Final = {
    "head_timeout": "1s",
    "idle_timeout": "5s",
    "body_timeout": "1s",
    "send_timeout": "1s",
    "linger": "300ms",
}
DEADLINE: Final = 1.0
"""What EDGE says of each kind, seconds."""
SLACK: Final = 6.0
"""Seconds later than that which a busy machine may be."""
_PAUSE: Final = 0.1


class Idlers:
    """Slow clients before the proxy at `port`, which stands before `upstream`."""

    def __init__(self, port: int, upstream: Mischief) -> None:
        self.wrong: list[str] = []
        self.ended: defaultdict[str, list[float]] = defaultdict(list)
        """Kind → seconds after which each was ended."""
        self._port = port
        self._upstream = upstream
        self._kinds = {
            "silent": self._silent,
            "slow head": self._slow_head,
            "slow body": self._slow_body,
            "slow reading": self._slow_reading,
        }

    async def come(self, each: int, chance: Random, within: float) -> None:
        """Let so many of each kind come within these seconds, and wait for the end of the last."""
        async with asyncio.TaskGroup() as group:
            for number in range(each):
                for kind in self._kinds:
                    group.create_task(self._one(kind, number, chance.random() * within))

    async def _one(self, kind: str, number: int, delay: float) -> None:
        await asyncio.sleep(delay)
        try:
            async with asyncio.timeout(DEADLINE + SLACK):
                seconds = await self._kinds[kind](number)
        except TimeoutError:
            self.wrong.append(f"{kind} {number}: not ended")
            return
        self.ended[kind].append(seconds)
        if seconds < DEADLINE:
            self.wrong.append(f"{kind} {number}: ended after {seconds:.3f} s")

    async def _silent(self, _: int) -> float:
        began = monotonic()  # before the proxy knows of it
        async with connected(self._port) as client:
            if said := await client.ended():
                self.wrong.append(f"silent: {said!r}")
            return monotonic() - began

    async def _slow_head(self, number: int) -> float:
        head = request(f"/well/slow-{number}", "X-A: " + "a" * 1000)
        async with connected(self._port) as client:
            return await self._dripping(client, head)

    async def _slow_body(self, number: int) -> float:
        head = request(f"/well/slow-{number}", "Content-Length: 1000", method="POST")
        async with connected(self._port) as client:
            await client.send(head)
            return await self._dripping(client, b"x" * 1000)

    async def _dripping(self, client: RawClient, data: bytes) -> float:
        """Send byte by byte until the proxy says that it has waited long enough."""
        began = monotonic()
        dripping = asyncio.ensure_future(_drip(client, data))
        try:
            answer = await client.read()
            if answer.status != 408 or await client.ended():
                self.wrong.append(f"dripping: {answer.status}")
            return monotonic() - began
        finally:
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)

    async def _slow_reading(self, number: int) -> float:
        """Take a few bytes at a time; that it was ended shows at the upstream."""
        target = f"/big/{number}"
        loop = asyncio.get_running_loop()
        with socket.socket() as taking:
            taking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            taking.settimeout(0)
            await loop.sock_connect(taking, ("127.0.0.1", self._port))
            await loop.sock_sendall(taking, request(target))
            began = loop.time()
            while target not in self._upstream.gone:
                await loop.sock_recv(taking, 16)
                await asyncio.sleep(_PAUSE)
            taken = await _rest(loop, taking)
        if taken >= BIG:
            self.wrong.append(f"slow reading: {taken} bytes")
        return self._upstream.gone[target] - began


async def _drip(client: RawClient, data: bytes) -> None:
    with suppress(ConnectionError):
        for byte in data:
            await client.send(bytes([byte]))
            await asyncio.sleep(_PAUSE)


async def _rest(loop: asyncio.AbstractEventLoop, taking: socket.socket) -> int:
    """Take what is still on its way, quickly, and return how much it was."""
    taken = 0
    with suppress(ConnectionError):
        while piece := await loop.sock_recv(taking, 2**18):
            taken += len(piece)
    return taken
