"""The idlers: a process of slow clients of four kinds, that tells how long each was put up with.

`python -m bench.idlers PORT ORIGIN EACH SPREAD SECONDS`: so many of each kind come within `SPREAD`
seconds, and who is ended is followed by another, until the time is over. The answer is a line of
JSON: kind → seconds. Must not know how long they should be put up with.
"""

import asyncio
import json
import os
import socket
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Final

import uvloop

from bench.asked import Asked
from bench.probe import fetched

KINDS: Final = ("silent", "slow head", "slow body", "slow reading")

PATIENCE: Final = 8.0
"""Seconds after which a slow client gives up that nobody has ended."""
_PAUSE: Final = 1.0
_ROOM: Final = 4_096
"""Bytes that the system takes in for who reads slowly."""


class Idlers:
    """Slow clients before the proxy at `port`; `ended` tells after how many seconds each was."""

    def __init__(self, port: int, origin: int) -> None:
        self.ended: defaultdict[str, list[float]] = defaultdict(list)
        self._gone: dict[str, float] = {}
        self._port = port
        self._origin = origin
        self._number = 0
        self._kinds: dict[str, Callable[[], Awaitable[None]]] = dict(
            zip(KINDS, (self._silent, self._slow_head, self._slow_body, self._reading), strict=True)
        )

    async def keep(self, each: int, spread: float, seconds: float) -> None:
        """Keep the places of so many of each kind taken for so long."""
        until = monotonic() + seconds
        learning = asyncio.create_task(self._learn())
        async with asyncio.TaskGroup() as group:
            for number in range(each):
                for kind in KINDS:
                    group.create_task(self._place(kind, spread * number / each, until))
        learning.cancel()

    async def _place(self, kind: str, delay: float, until: float) -> None:
        await asyncio.sleep(delay)
        while monotonic() < until:
            await self._kinds[kind]()

    async def _silent(self) -> None:
        await self._until_ended("silent", b"", b"")

    async def _slow_head(self) -> None:
        await self._until_ended("slow head", b"GET /hit/1 HTTP/1.1\r\n", b"X-Slow: " + b"a" * 99)

    async def _slow_body(self) -> None:
        head = b"POST /sink/1 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
        await self._until_ended("slow body", head, b"x" * 99)

    async def _until_ended(self, kind: str, first: bytes, drops: bytes) -> None:
        """Send some, then a byte now and then, until the first word or the end of the other."""
        began = monotonic()  # before the proxy knows of it
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(first)
        dripping = asyncio.create_task(_drip(writer, drops))
        try:
            async with asyncio.timeout(PATIENCE):
                await reader.read(1)
            self.ended[kind].append(monotonic() - began)
        except ConnectionResetError:
            self.ended[kind].append(monotonic() - began)
        except TimeoutError:
            self.ended[kind].append(float("inf"))
        finally:
            dripping.cancel()
            await asyncio.gather(dripping, return_exceptions=True)
            writer.transport.abort()

    async def _reading(self) -> None:
        """Take a few bytes now and then; that it was ended shows at the origin alone."""
        self._number += 1
        target = f"/large/{os.getpid()}-{self._number}"
        loop = asyncio.get_running_loop()
        with socket.socket() as taking:
            taking.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
            taking.settimeout(0)
            await loop.sock_connect(taking, ("127.0.0.1", self._port))
            await loop.sock_sendall(taking, f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            began = monotonic()
            while target not in self._gone and monotonic() - began < PATIENCE:
                await loop.sock_recv(taking, 16)
                await asyncio.sleep(_PAUSE)
        self.ended["slow reading"].append(self._gone.get(target, float("inf")) - began)

    async def _learn(self) -> None:
        """Hear from the origin which slow readings have been ended."""
        asked = Asked("/gone/")
        while True:
            self._gone = json.loads(await asyncio.to_thread(fetched, "origin", self._origin, asked))
            await asyncio.sleep(_PAUSE)


async def _drip(writer: asyncio.StreamWriter, drops: bytes) -> None:
    for drop in drops:
        await asyncio.sleep(_PAUSE)
        writer.write(bytes([drop]))


def main(port: int, origin: int, each: int, spread: float, seconds: float) -> None:
    """Be slow, then tell."""
    os.nice(10)  # it shares a core with whoever measures, and must not be what is measured
    idlers = Idlers(port, origin)
    uvloop.run(idlers.keep(each, spread, seconds))
    print(json.dumps(idlers.ended))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]), *map(float, sys.argv[4:6]))
