"""Shortcut: the fast door. What is remembered leaves at once, before a scope or a task is made.

A request whose very bytes have been answered before is not even parsed again. The bytes that leave
are those that the other door would write: both render a head in the same way, and this one keeps
it with two holes. This module must not know why an answer may be given again.
"""

from collections.abc import Iterable
from functools import partial
from time import perf_counter
from typing import Final, Protocol
from weakref import ref

from proxy.edge.delivery import lines_of
from proxy.edge.journeys import Wanted
from proxy.edge.outgoing import outgoing
from proxy.engine.answer import Answer
from proxy.engine.journey import Tracer
from proxy.engine.ports import Clock
from proxy.engine.recall import Asked, Memory, Recall
from proxy.engine.stats import Stats
from proxy.engine.visit import Visit
from proxy.errors import Unsendable
from proxy.http.message import Line
from proxy.http.trace_context import TRACEPARENT

ASKED: Final = "sidecache.asked"
"""The scope key of the request as its connection knows it, where its answer may be remembered."""

HEADS: Final = 4 * 1024 * 1024
"""Bytes of heads that are known by heart, with what belongs to them."""

LONGEST: Final = 4_096
"""Bytes of a head that is worth being known by heart."""

_SEEN: Final = 4_096
"""Heads of which it is known that they came once; most never come again."""
_OVERHEAD: Final = 200
_JOINED: Final = 65_536
"""Bytes of a body above which it costs more to copy it behind its head than to write it alone."""


class Wire(Protocol):
    """A connection, as far as answers leave on it.

    `wanted` is what somebody wants to know of the request that is left to the other door.
    """

    wanted: Wanted | None

    def write(self, data: bytes) -> None:
        """Write, at once."""


class Shortcut:
    """The fast door of one listener, while it is `open`; what is traced goes by the other."""

    def __init__(
        self,
        recall: Recall,
        clock: Clock,
        stats: Stats,
        heads: int = HEADS,
        tracer: Tracer | None = None,
    ) -> None:
        self.open = True
        """Not where each answer is to be logged, measured, or to be the last on its connection."""
        self._sample = None if tracer is None else tracer.sample
        self.believes = recall.believes
        self._recall = recall
        self._now = clock.now
        self._stats = stats
        self._most = heads
        self._heads: tuple[dict[bytes, ref[Memory]], dict[bytes, ref[Memory]]] = ({}, {})
        """By the whole head, of peers that are not believed and of those that are.

        What has ended is not held until its head comes again, which it may never do.
        """
        self._seen: set[int] = set()
        self._bytes = 0

    def by_heart(self, wire: Wire, head: bytes, *, believed: bool) -> bool:
        """Answer what came if it is one request that is known byte for byte."""
        known = self._heads[believed].get(head) if len(head) <= LONGEST else None
        if known is None or not self.open:
            return False
        memory = known()
        if memory is not None and self._give(wire, memory):
            return True
        if memory is None or not memory.until:  # it has ended; else it is left to the other door
            del self._heads[believed][head]
            self._bytes -= _OVERHEAD + len(head)
        return False

    def give(self, wire: Wire, asked: Asked) -> Memory | None:
        """Answer a request that is remembered, and return what was."""
        memory = self._recall.find(asked) if self.open and wire.wanted is None else None
        if memory is None:
            return None
        traceparents = () if self._sample is None else _traceparents(asked.lines)
        return memory if self._give(wire, memory, traceparents) else None

    def know(self, head: bytes, memory: Memory, *, believed: bool) -> None:
        """Learn by heart that `head`, all that came, is answered by `memory`: the second time."""
        known = self._heads[believed]
        if len(head) > LONGEST or self._speaks_of_a_trace(head) or not self._again(head):
            return
        self._bytes += _OVERHEAD + len(head) if head not in known else 0
        known[head] = ref(memory)
        while self._bytes > self._most:
            fuller = max(self._heads, key=len)
            oldest = next(iter(fuller))
            del fuller[oldest]
            self._bytes -= _OVERHEAD + len(oldest)

    def remember(self, asked: Asked, visit: Visit, answer: Answer) -> None:
        """Keep an answer that the store has given, if it may be given again like that."""
        name = visit.boarded.snapshot.name
        self._recall.remember(asked, visit, answer, partial(pattern, asked.method, answer, name))

    def _give(self, wire: Wire, memory: Memory, traceparents: tuple[bytes, ...] = ()) -> bool:
        began, now = perf_counter(), self._now()
        if not self._recall.holds(memory, now):
            return False
        if self._sample is not None:
            sample = self._sample(traceparents)
            if sample is not None:
                wire.wanted = Wanted(sample, timed=False)
                return False
        stored, body = memory.stored, memory.body
        age = stored.age(now)
        head = memory.head % (age, stored.left(age, now))
        if len(body) <= _JOINED:
            wire.write(head + body)
        else:
            wire.write(head)
            wire.write(body)
        self._stats.record(memory.account, perf_counter() - began, len(body))
        return True

    def _speaks_of_a_trace(self, head: bytes) -> bool:
        """Tell whether a head has to be parsed to know if its request is traced."""
        return self._sample is not None and TRACEPARENT in head.lower()

    def _again(self, head: bytes) -> bool:
        """Tell whether a head has come before, of late."""
        mark = hash(head)
        if mark in self._seen:
            return True
        if len(self._seen) >= _SEEN:
            self._seen.clear()
        self._seen.add(mark)
        return False


def pattern(method: bytes, answer: Answer, name: str) -> bytes | None:
    """Return an answer's head with a hole each for its Age and its ttl, in whole seconds.

    None where it does not have both, once each and in this order, or cannot be sent.
    """
    account = answer.account
    status, ttl = account.cache_status().render(name), b"; ttl=%d"
    before, found, after = status.partition(ttl % (account.ttl or 0))
    holes = {
        (b"age", answer.fields.first(b"age")): b"%d",
        (b"cache-status", status): _escaped(before) + ttl + _escaped(after),
    }
    lines = lines_of(answer)
    if not found or [line[0] for line in lines if line in holes] != [b"age", b"cache-status"]:
        return None
    holed = [(_escaped(line[0]), holes.get(line) or _escaped(line[1])) for line in lines]
    told = method.decode("ascii")
    try:
        return outgoing(answer.status, holed, method=told, version="1.1", keep_alive=True).head
    except Unsendable:
        return None


def _traceparents(lines: Iterable[Line]) -> tuple[bytes, ...]:
    return tuple(value.strip(b" \t") for name, value in lines if name == TRACEPARENT)


def _escaped(text: bytes) -> bytes:
    return text.replace(b"%", b"%%")
