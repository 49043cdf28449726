"""Counting: what happens on the proxy's side while something is asked, told without a clock.

Tasks are those that begin in the proxy's own code. Reads and writes are those of clients'
connections: the loop has one system call for each.
"""

import asyncio
import gc
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from unittest.mock import patch

from proxy.edge.protocol import Protocol

T = TypeVar("T")

TRACES: Final = 10
"""Blocks of memory that come and go by themselves."""
_BATCHES: Final = 20


class _Wire:
    """A transport whose writes are counted."""

    def __init__(self, transport: asyncio.Transport, counts: Counter[str]) -> None:
        self._transport = transport
        self._counts = counts

    def write(self, data: bytes) -> None:
        self._counts["write"] += 1
        self._transport.write(data)

    def writelines(self, data: list[bytes]) -> None:
        self._counts["write"] += 1
        self._transport.writelines(data)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a transport has
        return getattr(self._transport, name)


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count on connections that are opened from now on, and tasks, until the block ends."""
    counts: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    made, received = Protocol.connection_made, Protocol.data_received

    def connected(self: Protocol, transport: asyncio.Transport) -> None:
        made(self, _Wire(transport, counts))  # type: ignore[arg-type]  # it does what one does

    def reading(self: Protocol, data: bytes) -> None:
        counts["read"] += 1
        received(self, data)

    def task(
        own: asyncio.AbstractEventLoop,
        work: Coroutine[Any, Any, T] | Generator[Any, None, T],
        **options: Any,  # noqa: ANN401 - the loop's
    ) -> asyncio.Task[T]:
        frame = getattr(work, "cr_frame", None)
        if frame is not None and frame.f_globals.get("__name__", "").startswith("proxy."):
            counts[frame.f_code.co_qualname] += 1
        return asyncio.Task(work, loop=own, **options)

    loop.set_task_factory(task)
    try:
        with (
            patch.object(Protocol, "connection_made", connected),
            patch.object(Protocol, "data_received", reading),
        ):
            yield counts
    finally:
        loop.set_task_factory(None)


async def growth(again: Callable[[], Awaitable[None]]) -> int:
    """Return by how many blocks of memory it grows each time, once what is kept for reuse is full.

    Interpreter and loop keep some hundred freed blocks for later, so it is asked again and again:
    what leaves a block behind at every request goes on growing.
    """
    gc.collect()
    gc.freeze()  # what there is already need not be looked through every time
    try:
        grown = sys.maxsize
        for _ in range(_BATCHES):
            gc.collect()
            before = sys.getallocatedblocks()
            await again()
            gc.collect()
            grown = min(grown, sys.getallocatedblocks() - before)
            if grown < TRACES:
                break
        return grown
    finally:
        gc.unfreeze()


async def circles(again: Callable[[], Awaitable[None]]) -> int:
    """Return how many objects the collector finds that nothing but each other holds."""
    await again()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        await again()
        return gc.collect()
    finally:
        gc.enable()
        gc.unfreeze()
