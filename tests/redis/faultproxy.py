"""A TCP proxy with faults that can be set at any time, for each direction by itself.

With a context for TLS it ends that, for servers that do not speak it.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from dataclasses import dataclass, field
from typing import Final, Self

_PIECE: Final = 65_536


@dataclass
class Faults:
    """What befalls the bytes of one direction.

    `delay` is the seconds that each piece takes; while `open` is clear nothing passes; `drip` is
    the bytes of a piece; `cut` ends the direction, as a peer does that has no more to say.
    """

    delay: float = 0.0
    drip: int = _PIECE
    cut: bool = False
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.open.set()

    def stall(self) -> None:
        """Let nothing pass until `flow`."""
        self.open.clear()

    def flow(self) -> None:
        """Let everything pass again."""
        self.open.set()


class FaultProxy:
    """Stands on a port of its own before a port of loopback."""

    def __init__(self, target: int, tls: ssl.SSLContext | None = None) -> None:
        self.requests = Faults()
        self.replies = Faults()
        self.accepted = 0
        self._target = target
        self._tls = tls
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Where it listens, as Redis would."""
        return f"redis{'s' if self._tls else ''}://127.0.0.1:{self.port}/0"

    def reset(self) -> None:
        """Break every connection off, as a peer does that has crashed."""
        for writer in tuple(self._writers):
            if (sock := writer.get_extra_info("socket")) is not None:
                with contextlib.suppress(OSError):  # it may just have been closed
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.create_task(self._stand_between(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stand_between(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            up, down = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = {writer, down}
        self._writers |= pair
        try:
            await asyncio.gather(
                self._carry(reader, down, self.requests), self._carry(up, writer, self.replies)
            )
        finally:
            self._writers -= pair
            for each in pair:
                each.transport.abort()

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, faults: Faults
    ) -> None:
        with contextlib.suppress(OSError, RuntimeError):  # the latter is uvloop's, once aborted
            while (piece := await source.read(faults.drip)) and not faults.cut:
                await faults.open.wait()
                await asyncio.sleep(faults.delay)
                sink.write(piece)
                await sink.drain()
            sink.write_eof()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, ssl=self._tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.reset()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
