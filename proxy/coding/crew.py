"""Crew: a few threads that do what would hold up the event loop, and the line before them.

Everything but the work itself happens on the loop: a thread is handed one job at a time, and a
caller that leaves takes its job out of the line. Must not know what the work is.
"""

import asyncio
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from time import thread_time
from typing import Final

from proxy.errors import CodingError

REST: Final = 30.0
"""Seconds without work after which a crew may put its tools away."""

_NICE: Final = 5

Work = Callable[[], bytes]

Tally = Callable[[bytes, float], None]
"""Told on the loop what the work made and its CPU seconds, even when the caller has left."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much may wait, in jobs and in bytes."""

    jobs: int
    size: int


@dataclass(slots=True, eq=False)
class _Job:
    work: Work
    size: int
    tally: Tally | None
    answer: "asyncio.Future[bytes | None]"

    def settle(self, outcome: bytes | BaseException | None) -> None:
        """Tell the caller, if it is still there; None is a refusal."""
        if self.answer.done():
            return
        if isinstance(outcome, BaseException):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


def give_way() -> None:
    """Let another thread have the core, if one wants it; to be called between pieces of work.

    Otherwise Linux sees only at its next tick, up to 4 ms later, that somebody waits.
    """
    if hasattr(os, "sched_yield"):
        os.sched_yield()


def _stand_back() -> None:
    """Take a third of what the event loop gets, or anybody, where both want the same core."""
    if sys.platform == "linux":  # elsewhere only a process has a priority
        thread = threading.get_native_id()
        with suppress(OSError):  # a sandbox may know no priorities
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + _NICE)


class Crew:
    """At most so many threads, hired when there is work; of one event loop.

    The threads are daemons: neither `aclose` nor the end of the process waits for a long job.
    `clock` tells a thread its CPU seconds; a thread calls `rest` when it has had no work for a
    while, and at its end.
    """

    def __init__(
        self,
        name: str,
        threads: int,
        room: Room,
        *,
        clock: Callable[[], float] = thread_time,
        rest: Callable[[], None] | None = None,
    ) -> None:
        self._name = name
        self._threads = threads
        self._room = room
        self._clock = clock
        self._rest = rest
        self._hired = 0
        self._inbox: SimpleQueue[_Job | None] = SimpleQueue()
        self._urgent: deque[_Job] = deque()
        self._waiting: deque[_Job] = deque()
        self._busy: set[_Job] = set()
        self._closed = False

    async def attempt(self, work: Work, size: int, tally: Tally | None = None) -> bytes | None:
        """Return what `work` makes; None at once where too many wait, and when this is closed.

        Whatever its `size`, work for which a thread is free is taken on.
        """
        if not (self._staffed() and self._has_room(size)):
            return None
        return await self._wait(self._waiting, work, size, tally)

    async def run(self, work: Work, tally: Tally | None = None) -> bytes:
        """Return what `work` makes, before all that is only attempted, however many wait.

        Raises `CodingError` when this is closed meanwhile.
        """
        made = await self._wait(self._urgent, work, 0, tally) if self._staffed() else None
        if made is None:
            raise CodingError("nobody encodes or decodes any more")
        return made

    async def aclose(self, patience: float = 0.0) -> None:
        """Refuse what waits, and after `patience` seconds what is being done; end the threads."""
        self._closed = True
        for line in (self._urgent, self._waiting):
            while line:
                line.popleft().settle(None)
        while self._hired:
            self._hired -= 1
            self._inbox.put(None)
        if patience and self._busy:
            await asyncio.wait([job.answer for job in self._busy], timeout=patience)
        for job in self._busy:
            job.settle(None)

    async def _wait(
        self, line: deque[_Job], work: Work, size: int, tally: Tally | None
    ) -> bytes | None:
        job = _Job(work, size, tally, asyncio.get_running_loop().create_future())
        line.append(job)
        self._dispatch()
        try:
            return await job.answer
        except asyncio.CancelledError:
            with suppress(ValueError):  # it is being done: that goes on to its end
                line.remove(job)
            raise

    def _has_room(self, size: int) -> bool:
        if len(self._busy) < self._hired:
            return True
        waiting = sum(job.size for job in self._waiting)
        return len(self._waiting) < self._room.jobs and waiting + size <= self._room.size

    def _staffed(self) -> bool:
        """Hire one more where all are busy; tell whether there is anybody at all."""
        if self._closed:
            return False
        if len(self._busy) == self._hired < self._threads:
            name = f"{self._name}-{self._hired}"
            with suppress(RuntimeError):  # the system gives no more threads
                threading.Thread(target=self._labour, name=name, daemon=True).start()
                self._hired += 1
        return self._hired > 0

    def _dispatch(self) -> None:
        while len(self._busy) < self._hired and (line := self._urgent or self._waiting):
            job = line.popleft()
            self._busy.add(job)
            self._inbox.put(job)

    def _done(self, job: _Job, outcome: bytes | BaseException, seconds: float) -> None:
        """Take what a thread has made."""
        self._busy.discard(job)
        if job.tally is not None and isinstance(outcome, bytes):
            job.tally(outcome, seconds)
        job.settle(outcome)
        self._dispatch()

    # In a thread

    def _labour(self) -> None:
        """Do one job after the other, and hold on to none of them in between."""
        _stand_back()
        while (job := self._next()) is not None:
            self._carry_out(job)
            del job
        if self._rest is not None:
            self._rest()

    def _next(self) -> _Job | None:
        if self._rest is not None:
            with suppress(Empty):
                return self._inbox.get(timeout=REST)
            self._rest()
        return self._inbox.get()

    def _carry_out(self, job: _Job) -> None:
        began = self._clock()
        outcome: bytes | BaseException
        try:
            outcome = job.work()
        except BaseException as error:  # noqa: BLE001 - whatever it is, the caller shall know
            outcome = error
        with suppress(RuntimeError):  # the loop has been closed
            loop = job.answer.get_loop()
            loop.call_soon_threadsafe(self._done, job, outcome, self._clock() - began)
