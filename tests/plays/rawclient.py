"""The raw client: exact bytes out, answers in by a strict parser of its own.

It takes nothing that RFC 9112 does not allow a server to send, so that a sloppy answer fails.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from tests.plays.scripted import PATIENCE, End, end

_STATUS: Final = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) [\t -~\x80-\xff]*\r\n")
_FIELD: Final = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([!-~\x80-\xff \t]*?)[ \t]*\r\n")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})\r\n")
_TTL: Final = re.compile(r"; ttl=-?[0-9]+")
_PIECE: Final = 65_536
_BODYLESS: Final = {204, 304}


class Cut(Exception):
    """An answer ended before it was complete; `body` is what had come of it."""

    def __init__(self, body: bytes = b"") -> None:
        super().__init__(f"cut after {len(body)} bytes")
        self.body = body


@dataclass
class Response:
    """An answer: its head, and its body as far as it was read."""

    status: int
    lines: list[tuple[bytes, bytes]]
    interim: list[int]
    """Statuses of the 1xx responses that came before."""
    pieces: AsyncIterator[bytes]
    body: bytes = b""
    complete: bool = field(default=False)

    def all(self, name: str) -> list[bytes]:
        """Return every value of a field, one an occurrence."""
        return [value for key, value in self.lines if key.lower() == name.encode()]

    def first(self, name: str) -> bytes | None:
        """Return the first value of a field, or None."""
        return next(iter(self.all(name)), None)

    @property
    def told(self) -> str:
        """The proxy's own Cache-Status, the last one; of the ttl only that it is there."""
        return timeless(self.all("cache-status")[-1].decode())

    async def piece(self) -> bytes:
        """Return the next piece of the body as it comes, nothing at its end."""
        async with asyncio.timeout(PATIENCE):
            piece = await anext(self.pieces, b"")
        self.body += piece
        self.complete = not piece
        return piece

    async def rest(self) -> bytes:
        """Read on to the end and return the whole body; raises `Cut`."""
        try:
            while await self.piece():
                pass
        except Cut as cut:
            raise Cut(self.body) from cut
        return self.body

    async def count(self) -> int:
        """Read on to the end, keep nothing, and return the number of bytes that came."""
        total = 0
        async for piece in self.pieces:
            total += len(piece)
        return total


class RawClient:
    """One connection to the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Write pieces one by one."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)

    async def head(self, method: str = "GET") -> Response:
        """Read the head of the next answer, to a request with `method`."""
        async with asyncio.timeout(PATIENCE):
            interim: list[int] = []
            status, lines = await self._head()
            while status < 200:
                interim.append(status)
                status, lines = await self._head()
        pieces = self._pieces(status, dict(_framing(lines)), method)
        return Response(status, lines, interim, pieces)

    async def read(self, method: str = "GET") -> Response:
        """Read the next answer to its end."""
        answer = await self.head(method)
        await answer.rest()
        return answer

    async def ask(self, data: bytes, method: str = "GET") -> Response:
        """Send what asks for one answer, and read that to its end."""
        await self.send(data)
        return await self.read(method)

    async def ended(self) -> bytes:
        """Return what still comes until the proxy ends the connection."""
        async with asyncio.timeout(PATIENCE):
            try:
                return await self._reader.read()
            except ConnectionResetError:
                return b""

    def end(self, how: End = End.CLOSE) -> None:
        """Leave."""
        end(self._writer, how)

    async def line(self) -> bytes:
        """Read one line, whatever it is."""
        line = await self._reader.readline()
        if not line.endswith(b"\n"):
            raise Cut(line)
        return line

    async def _head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        start = await self.line()
        found = _STATUS.fullmatch(start)
        assert found, start
        lines = []
        while (line := await self.line()) != b"\r\n":
            match = _FIELD.fullmatch(line)
            assert match, line
            lines.append((match[1], match[2]))
        return int(found[1]), lines

    async def _pieces(
        self, status: int, framing: dict[bytes, bytes], method: str
    ) -> AsyncIterator[bytes]:
        if method == "HEAD" or status in _BODYLESS:
            return
        if b"transfer-encoding" in framing:
            assert framing == {b"transfer-encoding": b"chunked"}, framing
            pieces = self._chunked()
        else:
            pieces = self._counted(int(framing[b"content-length"]))
        async for piece in pieces:
            yield piece

    async def _counted(self, left: int) -> AsyncIterator[bytes]:
        while left:
            piece = await self._some(min(left, _PIECE))
            left -= len(piece)
            yield piece

    async def _chunked(self) -> AsyncIterator[bytes]:
        while size := await self._size():
            left = size
            while left:
                piece = await self._some(min(left, _PIECE))
                left -= len(piece)
                yield piece
            assert await self.line() == b"\r\n"
        assert await self.line() == b"\r\n"

    async def _size(self) -> int:
        line = await self.line()
        found = _SIZE.fullmatch(line)
        assert found, line
        return int(found[1], 16)

    async def _some(self, most: int) -> bytes:
        try:
            piece = await self._reader.read(most)
        except ConnectionError as error:
            raise Cut from error
        if not piece:
            raise Cut
        return piece


@asynccontextmanager
async def connected(
    port: int, receive_buffer: int = 2**20, local: str = "127.0.0.1"
) -> AsyncIterator[RawClient]:
    """Connect to a port of this machine from its address `local`.

    `receive_buffer` bounds what is taken in unread.
    """
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, limit=receive_buffer, local_addr=(local, 0)
    )
    try:
        yield RawClient(reader, writer)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def timeless(status: str) -> str:
    """Return a Cache-Status without the number that depends on when it was read."""
    return _TTL.sub("; ttl", status)


def request(target: str, *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
    """Return a request for `target` with just these lines behind a Host."""
    rows = (f"{method} {target} HTTP/1.1", "Host: api.test", *lines)
    return "".join(f"{row}\r\n" for row in rows).encode("latin-1") + b"\r\n" + body


def _framing(lines: list[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
    seen = set()
    for name, value in lines:
        lower = name.lower()
        if lower in {b"content-length", b"transfer-encoding"}:
            assert lower not in seen, lines
            seen.add(lower)
            yield lower, value
