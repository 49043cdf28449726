"""The memory tier: bounded by bytes, and a scan cannot flush it.

S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi; SOSP 2023): newcomers wait in a small queue and pass into
the main one only if they were asked for again meanwhile, so one-hit wonders leave without having
displaced anything. A hit is one look-up and a small counter; nothing is moved.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from proxy.engine.entry import Entry
from proxy.store.fifo import Fifo, Link
from proxy.store.packing import Packed, pack, size, unpack

SMALL_SHARE: Final = 0.1
"""The newcomers' share of the bytes, as the paper recommends."""

AWAKE: Final = 128
"""Entries that stay as they were unpacked, so that what is asked for again is not unpacked anew."""

_MAX_COUNT: Final = 3
_PROMOTED_ABOVE: Final = 1
_GHOST_SHARE: Final = 1 / 16
_LEAST_GHOSTS: Final = 1_000

_KEY_COST: Final = 240
_STRING_COST: Final = 56
_GHOST_COST: Final = 112
"""Bytes of the objects around a key, each string that lies under it and an evicted digest.

They follow from the sizes of CPython's objects; a test measures that they are true.
"""


class _Slot(Link):
    """What lies under a digest, and how often it was asked for since it came into its queue."""

    __slots__ = ("count", "digest", "held", "main")

    def __init__(self, digest: bytes, held: Packed, *, main: bool) -> None:
        self.digest = digest
        self.held = held
        self.count = 0
        self.main = main

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes."""
        return _KEY_COST + _cost(self.held)


class MemoryStore:
    """A `Near` of at most `max_bytes`, in which no key takes more than `max_share` of them.

    Beside them it takes what the `AWAKE` entries that were asked for last do without their bodies.
    """

    def __init__(self, max_bytes: int, max_share: float = 0.1) -> None:
        self._max_bytes = max_bytes
        self._max_cost = int(max_bytes * max_share)
        self._most_ghosts = int(max_bytes * _GHOST_SHARE / _GHOST_COST)
        self._slots: dict[bytes, _Slot] = {}
        self._small: Fifo[_Slot] = Fifo()
        self._main: Fifo[_Slot] = Fifo()
        self._ghosts: dict[bytes, None] = {}
        self._awake = _Awake()
        self._small_bytes = 0
        self._slot_bytes = 0
        self._watchers: list[Callable[[bytes], None]] = []
        self.bytes = 0
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __contains__(self, digest: bytes) -> bool:
        return digest in self._slots

    def touch(self, digest: bytes) -> bool:
        """Count a use of what lies under a digest; tell whether anything does."""
        slot = self._slots.get(digest)
        if slot is None:
            return False
        if slot.count < _MAX_COUNT:
            slot.count += 1
        return True

    def get(self, digest: bytes) -> tuple[Entry, ...]:
        """Return the entries under a digest, none when it is unknown."""
        return self.peek(digest) if self.touch(digest) else ()

    def peek(self, digest: bytes) -> tuple[Entry, ...]:
        """Return the entries under a digest without counting it as a use."""
        slot = self._slots.get(digest)
        return self._awake.entries(slot) if slot else ()

    def items(self, start: int = 0) -> Iterator[tuple[bytes, tuple[Entry, ...]]]:
        """Yield digests and entries from the `start`-th on, the oldest first.

        What is dropped meanwhile has no entries, what is put meanwhile is not told.
        """
        for digest in tuple(islice(self._slots, start, None)):
            slot = self._slots.get(digest)
            yield digest, unpack(slot.held) if slot else ()

    def put(self, digest: bytes, entries: tuple[Entry, ...]) -> None:
        """Replace the entries under a digest; what exceeds its share is left out, oldest first."""
        if not self._max_cost:
            return
        slot = self._slots.get(digest)
        held = self._fitting(entries, self._awake.packed(slot) if slot else {})
        if not held:
            self.drop(digest)
            return
        if slot is None:
            slot = _Slot(digest, held, main=digest in self._ghosts)
            self._ghosts.pop(digest, None)
            self._slots[digest] = slot
            self._queue(slot).append(slot)
            self._account(slot, slot.cost)
        else:
            before, slot.held = slot.cost, held
            self._account(slot, slot.cost - before)
            self._changed(digest)
        while self.bytes > self._max_bytes:
            self._evict()

    def drop(self, digest: bytes) -> None:
        """Forget a digest."""
        slot = self._slots.pop(digest, None)
        if slot is not None:
            self._queue(slot).remove(slot)
            self._account(slot, -slot.cost)
            self._changed(digest)

    def watch(self, watcher: Callable[[bytes], None]) -> None:
        """Let `watcher` hear of every digest whose entries are replaced or forgotten."""
        self._watchers.append(watcher)

    def heat(self, digest: bytes) -> int:
        """Return a number that is larger for what is asked for more; it counts as no request."""
        slot = self._slots.get(digest)
        return 0 if slot is None else 2 * slot.count + slot.main

    def _changed(self, digest: bytes) -> None:
        self._awake.forget(digest)
        for watcher in self._watchers:
            watcher(digest)

    def _fitting(self, entries: tuple[Entry, ...], packed: dict[int, Packed]) -> Packed:
        """Return the entries for which there is room, packed; `packed` are some that are, by id."""
        held: list[bytes] = []
        room = self._max_cost - _KEY_COST
        for entry in entries:
            if len(entry.body) > room:
                continue
            each = packed.get(id(entry)) or pack(entry)
            cost = _cost(each)
            if cost <= room:
                held += each
                room -= cost
        return tuple(held)

    def _queue(self, slot: _Slot) -> Fifo[_Slot]:
        return self._main if slot.main else self._small

    def _account(self, slot: _Slot, change: int) -> None:
        self._slot_bytes += change
        if not slot.main:
            self._small_bytes += change
        self.bytes = self._slot_bytes + _GHOST_COST * len(self._ghosts)

    def _evict(self) -> None:
        if self._small and (self._small_bytes > self._max_bytes * SMALL_SHARE or not self._main):
            self._evict_newcomer(self._small.first)
        else:
            self._evict_resident(self._main.first)

    def _evict_newcomer(self, slot: _Slot) -> None:
        if slot.count > _PROMOTED_ABOVE:
            self._small.remove(slot)
            self._small_bytes -= slot.cost
            slot.main, slot.count = True, 0
            self._main.append(slot)
            return
        self._ghosts[slot.digest] = None
        if len(self._ghosts) > min(max(len(self._main), _LEAST_GHOSTS), self._most_ghosts):
            for digest in tuple(islice(self._ghosts, len(self._ghosts) // 8 + 1)):
                del self._ghosts[digest]  # so many at once, since a dict steps over what has left
        self._discard(slot)

    def _evict_resident(self, slot: _Slot) -> None:
        if slot.count > 0:
            slot.count -= 1
            self._main.remove(slot)
            self._main.append(slot)
            return
        self._discard(slot)

    def _discard(self, slot: _Slot) -> None:
        self.drop(slot.digest)
        self.evictions += 1


class _Awake:
    """The entries that were asked for last, as they were unpacked."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, tuple[Entry, ...]] = OrderedDict()
        self._number = 0

    def entries(self, slot: _Slot) -> tuple[Entry, ...]:
        """Return what lies in a slot."""
        entries = self._entries.get(slot.digest)
        if entries is None:
            entries = self._entries[slot.digest] = unpack(slot.held)
            self._number += len(entries)
            while self._number > AWAKE and len(self._entries) > 1:
                self.forget(next(iter(self._entries)))
        return entries

    def packed(self, slot: _Slot) -> dict[int, Packed]:
        """Return what a slot holds, by the `id()` of the entries that are awake."""
        strings, entries = iter(slot.held), self._entries.get(slot.digest, ())
        return {id(entry): tuple(islice(strings, size(entry))) for entry in entries}

    def forget(self, digest: bytes) -> None:
        """Let what lies under a digest go to sleep."""
        self._number -= len(self._entries.pop(digest, ()))


def _cost(packed: Packed) -> int:
    return sum(map(len, packed)) + _STRING_COST * len(packed)
