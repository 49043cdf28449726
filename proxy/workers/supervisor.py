"""Supervisor: the parent of the workers starts them, hands on what it is told, replaces who dies.

It knows processes, signals and one byte a word; it has no thread and no event loop, so that a fork
of it is a process as good as new. This module must not know what a worker does.
"""

import logging
import os
import selectors
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final, NoReturn, Protocol

from proxy.workers.orders import READY, Order
from proxy.workers.patience import Patience

log = logging.getLogger("sidecache.workers")

TICK: Final = 1.0
"""Seconds between two ticks, and at most before a pause that has passed is noticed."""

_ORDERS: Final = {
    signal.SIGTERM: Order.END,
    signal.SIGINT: Order.NOW,
    signal.SIGHUP: Order.RELOAD,
}
_SIGNALS: Final = (*_ORDERS, signal.SIGCHLD)


class Task(Protocol):
    """What the workers are for; all but `work` is called in the supervisor and must not wait."""

    def work(self, place: int, channel: socket.socket) -> int:
        """Be the worker in a place until told to end, and return the exit status."""

    def ready(self) -> None:
        """Take note that all workers serve, for the first time."""

    def filling(self, place: int) -> None:
        """Take note that a worker is about to take a place."""

    def vacant(self, place: int) -> None:
        """Take note that there is nobody in a place for a while."""

    def leaving(self) -> None:
        """Take note that the end has begun."""

    def tick(self) -> None:
        """Do what is to be done from time to time."""


@dataclass(slots=True)
class _Worker:
    place: int
    pid: int
    channel: socket.socket
    since: float
    """When it became ready; until then, when it was started."""
    ready: bool = False


@dataclass(slots=True)
class _Place:
    patience: Patience = field(default_factory=Patience)
    due: float = 0.0
    """When the next worker is started, by the monotonic clock."""
    worker: _Worker | None = None


class Supervisor:
    """Keeps `size` workers at a task; `run` returns the exit status once all have ended.

    The first is started alone: what keeps one from serving keeps all of them, and is told once.
    """

    def __init__(self, size: int, task: Task) -> None:
        self._task = task
        self._places = [_Place() for _ in range(size)]
        self._selector = selectors.DefaultSelector()
        self._announced = False
        self._ending = False
        self._status = 0

    @property
    def _workers(self) -> list[_Worker]:
        return [place.worker for place in self._places if place.worker is not None]

    def run(self) -> int:
        """Start the workers, keep their places filled until told to end, and see them off."""
        with _heard() as signals:
            self._selector.register(signals, selectors.EVENT_READ, None)
            while not self._ending or self._workers:
                self._fill()
                for key, _ in self._selector.select(TICK):
                    if key.data is None:
                        self._told(signals.recv(64))
                    else:
                        self._hear(key.data)
                self._bury()
                self._task.tick()
        self._selector.close()
        return self._status

    # Births

    def _fill(self) -> None:
        """Start a worker in each place where one is due."""
        if self._ending:
            return
        now = time.monotonic()
        first = self._announced or any(worker.ready for worker in self._workers)
        for number, place in enumerate(self._places):
            if place.worker is None and place.due <= now and (first or number == 0):
                self._task.filling(number)
                place.worker = self._born(number)

    def _born(self, place: int) -> _Worker:
        own, its = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)  # or the child answers for the parent
        pid = os.fork()
        if not pid:
            own.close()
            self._be(place, its)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        its.close()
        own.settimeout(0.0)
        worker = _Worker(place, pid, own, time.monotonic())
        self._selector.register(own, selectors.EVENT_READ, worker)
        return worker

    def _be(self, place: int, channel: socket.socket) -> NoReturn:
        """Be a worker, with nothing of the supervisor's but what the task has."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in _ORDERS:
                signal.signal(number, _deaf)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            self._selector.close()
            for other in self._workers:  # or nobody hears that the supervisor is gone
                other.channel.close()
            status = self._task.work(place, channel)
        except Exception:  # noqa: BLE001 - nobody above may go on in this process
            traceback.print_exc()
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)

    # News

    def _told(self, numbers: bytes) -> None:
        for number in numbers:
            order = _ORDERS.get(signal.Signals(number))
            if order is Order.RELOAD:
                self._order(order)
            elif order is not None:
                self._end(order)

    def _end(self, order: Order) -> None:
        self._ending = True
        self._task.leaving()
        self._order(order)

    def _order(self, order: Order) -> None:
        for worker in self._workers:
            with suppress(OSError):  # it is gone, or has heard so much that it hangs
                worker.channel.send(order.value)

    def _hear(self, worker: _Worker) -> None:
        with suppress(OSError):
            if READY in worker.channel.recv(64):
                worker.ready, worker.since = True, time.monotonic()
                if not self._announced and len(self._serving()) == len(self._places):
                    self._announced = True
                    self._task.ready()
                return
        self._selector.unregister(worker.channel)  # it is gone; how, its status tells

    def _serving(self) -> list[_Worker]:
        return [worker for worker in self._workers if worker.ready]

    # Deaths

    def _bury(self) -> None:
        """Take note of every worker that has ended."""
        for worker in self._workers:
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._ended(worker, os.waitstatus_to_exitcode(status))

    def _ended(self, worker: _Worker, status: int) -> None:
        with suppress(KeyError):
            self._selector.unregister(worker.channel)
        worker.channel.close()
        place = self._places[worker.place]
        place.worker = None
        if self._ending:
            self._status = self._status or _exit(status)
        elif not self._announced:
            self._status = _exit(status) or 1
            self._end(Order.NOW)
        else:
            self._replace(place, worker, status)

    def _replace(self, place: _Place, worker: _Worker, status: int) -> None:
        now = time.monotonic()
        pause = place.patience.pause(now - worker.since if worker.ready else 0.0)
        place.due = now + pause
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        then = f"another follows in {pause:g} s" if pause else "another follows"
        log.error("worker %d (process %d) ended %s; %s", worker.place, worker.pid, how, then)
        if pause:
            self._task.vacant(worker.place)


def _exit(status: int) -> int:
    """Return the exit status that a shell shows of a process."""
    return 128 - status if status < 0 else status


def _deaf(*_: object) -> None:
    """Heed no signal: a worker hears its supervisor alone."""


@contextmanager
def _heard() -> Iterator[socket.socket]:
    """Let signals come as bytes on a socket until the block ends."""
    hearing, waking = socket.socketpair()
    with hearing, waking:
        hearing.settimeout(0.0)
        waking.settimeout(0.0)
        former = {number: signal.signal(number, _deaf) for number in _SIGNALS}
        before = signal.set_wakeup_fd(waking.fileno(), warn_on_full_buffer=False)
        try:
            yield hearing
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in former.items():
                signal.signal(number, handler)
