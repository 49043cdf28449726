"""Health: whether an address is well, found by asking it from time to time.

Several answers in a row change the mind; `Mind` decides, `Checks` asks. This module must not know
what a check's result is used for.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

import httpx

from proxy.engine.tasks import Tasks
from proxy.http.message import Fields
from proxy.upstream.call import Call
from proxy.upstream.exchange import Exchange
from proxy.upstream.members import Member, Members
from proxy.upstream.request import Outgoing
from proxy.upstream.waits import Waits

log = logging.getLogger("sidecache.upstream")

_WELL: Final = range(200, 400)


@dataclass(frozen=True, slots=True)
class HealthTerms:
    """What is asked for, how often and how long it may take, in seconds; `row` answers decide."""

    path: str
    interval: float = 5.0
    timeout: float = 1.0
    row: int = 2
    host: str = "upstream"


class Mind:
    """What is thought of one address; well until it has proved otherwise."""

    __slots__ = ("_against", "_row", "well")

    def __init__(self, row: int) -> None:
        self.well = True
        self._row = row
        self._against = 0

    def saw(self, *, well: bool) -> bool:
        """Note an answer; return whether it is well now."""
        self._against = 0 if well is self.well else self._against + 1
        if self._against >= self._row:
            self.well, self._against = well, 0
        return self.well


class Checks:
    """Asks every member in turn, until closed."""

    def __init__(self, members: Members, terms: HealthTerms) -> None:
        self._members = members
        self._terms = terms
        self._minds: dict[Member, Mind] = {}
        self._tasks = Tasks()

    def start(self) -> None:
        """Begin to ask."""
        self._tasks.hold(asyncio.create_task(self._watch()))

    async def aclose(self) -> None:
        """Ask no more."""
        await self._tasks.aclose()

    async def once(self) -> None:
        """Ask every member, all at the same time."""
        await self._members.known(asyncio.get_running_loop().time())
        members = list(self._members)
        answers = await asyncio.gather(*(self._check(member) for member in members))
        for member, well in zip(members, answers, strict=True):
            mind = self._minds.setdefault(member, Mind(self._terms.row))
            before, member.healthy = member.healthy, mind.saw(well=well)
            if member.healthy is not before:
                found = "well again" if member.healthy else "unwell"
                log.warning("a check found the upstream at %s %s", member.address, found)
        for gone in self._minds.keys() - set(members):
            del self._minds[gone]

    async def _watch(self) -> None:
        while True:
            try:
                await self.once()
            except Exception:  # the next time may be better
                log.exception("the upstream cannot be checked")
            await asyncio.sleep(self._terms.interval)

    async def _check(self, member: Member) -> bool:
        seconds = self._terms.timeout
        waits = Waits(first_byte=seconds, between_bytes=seconds, connect=seconds, total=seconds)
        agent = (b"User-Agent", b"sidecache-health")
        fields = Fields(((b"Host", self._terms.host.encode()), agent))
        outgoing = Outgoing("GET", self._terms.path.encode(), fields)
        loop = asyncio.get_running_loop()
        try:
            connection = member.pool.take() or await member.pool.connect(seconds)
            call = Call(outgoing, waits, deadline=loop.time() + seconds)
            exchange = Exchange(loop, connection, call, lambda _: None)
            head = await exchange.send()
            while await exchange.read():
                pass
        except httpx.TransportError:
            return False
        return head.status in _WELL
