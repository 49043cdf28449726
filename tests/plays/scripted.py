"""The scripted upstream: a server that says exactly the bytes it is told, and keeps what it heard.

A reply is a row of steps: bytes to write, an event to wait for, a stream to write as it is made,
or the way to end the connection. Nothing here knows the proxy.
"""

import asyncio
import socket
import ssl
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Final, Self

PATIENCE: Final = 15.0
"""Seconds after which a play that waits in vain has failed."""


class End(Enum):
    """How a connection ends."""

    CLOSE = "closed"
    RESET = "reset"


Step = bytes | asyncio.Event | Iterator[bytes] | End


@dataclass(frozen=True)
class Reply:
    """What to say to one request; `early` begins before the request's body is complete."""

    steps: tuple[Step, ...]
    early: bool = False


@dataclass
class Heard:
    """A request as it arrived, byte for byte; `body` grows, still in its transfer coding."""

    connection: int
    head: bytes
    body: bytes = b""
    sent: int = 0
    """Bytes of the reply that were taken off our hands."""
    complete: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """The peer ended the connection, or we did."""

    @property
    def method(self) -> bytes:
        return self.head.split(b" ", 1)[0]

    @property
    def target(self) -> bytes:
        return self.head.split(b" ", 2)[1]

    @property
    def lines(self) -> list[tuple[bytes, bytes]]:
        """The field lines in order, names as they came."""
        rows = self.head.removesuffix(b"\r\n\r\n").split(b"\r\n")[1:]
        return [(name, value.strip()) for name, _, value in (row.partition(b":") for row in rows)]

    def all(self, name: str) -> list[bytes]:
        """Return every value of a field, one an occurrence."""
        return [value for key, value in self.lines if key.lower() == name.lower().encode()]

    def first(self, name: str) -> bytes | None:
        """Return the first value of a field, or None."""
        return next(iter(self.all(name)), None)


def response(status: str = "200 OK", *lines: str, body: bytes = b"") -> bytes:
    """Return a response with just these lines and this body."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines))
    return head.encode("latin-1") + b"\r\n" + body


def ok(body: bytes = b"hello", *lines: str, status: str = "200 OK") -> bytes:
    """Return a response with a Content-Length."""
    return response(status, *lines, f"Content-Length: {len(body)}", body=body)


def fresh(body: bytes = b"hello", *lines: str) -> bytes:
    """Return a response that is fresh for a minute."""
    return ok(body, "Cache-Control: max-age=60", *lines)


def chunked(*pieces: bytes) -> bytes:
    """Return a complete body in chunks."""
    return b"".join(chunk(piece) for piece in pieces) + b"0\r\n\r\n"


def chunk(piece: bytes) -> bytes:
    """Return one chunk."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


def crumbs(data: bytes) -> Iterator[bytes]:
    """Yield every byte on its own."""
    return (data[at : at + 1] for at in range(len(data)))


class ScriptedUpstream:
    """An origin server on a free port, or on the unix socket `path`; `async with` runs it."""

    def __init__(self, tls: ssl.SSLContext | None = None, path: Path | None = None) -> None:
        self._tls = tls
        self._path = path
        self.heard: list[Heard] = []
        self.connections = 0
        self.unscripted: list[bytes] = []
        """Heads of requests for which there was no reply."""
        self.keeping = True
        """Whether bodies are kept in memory, as all but very large ones can be."""
        self._replies: deque[Reply] = deque()
        self._change = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self.port = 0
        if self._path is not None:
            self._server = await asyncio.start_unix_server(self._accepted, self._path, limit=2**20)
            return self
        self._server = await asyncio.start_server(
            self._accepted, "127.0.0.1", 0, limit=2**20, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def reply(self, *steps: Step, early: bool = False) -> None:
        """Say this to the next request that has no reply yet."""
        self._replies.append(Reply(steps, early))

    def stop_listening(self) -> None:
        """Refuse new connections; those that are open stay."""
        self._server.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something that was heard or sent makes a condition true."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                await self._change.wait()

    async def arrival(self, number: int = 1) -> Heard:
        """Return the request that came as the `number`th, waiting for its head."""
        await self.until(lambda: len(self.heard) >= number)
        return self.heard[number - 1]

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        speaking: set[asyncio.Task[None]] = set()
        mine: list[Heard] = []
        try:
            while head := await _head(reader):
                heard = Heard(number, head)
                mine.append(heard)
                self.heard.append(heard)
                speaking.add(asyncio.create_task(self._speak(heard, self._next(head), writer)))
                self._changed()
                await self._listen(heard, reader)
        finally:
            writer.close()
            for heard in mine:
                heard.gone.set()
            self._changed()
            for task in speaking:
                task.cancel()
            await asyncio.gather(*speaking, return_exceptions=True)
            with suppress(OSError):
                await writer.wait_closed()

    def _next(self, head: bytes) -> Reply:
        if self._replies:
            return self._replies.popleft()
        self.unscripted.append(head)
        return Reply((End.CLOSE,))

    async def _listen(self, heard: Heard, reader: asyncio.StreamReader) -> None:
        """Take in the body of a request as it comes."""
        with suppress(asyncio.IncompleteReadError, ConnectionError, ValueError):
            async for piece in _body(heard, reader):
                heard.body += piece if self.keeping else b""
                self._changed()
            if not reader.at_eof():
                heard.complete.set()
        self._changed()

    async def _speak(self, heard: Heard, reply: Reply, writer: asyncio.StreamWriter) -> None:
        if not reply.early:
            await heard.complete.wait()
        with suppress(ConnectionError):
            for step in reply.steps:
                await self._step(heard, step, writer)

    async def _step(self, heard: Heard, step: Step, writer: asyncio.StreamWriter) -> None:
        match step:
            case bytes():
                await self._write(heard, step, writer)
            case asyncio.Event():
                await step.wait()
            case End():
                end(writer, step)
            case _:
                for piece in step:
                    await self._write(heard, piece, writer)

    async def _write(self, heard: Heard, data: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0)  # so that crumbs leave as crumbs
        heard.sent += len(data)
        self._changed()

    def _changed(self) -> None:
        self._change.set()
        self._change = asyncio.Event()


def end(writer: asyncio.StreamWriter, how: End) -> None:
    """End a connection: in order, or by a reset."""
    if how is End.RESET:
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
    else:
        writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    """Return a request's head to its empty line, nothing where the peer has ended."""
    with suppress(asyncio.IncompleteReadError, ConnectionError):
        return await reader.readuntil(b"\r\n\r\n")
    return b""


async def _body(heard: Heard, reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield a request's body as it stands on the wire; break off where the peer does."""
    if heard.first("transfer-encoding") is None:
        left = int(heard.first("content-length") or 0)
        while left and (piece := await reader.read(left)):
            left -= len(piece)
            yield piece
        return
    size = -1
    while size != 0:
        line = await reader.readline()
        size = int(line, 16)
        yield line + await reader.readexactly(size + 2)
