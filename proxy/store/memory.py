"""The memory tier: bounded by bytes, and a scan cannot flush it.

S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi; SOSP 2023): newcomers wait in a small queue and pass into
the main one only if they were asked for again meanwhile, so one-hit wonders leave without having
displaced anything. A hit is one look-up and a small counter; nothing is moved.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from proxy.engine.entry import Entry

SMALL_SHARE: Final = 0.1
"""The newcomers' share of the bytes, as the paper recommends."""

_MAX_COUNT: Final = 3
_PROMOTED_ABOVE: Final = 1
_SLOT_OVERHEAD: Final = 300


@dataclass(slots=True)
class _Slot:
    entries: tuple[Entry, ...]
    cost: int
    count: int = 0
    main: bool = False


class MemoryStore:
    """A `Near` of at most `max_bytes`, in which no key takes more than `max_share` of them."""

    def __init__(self, max_bytes: int, max_share: float = 0.1) -> None:
        self._max_bytes = max_bytes
        self._max_cost = int(max_bytes * max_share)
        self._slots: dict[bytes, _Slot] = {}
        self._small: OrderedDict[bytes, None] = OrderedDict()
        self._main: OrderedDict[bytes, None] = OrderedDict()
        self._ghosts: OrderedDict[bytes, None] = OrderedDict()
        self._small_bytes = 0
        self._watchers: list[Callable[[bytes], None]] = []
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._slots)

    def get(self, digest: bytes) -> tuple[Entry, ...]:
        """Return the entries under a digest, none when it is unknown."""
        slot = self._slots.get(digest)
        if slot is None:
            return ()
        if slot.count < _MAX_COUNT:
            slot.count += 1
        return slot.entries

    def peek(self, digest: bytes) -> tuple[Entry, ...]:
        """Return the entries under a digest without counting it as a use."""
        slot = self._slots.get(digest)
        return slot.entries if slot else ()

    def items(self, start: int = 0) -> Iterator[tuple[bytes, tuple[Entry, ...]]]:
        """Yield digests and entries from the `start`-th on, the oldest first.

        What is dropped meanwhile has no entries, what is put meanwhile is not told.
        """
        for digest in tuple(islice(self._slots, start, None)):
            yield digest, self.peek(digest)

    def put(self, digest: bytes, entries: tuple[Entry, ...]) -> None:
        """Replace the entries under a digest; what exceeds its share is left out, oldest first."""
        if not self._max_cost:
            return
        kept, cost = self._fitting(entries)
        slot = self._slots.get(digest)
        if not kept:
            self.drop(digest)
            return
        if slot is None:
            slot = _Slot(kept, cost, main=digest in self._ghosts)
            self._ghosts.pop(digest, None)
            self._slots[digest] = slot
            (self._main if slot.main else self._small)[digest] = None
            self._account(slot, cost)
        else:
            self._account(slot, cost - slot.cost)
            slot.entries, slot.cost = kept, cost
            self._tell(digest)
        while self.bytes > self._max_bytes:
            self._evict()

    def drop(self, digest: bytes) -> None:
        """Forget a digest."""
        slot = self._slots.pop(digest, None)
        if slot is not None:
            del (self._main if slot.main else self._small)[digest]
            self._account(slot, -slot.cost)
            self._tell(digest)

    def watch(self, watcher: Callable[[bytes], None]) -> None:
        """Let `watcher` hear of every digest whose entries are replaced or forgotten."""
        self._watchers.append(watcher)

    def heat(self, digest: bytes) -> int:
        """Return a number that is larger for what is asked for more; it counts as no request."""
        slot = self._slots.get(digest)
        return 0 if slot is None else 2 * slot.count + slot.main

    def _tell(self, digest: bytes) -> None:
        for watcher in self._watchers:
            watcher(digest)

    def _fitting(self, entries: tuple[Entry, ...]) -> tuple[tuple[Entry, ...], int]:
        kept: list[Entry] = []
        total = _SLOT_OVERHEAD
        for entry in entries:
            cost = entry.cost
            if total + cost <= self._max_cost:
                kept.append(entry)
                total += cost
        return tuple(kept), total

    def _account(self, slot: _Slot, change: int) -> None:
        self.bytes += change
        if not slot.main:
            self._small_bytes += change

    def _evict(self) -> None:
        if self._small and (self._small_bytes > self._max_bytes * SMALL_SHARE or not self._main):
            self._evict_newcomer()
        else:
            self._evict_resident()

    def _evict_newcomer(self) -> None:
        digest = next(iter(self._small))
        slot = self._slots[digest]
        if slot.count > _PROMOTED_ABOVE:
            del self._small[digest]
            self._small_bytes -= slot.cost
            self._main[digest] = None
            slot.main, slot.count = True, 0
            return
        self._discard(digest)
        self._ghosts[digest] = None
        while len(self._ghosts) > max(len(self._main), 1_000):
            self._ghosts.popitem(last=False)

    def _evict_resident(self) -> None:
        digest = next(iter(self._main))
        slot = self._slots[digest]
        if slot.count > 0:
            slot.count -= 1
            self._main.move_to_end(digest)
            return
        self._discard(digest)

    def _discard(self, digest: bytes) -> None:
        self.drop(digest)
        self.evictions += 1
