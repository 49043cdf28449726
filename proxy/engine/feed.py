"""A feed: one body on its way, read by many while it grows.

The writer appends chunks; each reader follows at its own pace from the first byte. While the
body is being kept, all of it is held. Once keeping is given up (it grew too large) only a window
is held, the writer waits for the slowest reader, and nobody may join any more. This module must
not know what is fed through it.
"""

import asyncio
from typing import Self

WINDOW = 1_048_576
"""Bytes that a writer may be ahead of the slowest reader of a body that is not kept."""

LONG = 1_048_576
"""Bytes from which on the interpreter joins pieces without holding its lock."""


class Feed:
    """A growing body with any number of readers."""

    def __init__(self, *, window: int = WINDOW) -> None:
        self._window = window
        self._chunks: list[bytes] = []
        self._dropped = 0
        self._held = 0
        self._readers: set[Reader] = set()
        self._change: asyncio.Event | None = None
        self._error: Exception | None = None
        self.keeping = True
        self.finished = False
        self.size = 0

    def append(self, chunk: bytes) -> None:
        """Add a chunk and wake the readers; an empty one is nothing."""
        if not chunk:
            return
        self._chunks.append(chunk)
        self._held += len(chunk)
        self.size += len(chunk)
        self._changed()

    def finish(self, error: Exception | None = None) -> None:
        """End the body: whole or, with an error, visibly cut."""
        self.finished = True
        self._error = error
        self._changed()

    @property
    def failed(self) -> bool:
        """Whether the body was cut."""
        return self._error is not None

    @property
    def read(self) -> bool:
        """Whether anybody reads, or holds a place to."""
        return bool(self._readers)

    async def body(self, last: bytes = b"") -> bytes:
        """Return everything that was fed, and `last` behind it; only while it is being kept.

        A long one is put together by a thread: 5 MB would hold up the loop for 3 ms.
        """
        pieces = (*self._chunks, last)
        if self.size + len(last) < LONG:
            return b"".join(pieces)
        return await asyncio.to_thread(b"".join, pieces)

    def stop_keeping(self) -> None:
        """Hold no more than the readers still need from now on."""
        self.keeping = False
        self._trim()

    async def room(self) -> bool:
        """Wait until the writer may go on; False when nobody is left to write for."""
        while not self.keeping and self._readers and self._held > self._window:
            await self._changes()
        return self.keeping or bool(self._readers)

    def reader(self) -> "Reader":
        """Join at the first byte."""
        reader = Reader(self)
        self._readers.add(reader)
        return reader

    async def chunk(self, index: int) -> bytes | None:
        """Return the chunk at a place, waiting for it; None after the last one.

        Raises the error with which the feed was finished.
        """
        while index - self._dropped >= len(self._chunks):
            if self.finished:
                if self._error is not None:
                    raise self._error
                return None
            await self._changes()
        return self._chunks[index - self._dropped]

    def left(self, reader: "Reader") -> None:
        """Take note that a reader reads no more."""
        self._readers.discard(reader)
        self.advanced()

    def advanced(self) -> None:
        """Take note that a reader went on: what all have read may go, the writer may come."""
        if not self.keeping:
            self._trim()

    def _trim(self) -> None:
        needed = min((r.index for r in self._readers), default=self._dropped + len(self._chunks))
        surplus = needed - self._dropped
        if surplus > 0:
            self._held -= sum(map(len, self._chunks[:surplus]))
            del self._chunks[:surplus]
            self._dropped = needed
        self._changed()

    async def _changes(self) -> None:
        """Wait for the next change."""
        if self._change is None:
            self._change = asyncio.Event()
        await self._change.wait()

    def _changed(self) -> None:
        if self._change is not None:
            self._change.set()
            self._change = None


class Reader:
    """One reader's place in a feed; an asynchronous iterator over its chunks."""

    __slots__ = ("_feed", "index")

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self.index = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await self._feed.chunk(self.index)
        if chunk is None:
            await self.aclose()
            raise StopAsyncIteration
        self.index += 1
        self._feed.advanced()
        return chunk

    async def aclose(self) -> None:
        """Leave; the feed no longer waits for this reader."""
        self._feed.left(self)
