"""Streams: bodies on their way through a coding, chunk by chunk, off the loop where it is long.

Must not know where the chunks come from.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain, islice
from time import thread_time
from typing import Final

from proxy.coding.bounds import AT_ONCE
from proxy.coding.crew import Crew, give_way
from proxy.coding.packing import Level, packer
from proxy.coding.stats import CodingStats
from proxy.coding.unpacking import Unpacker
from proxy.errors import CodingError
from proxy.http.codings import Coding

_PIECES_AT_ONCE: Final = 3
"""Calls of a library on the loop for one small chunk; where it makes more, a thread goes on."""


class _Turn:
    """One chunk at a time. Where one was given up, nobody knows what the library has seen of it."""

    def __init__(self) -> None:
        self._taken = False

    def __enter__(self) -> None:
        if self._taken:
            raise CodingError("a stream that was given up does not go on")
        self._taken = True

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._taken = kind is not None


class Encoding:
    """A `Transcoder` that encodes; what it makes of each chunk is readable at once."""

    def __init__(self, coding: Coding, crew: Crew, stats: CodingStats) -> None:
        self._coding = coding
        self._packer = packer(coding)
        self._crew = crew
        self._stats = stats
        self._turn = _Turn()

    async def push(self, chunk: bytes) -> bytes:
        """Encode a chunk, and flush. Raises `CodingError` after one that was given up."""
        if not chunk:
            return b""
        with self._turn:
            size = len(chunk)
            if size < AT_ONCE:
                return self._at_once(partial(self._packer.push, chunk), size)
            work = partial(_in_turns, self._packer.pieces(chunk))
            return await self._crew.run(work, partial(self._count, size))

    async def finish(self) -> bytes:
        """Return the end of the coded body: a few bytes, all else has been flushed."""
        with self._turn:
            made = self._at_once(self._packer.finish, 0)
            self._stats.ended(self._coding, Level.STREAM)
            return made

    def _at_once(self, work: Callable[[], bytes], size: int) -> bytes:
        began = thread_time()
        made = work()
        self._count(size, made, thread_time() - began)
        return made

    def _count(self, size: int, made: bytes, seconds: float) -> None:
        self._stats.worked(self._coding, Level.STREAM, size, len(made), seconds)


class Decoding:
    """A `Transcoder` that decodes, within bounds on all that came so far."""

    def __init__(self, coding: Coding, crew: Crew, stats: CodingStats) -> None:
        self._coding = coding
        self._unpacker = Unpacker(coding)
        self._crew = crew
        self._stats = stats
        self._turn = _Turn()

    async def push(self, chunk: bytes) -> bytes:
        """Decode a chunk; raise `CodingError` as `Unpacker.feed` does, and ever after."""
        if not chunk:
            return b""
        with self._turn:
            return await self._pushed(chunk)

    async def finish(self) -> bytes:
        """Return nothing more; raise `CodingError` where the coded body ends before its end."""
        with self._turn:
            try:
                self._unpacker.finish()
            except CodingError:
                self._stats.decode_failures[self._coding.value] += 1
                raise
            self._stats.decoded[self._coding.value] += 1
            return b""

    async def _pushed(self, chunk: bytes) -> bytes:
        pieces = self._unpacker.feed(chunk)
        try:
            first = list(islice(pieces, _PIECES_AT_ONCE if len(chunk) < AT_ONCE else 0))
            if 0 < len(first) < _PIECES_AT_ONCE:
                return b"".join(first)
            return await self._crew.run(partial(_in_turns, chain(first, pieces)))
        except CodingError:
            self._stats.decode_failures[self._coding.value] += 1
            raise


def _in_turns(pieces: Iterator[bytes]) -> bytes:
    """Make all pieces, in a thread that lets others go before it does the next."""
    made = []
    for piece in pieces:
        made.append(piece)
        give_way()
    return b"".join(made)
