"""Verifying: a sample of hits is held against the upstream's own answer, once they were given.

An answer that is another than the stored one has mostly changed since. So it is only a suspicion,
until another caller hits the same key: then both are asked in turn. Where each gets an answer of
their own, the same one each time, time does not explain it, and the key is wrong. That credentials
are why, an answer shows that is another one without them: anybody can bring some that are refused.
The request of a suspicion is held for a minute at most, and nothing of it but names goes anywhere
but upstream.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
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
from proxy.rules.comparison import Parts, differing, is_personal, nobodys, parts_of
from proxy.rules.keys import Key
from proxy.rules.rule import Rule
from proxy.values import replace

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

_REFUSED: Final = 400
"""Statuses from here on refuse a request."""

_Place = tuple[Key, Selecting]
"""The key of an answer, and what selects it among its variants."""

Condemn = Callable[[Rule, tuple[str, ...]], None]
"""What is done about a rule under which callers got each other's answers."""


class _Incomparable(SidecacheError):
    """The upstream says nothing that could be held against anything."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What the upstream says: its digest and status, and whether it is the stored answer."""

    print: bytes
    status: int
    same: bool


@dataclass(frozen=True, slots=True)
class _Caller:
    """A caller, and what the upstream says to them: under suspicion, not what they were given."""

    boarded: Boarded
    parts: Parts
    said: _Said


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
        self._suspicions: OrderedDict[_Place, tuple[_Caller, asyncio.TimerHandle]] = OrderedDict()

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
        suspicion = self._suspected(_place(boarded, entry))
        if suspicion is None and self._clock.draw() >= boarded.rule.terms.watch.verify:
            return None
        parts = parts_of(boarded.came, SECRET)
        return None if suspicion is not None and suspicion.parts == parts else parts

    def _ended(self, _: object) -> None:
        self._running -= 1

    def _suspected(self, place: _Place) -> _Caller | None:
        found = self._suspicions.get(place)
        return None if found is None else found[0]

    def _suspect(self, place: _Place, caller: _Caller) -> None:
        """Wait for another caller for a while; who does not come leaves it at a change since."""
        timer = asyncio.get_running_loop().call_later(HELD, self._forget, place)
        self._suspicions[place] = caller, timer
        if len(self._suspicions) > MOST_SUSPICIONS:
            self._forget(next(iter(self._suspicions)))

    def _forget(self, place: _Place) -> None:
        _, timer = self._suspicions.pop(place)
        timer.cancel()  # or it would end the next one there

    async def _verified(self, boarded: Boarded, entry: Entry, parts: Parts) -> None:
        """Ask as this caller did, and compare; then, under suspicion, with another caller's."""
        try:
            said = await self._asked(_plain(boarded), boarded, entry)
        except UpstreamBusy:
            self._stats.verifications_dropped += 1
            return
        except SidecacheError:
            self._stats.verifications_failed += 1
            return
        self._stats.compared(boarded.rule.name, same=said.same)
        place, own = _place(boarded, entry), _Caller(boarded, parts, said)
        other = self._suspected(place)
        if other is None and not said.same:
            self._suspect(place, own)
        elif other is not None and other.parts != parts:
            self._forget(place)
            if other.said.print != said.print and await self._apart(other, own, entry):
                await self._blame(boarded.rule, (other, own), entry)

    async def _blame(self, rule: Rule, two: tuple[_Caller, _Caller], entry: Entry) -> None:
        """Count what was shown, and have a rule condemned that mixes callers."""
        names = differing(two[0].parts, two[1].parts)
        personal = any(map(is_personal, names)) and await self._is_personal(two, entry)
        if not personal:
            names = tuple(name for name in names if not is_personal(name))
        if names:
            self._stats.mismatched(rule.name, names)
        if personal:
            self._condemn(rule, names)

    async def _is_personal(self, two: tuple[_Caller, _Caller], entry: Entry) -> bool:
        """Tell whether one of two has an answer, and no mere refusal, because of credentials."""
        for each in two:
            if each.said.status >= _REFUSED:
                continue
            try:
                said = await self._asked(nobodys(_plain(each.boarded)), each.boarded, entry)
            except _Incomparable:
                return True
            except SidecacheError:
                return False
            if said.print != each.said.print:
                return True
        return False

    async def _apart(self, one: _Caller, other: _Caller, entry: Entry) -> bool:
        """Ask two callers in turn; True where each gets the same answer as before each time."""
        for _ in range(ROUNDS):
            for each in (one, other):
                try:
                    said = await self._asked(_plain(each.boarded), each.boarded, entry)
                except SidecacheError:
                    return False
                if said.print != each.said.print:
                    return False
        return True

    async def _asked(self, request: Request, boarded: Boarded, entry: Entry) -> _Said:
        """Return what the upstream says now.

        Raises `SidecacheError` where it says nothing that could be compared.
        """
        terms = boarded.rule.terms
        outbound = Outbound(request, None, terms.timeouts, repeatable=True, patient=False)
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
        return _Said(printing.print(), head.status, same)


def _coding(fields: Fields) -> bytes | None:
    return fields.joined(b"content-encoding")


def _place(boarded: Boarded, entry: Entry) -> _Place:
    return boarded.key, entry.stored.selecting


def _plain(boarded: Boarded) -> Request:
    """Return the caller's own request, for the whole and in the coding in which it is stored."""
    coding = [line for line in boarded.outbound.fields if line[0].lower() == b"accept-encoding"]
    fields = boarded.came.fields.without({b"accept-encoding"}).plus(*coding)
    return whole(replace(boarded.came, fields=fields))
