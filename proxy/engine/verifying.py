"""Verifying: a sample of hits is held against the upstream's own answer, once they were given.

An answer that is another than the stored one has mostly changed since. So it is only a suspicion,
until another caller hits the same key: then both are asked in turn. Where each gets an answer of
their own, the same one each time, time does not explain it, and the key is wrong. The request of a
suspicion is held for a minute at most, and nothing of it but names goes anywhere but upstream.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry
from proxy.engine.ports import Clock, Outbound, Upstream, World
from proxy.engine.printing import SECRET, Printing, comparable
from proxy.engine.stats import Stats
from proxy.engine.tasks import Tasks
from proxy.engine.visit import Visit
from proxy.errors import SidecacheError, UpstreamBusy
from proxy.http.message import Fields, Request
from proxy.policy.stored import Selecting
from proxy.policy.validation import whole
from proxy.rules.comparison import Finding, Parts, differing, finding, parts_of
from proxy.rules.keys import Key
from proxy.rules.rule import Rule

MOST: Final = 4
"""Verifications at a time; further ones are dropped."""

MOST_SUSPICIONS: Final = 32
HELD: Final = 60.0
"""Seconds for which a suspicion waits for another caller, and holds its request."""

ROUNDS: Final = 6
"""How often two callers are asked in turn once their answers differ; each has to stay the same.

While two releases of the upstream answer by chance, half of the time each, this comes about once in
4,096 times.
"""

_Place = tuple[Key, Selecting]
"""The key of an answer, and what selects it among its variants."""

Condemn = Callable[[Rule, tuple[str, ...]], None]
"""What is done about a rule under which callers got each other's answers."""


class _Incomparable(SidecacheError):
    """The upstream says nothing that could be held against anything."""


@dataclass(frozen=True, slots=True)
class _Suspicion:
    """A caller whose own answer was another than the one that was given."""

    boarded: Boarded
    parts: Parts
    print: bytes


def sampled(boarded: Boarded) -> bool:
    """Tell whether hits under a rule are sampled: then none may be given without coming by here."""
    return boarded.rule.terms.watch.verify > 0


class Verifying:
    """Verifies hits in the background, when there is room for that."""

    def __init__(self, world: World, tasks: Tasks, stats: Stats, condemn: Condemn) -> None:
        self._upstream: Upstream = world.upstream
        self._clock: Clock = world.clock
        self._tasks = tasks
        self._stats = stats
        self._condemn = condemn
        self._running = 0
        self._suspicions: OrderedDict[_Place, _Suspicion] = OrderedDict()

    def hit(self, visit: Visit, entry: Entry) -> None:
        """Take note of a hit; if it is of the sample, hold it against the upstream's answer."""
        boarded = visit.boarded
        if not sampled(boarded) or boarded.outbound.method != "GET":
            return
        parts = self._wanted(boarded, entry) if entry.stored.part is None else None
        if parts is None:
            return
        if self._running >= MOST:
            self._stats.verifications_dropped += 1
            return
        self._running += 1
        task = asyncio.create_task(self._verified(boarded, entry, parts))
        task.add_done_callback(self._ended)
        self._tasks.hold(task)

    def _wanted(self, boarded: Boarded, entry: Entry) -> Parts | None:
        """Return the parts of a request to be verified, None for one that is not of the sample.

        Under suspicion everybody is, but for whoever is the reason for it.
        """
        suspicion = self._suspicions.get(_place(boarded, entry))
        if suspicion is None and self._clock.draw() >= boarded.rule.terms.watch.verify:
            return None
        parts = parts_of(boarded.came, SECRET)
        return None if suspicion is not None and suspicion.parts == parts else parts

    def _ended(self, _: object) -> None:
        self._running -= 1

    def _suspect(self, place: _Place, suspicion: _Suspicion) -> None:
        """Wait for another caller for a while; who does not come leaves it at a change since."""
        self._suspicions[place] = suspicion
        if len(self._suspicions) > MOST_SUSPICIONS:
            self._suspicions.popitem(last=False)
        asyncio.get_running_loop().call_later(HELD, self._forget, place, suspicion)

    def _forget(self, place: _Place, suspicion: _Suspicion) -> None:
        if self._suspicions.get(place) is suspicion:
            del self._suspicions[place]

    async def _verified(self, boarded: Boarded, entry: Entry, parts: Parts) -> None:
        """Ask as this caller did, and compare; then, under suspicion, with another caller's."""
        try:
            print_, same = await self._asked(boarded, entry)
        except UpstreamBusy:
            self._stats.verifications_dropped += 1
            return
        except SidecacheError:
            self._stats.verifications_failed += 1
            return
        self._stats.compared(boarded.rule.name, same=same)
        place, own = _place(boarded, entry), _Suspicion(boarded, parts, print_)
        other = self._suspicions.get(place)
        if other is None and not same:
            self._suspect(place, own)
        elif other is not None and other.parts != parts:
            del self._suspicions[place]
            if other.print != print_ and await self._apart(other, own, entry):
                self._blame(boarded.rule, differing(other.parts, parts))

    def _blame(self, rule: Rule, names: tuple[str, ...]) -> None:
        """Count what was shown, and have a rule condemned that mixes callers."""
        self._stats.mismatched(rule.name, names)
        if finding(names) is Finding.CREDENTIALS:
            self._condemn(rule, names)

    async def _apart(self, one: _Suspicion, other: _Suspicion, entry: Entry) -> bool:
        """Ask two callers in turn; True where each gets the same answer as before each time."""
        for _ in range(ROUNDS):
            for each in (one, other):
                try:
                    print_, _ = await self._asked(each.boarded, entry)
                except SidecacheError:
                    return False
                if print_ != each.print:
                    return False
        return True

    async def _asked(self, boarded: Boarded, entry: Entry) -> tuple[bytes, bool]:
        """Return a digest of what the upstream says now, and whether that is the stored answer.

        Raises `SidecacheError` where it says nothing that could be compared.
        """
        terms = boarded.rule.terms
        outbound = Outbound(_plain(boarded), None, terms.timeouts, repeatable=True, patient=False)
        inbound = await self._upstream.send(outbound)
        try:
            head, stored = inbound.head, entry.stored
            if not comparable(head) or _coding(head.fields) != _coding(stored.fields):
                raise _Incomparable
            printing, same = Printing(head), True
            async for chunk in inbound.chunks():
                at = printing.size
                same = same and entry.body[at : at + len(chunk)] == chunk
                printing.update(chunk)
                if printing.size > terms.max_body:
                    raise _Incomparable
        finally:
            await inbound.aclose()
        same = same and printing.size == len(entry.body) and head.status == stored.status
        same = same and head.fields.joined(b"location") == stored.fields.joined(b"location")
        return printing.print(), same


def _coding(fields: Fields) -> bytes | None:
    return fields.joined(b"content-encoding")


def _place(boarded: Boarded, entry: Entry) -> _Place:
    return boarded.key, entry.stored.selecting


def _plain(boarded: Boarded) -> Request:
    """Return the caller's own request, for the whole and in the coding in which it is stored."""
    coding = [line for line in boarded.outbound.fields if line[0].lower() == b"accept-encoding"]
    fields = boarded.came.fields.without({b"accept-encoding"}).plus(*coding)
    return whole(replace(boarded.came, fields=fields))
