"""Recall: answers that the corridor gave from memory, ready for whoever asks the same again.

It judges nothing: what it holds ends with the first thing that could make the corridor answer
otherwise. The answer's freshness ends or may be renewed early; what lies under its key is put
anew or dropped; the ledger knows of a purge, or cannot be trusted any more; the rules change. This
module must not know how answers are written, nor what came before the request on its connection.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

from proxy.engine.answer import Account, Answer
from proxy.engine.corridor import Corridor
from proxy.engine.entry import Entry
from proxy.engine.ledger import Standing, Trust
from proxy.engine.ports import Clock, Near
from proxy.engine.purge import Born
from proxy.engine.verifying import sampled
from proxy.engine.visit import Visit
from proxy.http.codings import Coding
from proxy.http.message import Line
from proxy.policy import freshness
from proxy.policy.stored import Stored
from proxy.policy.verdicts import Fresh
from proxy.rules.labels import Labels

LARGEST: Final = 262_144
"""Bytes of a body above which the answer is not remembered: to find it is not what it costs."""

MOST_OF_ONE: Final = 1_024
"""Memories of one target, or of what lies under one key: all may end at once."""

# "max-age=5" and the like make another answer of the same request as time goes on (9111 §5.2.1).
_TIMELY: Final = frozenset({b"cache-control", b"pragma"})
_OF_THE_PEER: Final = b"x-forwarded-for"
"""What the upstream sees of it is the peer's address: no line of the request tells."""

_OVERHEAD: Final = 1_800
_LINE_OVERHEAD: Final = 130
"""Bytes of objects around a memory of a target of its own and around a line, measured."""

Deciding = tuple[bytes, tuple[Line, ...]]
"""The method, and the lines of a request that its answer may depend on, as they came."""

Rendered = Callable[[], bytes | None]
"""Renders an answer's head as `Memory.head` has it; None where that cannot be."""


class Asked(NamedTuple):
    """A request as its connection knows it: nothing but what came, and whether from a friend.

    `believed` tells that the peer's own forwarding fields count, `target` is the raw one, names in
    `lines` are in lower case. HTTP/1.1, without a body, and the connection stays.
    """

    believed: bool
    method: bytes
    target: bytes
    lines: Sequence[Line]


@dataclass(slots=True, eq=False, weakref_slot=True)
class Memory:
    """An answer to be given again while it holds.

    `head` has two holes, for the Age and for the ttl of Cache-Status, in whole seconds; both are
    told by `stored`. `until` is on the engine's clock, 0 once it has ended. `edition` is that of
    the rules: a reference would keep old ones alive for as long as nobody asks again.
    """

    head: bytes
    body: bytes
    stored: Stored
    account: Account
    labels: Labels
    born: Born
    digest: bytes
    edition: int
    until: float
    where: tuple[bool, bytes]
    deciding: Deciding

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes; the body is the entry's, and counted there."""
        lines = sum(len(name) + len(value) + _LINE_OVERHEAD for name, value in self.deciding[1])
        return _OVERHEAD + len(self.head) + len(self.where[1]) + self.labels.cost + lines


@dataclass(slots=True)
class _Place:
    """What is remembered of one target; `names` are those of the lines that decide."""

    names: frozenset[bytes]
    memories: dict[Deciding, Memory] = field(default_factory=dict)


@dataclass(slots=True)
class RecallStats:
    """What is counted of it; the metadata of each field is its sentence."""

    bytes: int = field(
        default=0,
        metadata={
            "help": "Bytes of answers that are remembered beside their entries.",
            "gauge": True,
        },
    )
    answers: int = field(
        default=0, metadata={"help": "Answers that are remembered now.", "gauge": True}
    )


