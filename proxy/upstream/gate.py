"""The gate: how many requests are at the upstream at once, and a short queue before it.

First come, first served. This module must not know what a request is.
"""

import asyncio
from collections import deque

from proxy.upstream.stats import UpstreamStats


class Full(Exception):
    """There is no place, and none comes free soon enough."""


class Gate:
    """Lets `most` in at once and `queue` wait."""

    def __init__(self, most: int, queue: int, stats: UpstreamStats) -> None:
        self.stats = stats
        self._most = most
        self._queue = queue
        self._waiting: deque[asyncio.Future[None]] = deque()

    def try_enter(self) -> bool:
        """Take a place, if one is free."""
        if self.stats.in_flight >= self._most:
            return False
        self.stats.in_flight += 1
        return True

    async def enter(self, seconds: float) -> None:
        """Take a place, waiting for one at most so long; raises `Full`.

        Who cannot wait at all is not counted as turned away: nobody asked for that request.
        """
        if self.try_enter():
            return
        if not seconds:
            raise Full("no place at the upstream is free")
        if len(self._waiting) >= self._queue:
            self.stats.turned_away += 1
            raise Full("too many requests wait for the upstream already")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self.stats.queued += 1
        try:
            await self._turn(turn, seconds)
        except BaseException:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:
                self.leave()  # it was given and nobody takes it
            raise
        finally:
            self.stats.waiting = len(self._waiting)

    def leave(self) -> None:
        """Give a place up: whoever has waited longest gets it."""
        while self._waiting:
            turn = self._waiting.popleft()
            self.stats.waiting = len(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self.stats.in_flight -= 1

    async def _turn(self, turn: "asyncio.Future[None]", seconds: float) -> None:
        self.stats.waiting = len(self._waiting)
        done, _ = await asyncio.wait({turn}, timeout=None if seconds == float("inf") else seconds)
        if not done:
            self.stats.turned_away += 1
            raise Full("no place at the upstream came free in time")
