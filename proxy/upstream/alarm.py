"""An alarm: one timer that is set often and rings seldom.

To set it costs an attribute as long as it is not set to an earlier time than before: the timer
underneath fires then, finds that it is too early, and is wound up again.
"""

import asyncio
from collections.abc import Callable
from math import inf


class Alarm:
    """Calls `ring` once the loop's time has reached what was last set, seconds; `inf` is never."""

    __slots__ = ("_fires", "_handle", "_loop", "_ring", "when")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self.when = inf
        self._loop = loop
        self._ring = ring
        self._fires = inf
        self._handle: asyncio.TimerHandle | None = None

    def set(self, when: float) -> None:
        """Let it ring then, and not as it was set before."""
        self.when = when
        if when < self._fires:
            if self._handle is not None:
                self._handle.cancel()
            self._wind(when)

    def stop(self) -> None:
        """Never ring again."""
        self.when = self._fires = inf
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wind(self, when: float) -> None:
        self._fires = when
        self._handle = self._loop.call_at(when, self._fired)

    def _fired(self) -> None:
        self._handle, self._fires = None, inf
        if self.when == inf:
            return
        if self._loop.time() < self.when:
            self._wind(self.when)
            return
        self.when = inf
        self._ring()
