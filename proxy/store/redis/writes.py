"""Writes: work in the background that nobody waits for, bounded, and in order under a key.

What is written, and where, is not known here.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

LIMIT: Final = 32 * 1_048_576
"""Bytes that wait to be written; what comes beyond is not begun."""

WRITERS: Final = 4
"""Writes at a time, so that look-ups find a free connection."""

PARTING_SECONDS: Final = 1.0


class Writes:
    """Tasks that hold at most `limit` bytes in all; of one key's, one runs at a time."""

    def __init__(self, limit: int = LIMIT, writers: int = WRITERS) -> None:
        self.bytes = 0
        self._limit = limit
        self._slots = asyncio.Semaphore(writers)
        self._last: dict[bytes, asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    def begin(self, key: bytes, size: int, work: Callable[[], Awaitable[object]]) -> bool:
        """Begin `work`, which holds `size` bytes; False where that would be too much."""
        if self._closed or self.bytes + size > self._limit:
            return False
        self.bytes += size
        task = asyncio.create_task(self._run(self._last.get(key), work))
        self._last[key] = task
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, key, size))
        return True

    async def _run(
        self, before: "asyncio.Task[None] | None", work: Callable[[], Awaitable[object]]
    ) -> None:
        if before is not None:
            await asyncio.wait((before,))
        async with self._slots:
            await work()

    def _ended(self, key: bytes, size: int, task: "asyncio.Task[None]") -> None:
        self.bytes -= size
        self._tasks.discard(task)
        if self._last.get(key) is task:
            del self._last[key]

    async def aclose(self) -> None:
        """Wait a moment for what has begun; what has not ended by then is given up."""
        self._closed = True
        if not self._tasks:
            return
        _, late = await asyncio.wait(tuple(self._tasks), timeout=PARTING_SECONDS)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
