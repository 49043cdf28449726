"""Streams: bodies on their way to a client, from a feed or from the upstream.

Read no faster than the client takes them, but for what is being kept. This module must not know
heads.
"""

from collections.abc import AsyncIterator, Awaitable
from typing import Self

from proxy.engine.answer import Stream
from proxy.engine.feed import Reader
from proxy.engine.ports import Inbound


class FeedStream:
    """The part of a feed that one answer shows."""

    def __init__(self, reader: Reader, wanted: slice | None = None) -> None:
        self._reader = reader
        self._wanted = wanted

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._reader if self._wanted is None else _Part(self._reader, self._wanted)

    async def aclose(self) -> None:
        """Leave the feed."""
        await self._reader.aclose()


class _Part:
    """The wanted bytes of a feed, which is not read beyond them."""

    def __init__(self, reader: Reader, wanted: slice) -> None:
        self._reader = reader
        self._wanted = wanted
        self._at = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        start, stop = self._wanted.start, self._wanted.stop
        while self._at < stop:
            chunk, at = await self._reader.__anext__(), self._at
            self._at += len(chunk)
            if piece := chunk[max(0, start - at) : stop - at]:
                return piece
        raise StopAsyncIteration


async def whole(reader: Reader) -> bytes:
    """Return all of a feed once it is here; raises what it ends with."""
    chunks: list[bytes] = []
    stopped: BaseException | None = None
    try:
        async for chunk in reader:
            chunks.append(chunk)  # noqa: PERF401 - what it ends with is needed as well
    except BaseException as error:  # noqa: BLE001 - raised below
        stopped = error
    await reader.aclose()
    if stopped is not None:
        raise stopped
    return b"".join(chunks)


async def closing(stream: Stream, work: Awaitable[None]) -> None:
    """Do what reads a stream, and close it however that ends."""
    stopped: BaseException | None = None
    try:
        await work
    except BaseException as error:  # noqa: BLE001 - raised below
        stopped = error
    await stream.aclose()
    if stopped is not None:
        raise stopped


class InboundStream:
    """An upstream body, straight through: read no faster than the client takes it."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inbound.chunks()

    async def aclose(self) -> None:
        """Give up the upstream's rest."""
        await self._inbound.aclose()
