"""Outbox: the purges of this replica that the log may not have.

What the log could not be told holds here until it has been told and has come back in its place.
What it was told a short while ago is told again when the log begins anew, since whoever lost the
log may have lost that too. Telling twice is harmless. This module must not know how it is told.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from proxy.engine.ledger import Ledger
from proxy.engine.purge import Place, Purge
from proxy.rules.labels import EVERYTHING

T = TypeVar("T")

log = logging.getLogger("sidecache.purge")

LIMIT: Final = 1_000
"""Purges that wait, and purges that are remembered."""

LABELS: Final = 100_000
"""Tags and patterns of those that wait, in all, and of those that are remembered."""

MEMORY: Final = 60.0
"""Seconds for which what was told is remembered."""

ALL: Final = Purge((EVERYTHING,))


@dataclass(slots=True)
class Pledge:
    """A purge that holds here by itself until the ledger has reached its place in the log."""

    purge: Purge
    place: Place | None = None


class Noted(Generic[T]):
    """What is noted of purges, the latest last: of equal ones the latest stands for all."""

    def __init__(self) -> None:
        self._notes: dict[Purge, T] = {}
        self._labels = 0

    def __len__(self) -> int:
        return len(self._notes)

    def __contains__(self, purge: Purge) -> bool:
        return purge in self._notes

    @property
    def is_full(self) -> bool:
        """Whether no more should be noted."""
        return len(self) >= LIMIT or self._labels >= LABELS

    @property
    def items(self) -> tuple[tuple[Purge, T], ...]:
        """The purges with what is noted of them."""
        return tuple(self._notes.items())

    def put(self, purge: Purge, note: T) -> None:
        """Note something of a purge, as the latest."""
        self.drop(purge)
        self._notes[purge] = note
        self._labels += _size(purge)

    def drop(self, purge: Purge) -> None:
        """Forget a purge if it is noted."""
        if self._notes.pop(purge, None) is not None:
            self._labels -= _size(purge)

    def drop_first(self) -> None:
        """Forget the one that was noted first."""
        self.drop(next(iter(self._notes)))

    def clear(self) -> None:
        """Forget all."""
        self._notes.clear()
        self._labels = 0


class Outbox:
    """Purges on their way to the log, bounded; none that waits is ever forgotten."""

    def __init__(self) -> None:
        self._pledges = Noted[Pledge]()
        self._told = Noted[tuple[float, bytes]]()
        self._sending: dict[bytes, Purge] = {}

    def __len__(self) -> int:
        return len(self._pledges)

    @property
    def untold(self) -> Pledge | None:
        """The first purge that the log has not been told."""
        return next((pledge for _, pledge in self._pledges.items if pledge.place is None), None)

    def hold(self, purge: Purge) -> None:
        """Keep a purge until it has been told; where too many wait, they become one of all.

        It takes the place of an equal one, be that just being told: it is later than that.
        """
        self._pledges.drop(purge)
        if self._pledges.is_full:
            if ALL not in self._pledges:
                log.warning("too many purges wait for the log: they become one of everything")
            self._pledges.clear()
            purge = ALL
        self._pledges.put(purge, Pledge(purge))

    @contextmanager
    def sending(self, nonce: bytes, purge: Purge) -> Iterator[None]:
        """Let a purge hold here while it is being told: it may already have been applied alone."""
        self._sending[nonce] = purge
        try:
            yield
        finally:
            self._sending.pop(nonce, None)

    def arrived(self, nonce: bytes) -> None:
        """Take note that the ledger has the record with this nonce."""
        self._sending.pop(nonce, None)

    def remember(self, purge: Purge, place: Place, now: float) -> None:
        """Take note of a purge that the log was told."""
        self._told.drop(purge)
        while self._told.is_full:
            self._told.drop_first()
        self._told.put(purge, (now, place.epoch))

    def recall(self, epoch: bytes, now: float) -> None:
        """Hold again what was told not long ago, in another epoch than the one that begins."""
        for _, pledge in self._pledges.items:
            pledge.place = None
        for purge, (at, told_in) in self._told.items:
            if told_in != epoch and at > now - MEMORY:
                self.hold(purge)
        self._told.clear()

    def settle(self, reached: Callable[[Place], bool], ledger: Ledger, now: float) -> None:
        """Let go of what the ledger has reached, and apply the rest: it is later than that."""
        for purge, pledge in self._pledges.items:
            if pledge.place is not None and reached(pledge.place):
                self._pledges.drop(purge)
            else:
                ledger.apply_alone(purge, now)
        for purge in self._sending.values():
            ledger.apply_alone(purge, now)


def _size(purge: Purge) -> int:
    return len(purge.tags) + len(purge.patterns)
