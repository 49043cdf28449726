"""Mischief: an upstream that answers well or, by a seeded chance, as badly as a path's name says.

Every body is made of its path's name, so that one answer is never taken for another. Nothing here
knows the proxy.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from hashlib import sha256
from random import Random
from types import TracebackType
from typing import Final, Self

from tests.plays.scripted import End, chunk, chunked, end, response

LATE: Final = 0.6
"""Seconds after which a late answer comes."""
BIG: Final = 2**25
"""Bytes of a body that nobody reads to its end."""

_BADLY: Final = 0.7
"""How often a path with a fault shows it."""
_LIVES: Final = ("no-store", "max-age=1", "max-age=1, stale-while-revalidate=1", "max-age=60")
_RANGE: Final = re.compile(rb"\r\nrange: bytes=(\d+)-(\d+)\r\n", re.IGNORECASE)
_LENGTH: Final = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
_LONG: Final = 32_768
"""Bytes that may not arrive as one piece."""
_EVIL: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"


class Fault(Enum):
    """What is wrong with some of the answers under a path."""

    NONE = "well"
    NO_HEAD = "no-head"
    SHORT = "short"
    BROKEN_CHUNK = "broken-chunk"
    SURPLUS = "surplus"
    TWO_LENGTHS = "two-lengths"
    LARGE_HEAD = "large-head"
    RESET = "reset"
    TO_THE_END = "to-the-end"
    TO_THE_RESET = "to-the-reset"
    HINTS = "hints"
    LATE = "late"
    EARLY = "early"
    BIG = "big"


def fault_of(target: str) -> Fault:
    """Return the fault that a path names."""
    return Fault(target.split("/")[1])


def named(name: bytes) -> bytes:
    """Return the body that belongs to a name, and to no other."""
    digest = sha256(name).hexdigest().encode()
    drawn = int(digest[:2], 16)
    return digest * (4000 if drawn < 8 else 1 + drawn)


def etag(name: bytes) -> str:
    """Return the entity tag of that body."""
    return f'"{sha256(name).hexdigest()[:16]}"'


@dataclass(frozen=True)
class Asked:
    """A request as it arrived."""

    head: bytes
    body: bytes

    @property
    def method(self) -> bytes:
        return self.head.split(b" ", 1)[0]

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    @property
    def answer(self) -> bytes:
        """The body that answers it."""
        return named(self.target.encode() + self.body)

    @property
    def unchanged(self) -> bool:
        return b"if-none-match: " + etag(self.target.encode()).encode() in self.head.lower()

    @property
    def part(self) -> tuple[int, int] | None:
        """The first and the last byte that are wanted, where the body has them."""
        found = _RANGE.search(self.head)
        wanted = (int(found[1]), int(found[2])) if found else None
        return wanted if wanted and wanted[1] < len(self.answer) else None


class Mischief:
    """An origin server on a free port; `async with` runs it."""

    def __init__(self, seed: int) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        """One for each connection that is open."""
        self.shown: Counter[str] = Counter()
        """How often each fault was shown."""
        self.gone: dict[str, float] = {}
        """Path that was asked for last → when its connection ended."""
        self._chance = Random(seed)  # noqa: S311 - the same every time
        self._ways: dict[Fault, Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]] = {
            Fault.NONE: self._well,
            Fault.NO_HEAD: self._no_head,
            Fault.SHORT: self._short,
            Fault.BROKEN_CHUNK: self._broken_chunk,
            Fault.SURPLUS: self._surplus,
            Fault.TWO_LENGTHS: self._two_lengths,
            Fault.LARGE_HEAD: self._large_head,
            Fault.RESET: self._reset,
            Fault.TO_THE_END: self._to_the_end,
            Fault.TO_THE_RESET: self._to_the_reset,
            Fault.HINTS: self._hints,
            Fault.LATE: self._late,
            Fault.EARLY: self._early,
            Fault.BIG: self._big,
        }

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=2**20)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._converse(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = ""
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                target = Asked(head, b"").target
                await self._answer(head, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.gone[target] = asyncio.get_running_loop().time()
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(
        self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        fault = self._drawn(Asked(head, b""))
        self.shown[fault.value] += 1
        body = b"" if fault is Fault.EARLY else await _body(head, reader)
        await self._ways[fault](Asked(head, body), writer)
        with suppress(ConnectionError):
            await writer.drain()

    def _drawn(self, asked: Asked) -> Fault:
        """Return the fault to show, of those that the request allows."""
        fault = fault_of(asked.target)
        upload = asked.method == b"POST"
        long = len(asked.answer) > _LONG
        if (fault is Fault.EARLY and not upload) or (fault is Fault.SURPLUS and long):
            return Fault.NONE
        shown = fault is Fault.BIG or self._chance.random() < _BADLY
        return fault if shown else Fault.NONE

    # Ways to answer

    def _fields(self, asked: Asked) -> tuple[str, str]:
        tag = f"ETag: {etag(asked.target.encode())}"
        return tag, f"Cache-Control: {self._chance.choice(_LIVES)}"

    async def _well(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        fields, body = self._fields(asked), asked.answer
        length = f"Content-Length: {len(body)}"
        if asked.unchanged:
            said = response("304 Not Modified", *fields)
        elif asked.method == b"HEAD":
            said = response("200 OK", *fields, length)
        elif asked.part:
            said = _partial(asked, *fields)
        elif self._chance.random() < 0.5:
            said = response("200 OK", *fields, length, body=body)
        else:
            said = response("200 OK", *fields, "Transfer-Encoding: chunked")
            said += chunked(*(body[at : at + 3000] for at in range(0, len(body), 3000)))
        at = self._chance.randrange(len(said))
        writer.write(said[:at])
        await asyncio.sleep(0)
        writer.write(said[at:])

    async def _no_head(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le"[: self._chance.randrange(28)])
        end(writer, End.CLOSE)

    async def _short(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = asked.answer
        length = f"Content-Length: {len(body)}"
        writer.write(response("200 OK", *self._fields(asked), length, body=body[:-20]))
        end(writer, End.CLOSE)

    async def _broken_chunk(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        head = response("200 OK", *self._fields(asked), "Transfer-Encoding: chunked")
        writer.write(head + chunk(asked.answer[:-20]) + b"zz\r\n")

    async def _surplus(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Say more than was asked for, in one piece: what comes later nobody can tell apart."""
        body = asked.answer
        length = f"Content-Length: {len(body)}"
        writer.write(response("200 OK", *self._fields(asked), length, body=body) + _EVIL)

    async def _two_lengths(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = asked.answer
        lengths = (f"Content-Length: {len(body)}", f"Content-Length: {len(body) - 20}")
        writer.write(response("200 OK", *self._fields(asked), *lengths, body=body))

    async def _large_head(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        lines = ["X-A: " + "a" * 1000] * 100
        writer.write(response("200 OK", *lines, "Content-Length: 0"))

    async def _reset(self, _: Asked, writer: asyncio.StreamWriter) -> None:
        end(writer, End.RESET)

    async def _to_the_end(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response("200 OK", *self._fields(asked), body=asked.answer))
        end(writer, End.CLOSE)

    async def _to_the_reset(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response("200 OK", *self._fields(asked), body=asked.answer[:-20]))
        await asyncio.sleep(0.01)
        if not writer.is_closing():
            end(writer, End.RESET)

    async def _hints(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(response("103 Early Hints", "Link: </style.css>; rel=preload"))
        await self._well(asked, writer)

    async def _late(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(LATE)
        await self._well(asked, writer)

    async def _early(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        """Answer before the upload has come, and close."""
        body = named(asked.target.encode())
        length = f"Content-Length: {len(body)}"
        writer.write(response("413 Content Too Large", length, "Connection: close", body=body))
        end(writer, End.CLOSE)

    async def _big(self, asked: Asked, writer: asyncio.StreamWriter) -> None:
        piece = asked.target.encode().ljust(64) * 1024
        lines = ("Cache-Control: no-store", f"Content-Length: {BIG}")
        writer.write(response("200 OK", *lines))
        for _ in range(BIG // len(piece)):
            writer.write(piece)
            await writer.drain()


def _partial(asked: Asked, *fields: str) -> bytes:
    assert asked.part
    first, last = asked.part
    body = asked.answer
    told = f"Content-Range: bytes {first}-{last}/{len(body)}"
    length = f"Content-Length: {last + 1 - first}"
    return response("206 Partial Content", *fields, told, length, body=body[first : last + 1])


async def _body(head: bytes, reader: asyncio.StreamReader) -> bytes:
    """Return a request's body, without its transfer coding."""
    if b"transfer-encoding: chunked" not in head.lower():
        found = _LENGTH.search(head)
        return await reader.readexactly(int(found[1])) if found else b""
    body, size = b"", -1
    while size:
        size = int(await reader.readline() or b"0", 16)
        body += (await reader.readexactly(size + 2))[:-2]
    return body