class Recall:
    """At most `max_bytes` of memories, and so many of one target; the oldest leave first."""

    def __init__(self, corridor: Corridor, near: Near, clock: Clock, max_bytes: int) -> None:
        self._corridor = corridor
        self._ledger = corridor.shelf.ledger
        self._near = near
        self._now = clock.now
        self._max_bytes = max_bytes
        self._places: dict[tuple[bool, bytes], _Place] = {}
        self._under: dict[bytes, dict[Memory, None]] = {}
        self._memories: dict[Memory, None] = {}
        self._snapshot = corridor.snapshot
        self._edition = 0
        self.stats = RecallStats()
        near.watch(self._changed)

    def believes(self, peer: str | None) -> bool:
        """Tell whether a peer's own forwarding fields count."""
        return self._corridor.snapshot.trusts(peer)

    def find(self, asked: Asked) -> Memory | None:
        """Return what is remembered of a request; whether it still holds is another question."""
        place = self._places.get((asked.believed, asked.target))
        if place is None:
            return None
        return place.memories.get(_deciding(asked, place.names))

    def holds(self, memory: Memory, now: float) -> bool:
        """Tell whether the corridor would give the same answer at `now`; else it is forgotten."""
        ledger = self._ledger
        if (
            now < memory.until
            and self._near.touch(memory.digest)
            and ledger.standing(memory.labels, memory.born) is Standing.VALID
            and ledger.trust(now) is Trust.CONFIRMED
            and memory.edition == self._in_force()
        ):
            if memory.born.sequence < ledger.sequence:  # what is older need not be asked again
                memory.born = ledger.position
            return True
        self._end(memory)
        return False

    def remember(self, asked: Asked, visit: Visit, answer: Answer, head: Rendered) -> None:
        """Remember an answer that the corridor has just given, if it may be given again."""
        if not _plain(visit, answer, asked):
            return
        present, now = self._near.peek(visit.boarded.key.digest), self._now()
        entry = _lying(visit, present)
        if entry is None or visit.boarded.snapshot is not self._corridor.snapshot:
            return
        if sampled(visit.boarded):
            return
        terms, stored = visit.boarded.rule.terms, entry.stored
        until = now + stored.ttl(now) - freshness.early_refreshes(stored, terms)
        body = _shared(answer, entry) if _settled(answer, entry) else None
        names = _names(visit, present)
        if body is None or names is None or until <= now:
            return
        rendered = head()
        if rendered is None:
            return
        where = (asked.believed, asked.target)
        place = self._place(where, names)
        memory = Memory(
            *(rendered, body, stored.bare(), answer.account, entry.labels, entry.born),
            *(visit.boarded.key.digest, self._in_force(), until),
            *(where, _deciding(asked, place.names)),
        )
        self._put(place, memory)

    def _in_force(self) -> int:
        """Return the number of the snapshot in force, among those that were seen here."""
        if self._snapshot is not self._corridor.snapshot:
            self._snapshot = self._corridor.snapshot
            self._edition += 1
        return self._edition

    def _place(self, where: tuple[bool, bytes], names: frozenset[bytes]) -> _Place:
        """Return the place of a target, in which `names` decide, and those that did before."""
        old = self._places.get(where)
        if old is not None and old.names >= names:
            return old
        if old is not None:
            names = _all(names, old.names)
            self._clear(old)
        place = self._places[where] = _Place(names)
        return place

    def _put(self, place: _Place, memory: Memory) -> None:
        old = place.memories.get(memory.deciding)
        if old is not None:
            self._end(old)
        self._places[memory.where] = place
        place.memories[memory.deciding] = memory
        alike = self._under.setdefault(memory.digest, {})
        alike[memory] = None
        self._memories[memory] = None
        self.stats.bytes += memory.cost
        self.stats.answers += 1
        if len(place.memories) > MOST_OF_ONE:
            self._end(next(iter(place.memories.values())))
        if len(alike) > MOST_OF_ONE:
            self._end(next(iter(alike)))
        while self.stats.bytes > self._max_bytes:
            self._end(next(iter(self._memories)))

    def _clear(self, place: _Place) -> None:
        for memory in tuple(place.memories.values()):
            self._end(memory)

    def _changed(self, digest: bytes) -> None:
        """Hear that what lies under a digest is not what it was."""
        for memory in tuple(self._under.get(digest, ())):
            self._end(memory)

    def _end(self, memory: Memory) -> None:
        """Forget a memory, and let go of what it holds: others may know it still."""
        if not memory.until:
            return
        self.stats.bytes -= memory.cost
        self.stats.answers -= 1
        place, alike = self._places[memory.where], self._under[memory.digest]
        del place.memories[memory.deciding]
        if not place.memories:
            del self._places[memory.where]
        del alike[memory], self._memories[memory]
        if not alike:
            del self._under[memory.digest]
        memory.until, memory.head, memory.body = 0.0, b"", b""


@lru_cache(maxsize=256)
def _all(names: frozenset[bytes], further: frozenset[bytes]) -> frozenset[bytes]:
    """Return both, as one and the same value each time: it costs more than a memory does."""
    return names if further <= names else names | further


def _lying(visit: Visit, present: tuple[Entry, ...]) -> Entry | None:
    """Return what lies in memory of the entry that a visit was judged by."""
    if visit.entry is None:
        return None
    return next((each for each in present if each.same_answer(visit.entry)), None)


def _names(visit: Visit, present: tuple[Entry, ...]) -> frozenset[bytes] | None:
    """Return the names of the fields that decide; None where more than fields does."""
    varying = frozenset(name for entry in present for name, _ in entry.stored.selecting)
    if _OF_THE_PEER in varying or _OF_THE_PEER in visit.boarded.rule.key.headers:
        return None
    return _all(visit.boarded.snapshot.deciding, varying)


def _deciding(asked: Asked, names: frozenset[bytes]) -> Deciding:
    return asked.method, tuple([line for line in asked.lines if line[0] in names])


def _plain(visit: Visit, answer: Answer, asked: Asked) -> bool:
    """Tell whether nothing but what a memory knows of has made this answer."""
    verdict, account = visit.verdict, answer.account
    fresh = isinstance(verdict, Fresh) and not verdict.refresh
    told = account.hit and account.failed is None and not account.unverified
    return fresh and told and all(name not in _TIMELY for name, _ in asked.lines)


def _bodies(entry: Entry) -> Iterable[bytes]:
    return entry.body, *(coded.body for coded in entry.codings)


def _shared(answer: Answer, entry: Entry) -> bytes | None:
    """Return the answer's body, None where it is not one of the entry's own, or a large one."""
    body = answer.body
    if body is None:
        return b""
    owned = isinstance(body, bytes) and any(body is each for each in _bodies(entry))
    return bytes(body) if owned and len(body) <= LARGEST else None


def _settled(answer: Answer, entry: Entry) -> bool:
    """Tell whether the coding will not be made better: until then it is counted who wants it."""
    return all(
        coded.best or coded.coding is Coding.IDENTITY or coded.body is not answer.body
        for coded in entry.codings
    )
