"""A balancer, as stands before replicas: connections go to whoever says that it is ready.

It knows no HTTP but the probe, so that nothing is tried twice: whatever a replica drops, the client
sees.
"""

import asyncio
import contextlib
from dataclasses import dataclass, field
from itertools import count
from typing import Self

import httpx

from tests.plays.process import Serving

PROBE = 0.2
"""Seconds between two looks at a replica's readiness: without a delay, a drain would fail."""


@dataclass
class Balancer:
    """A TCP proxy on a port of its own before `replicas`, which come and go."""

    replicas: list[Serving] = field(default_factory=list)
    _ready: list[Serving] = field(default_factory=list)
    _turns: "count[int]" = field(default_factory=count)
    _carrying: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self._looking = asyncio.create_task(self._look())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        tasks = (self._looking, *self._carrying)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def all_ready(self) -> None:
        """Wait until connections go to every replica."""
        while len(self._ready) < len(self.replicas):  # noqa: ASYNC110 - polled as probes are
            await asyncio.sleep(PROBE)

    async def _look(self) -> None:
        async with httpx.AsyncClient() as client:
            while True:
                ready = []
                for replica in tuple(self.replicas):
                    with contextlib.suppress(httpx.HTTPError):
                        if (await client.get(f"{replica.admin}/readyz")).status_code == 200:
                            ready.append(replica)
                self._ready = ready
                await asyncio.sleep(PROBE)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replica = self._ready[next(self._turns) % len(self._ready)]
        task = asyncio.create_task(_join(reader, writer, replica.port))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    """Carry bytes between a client and a replica until both have ended."""
    with contextlib.closing(writer), contextlib.suppress(OSError):
        up, down = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.closing(down):
            await asyncio.gather(_carry(reader, down), _carry(up, writer))


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, RuntimeError):
        while data := await source.read(65_536):
            sink.write(data)
        sink.write_eof()
