"""Members: the addresses of the upstream, who of them is well, and who gets the next request.

Every address that a name stands for is one. Names are looked up again from time to time and when
a connection fails. This module must not know requests or connections' contents.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Final

import httpx

from proxy.engine.tasks import Tasks
from proxy.upstream.address import Address, Origin, look_up
from proxy.upstream.balance import choose
from proxy.upstream.breaker import Breaker, BreakerTerms, State
from proxy.upstream.pool import Pool
from proxy.upstream.stats import UpstreamStats

log = logging.getLogger("sidecache.upstream")

RESOLVE_SECONDS: Final = 10.0
"""How old a look-up of names may be before there is another."""
RESOLVE_AGAIN_SECONDS: Final = 1.0
"""The same after a failed connection."""


Look = Callable[[Origin], Awaitable[tuple[Address, ...]]]


@dataclass(slots=True, eq=False)
class Member:
    """One address: its connections, what its breaker has learnt, whether checks find it well."""

    address: Address
    pool: Pool
    breaker: Breaker
    in_flight: int = 0
    healthy: bool = True
    gone: bool = field(default=False)


class Members:
    """Who there is, and who is picked.

    `draw` gives chance. Names are looked up by `look`, which raises `httpx.ConnectError`.
    """

    def __init__(  # noqa: PLR0913 - what members are made of
        self,
        origins: Collection[Origin],
        make: Callable[[Address], Pool],
        terms: BreakerTerms,
        stats: UpstreamStats,
        draw: Callable[[], float],
        *,
        look: Look = look_up,
    ) -> None:
        self._names = [origin for origin in origins if not origin.literal]
        self._make = make
        self._terms = terms
        self._stats = stats
        self._draw = draw
        self._look = look
        self._known: dict[Origin, tuple[Address, ...]] = {
            origin: (origin.at(origin.host),) for origin in origins if origin.literal
        }
        self._members: dict[Address, Member] = {}
        self._looked = -inf
        self._looking: asyncio.Task[None] | None = None
        self._tasks = Tasks()
        self._settle()

    def __iter__(self) -> Iterator[Member]:
        return iter(self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    async def pick(self, now: float, but: Collection[Member] = ()) -> Member:
        """Return who gets a request; raises `httpx.ConnectError` where nobody should."""
        if self._names:
            await self.known(now)
        if len(self._members) == 1 and not but:  # as beside one API: there is no choice
            (only,) = self._members.values()
            if only.breaker.allows(now):
                return only
        fit = [m for m in self._members.values() if m not in but and m.breaker.allows(now)]
        well = [member for member in fit if member.healthy] or fit  # checks may be wrong of all
        if not well:
            self._stats.failed_fast += not but
            raise httpx.ConnectError(self._why_nobody())
        if len(well) == 1:
            return well[0]
        return well[choose([member.in_flight for member in well], self._draw(), self._draw())]

    async def known(self, now: float) -> None:
        """Have names looked up that were looked up too long ago; wait only for the first time."""
        if self._names and now - self._looked > RESOLVE_SECONDS:
            looking = self._look_again()
            if not self._members:
                await asyncio.shield(looking)

    async def reconsider(self, now: float) -> None:
        """Look names up again, because a connection failed."""
        if self._names and now - self._looked > RESOLVE_AGAIN_SECONDS:
            await asyncio.shield(self._look_again())

    def failed(self, member: Member, now: float, *, probe: bool, refused: bool) -> None:
        """Note a failure; who `refused` a connection is left alone at once if others are not."""
        others = any(m is not member and m.breaker.allows(now) for m in self._members.values())
        if member.breaker.failed(now, self._draw(), probe=probe, at_once=refused and others):
            self._stats.ejections += 1
            log.warning("the upstream at %s is left alone for a while", member.address)

    def states(self) -> dict[str, int]:
        """Return how many addresses are in each state of their breaker, or found unwell."""
        states = dict.fromkeys((*(state.value for state in State), "unwell"), 0)
        for member in self._members.values():
            states[member.breaker.state.value if member.healthy else "unwell"] += 1
        return states

    async def aclose(self) -> None:
        """Close every connection."""
        await self._tasks.aclose()
        for member in self._members.values():
            member.pool.close()

    def _why_nobody(self) -> str:
        if not self._members:
            return "no address of the upstream is known"
        return "the upstream is left alone for a moment, because it failed"

    def _look_again(self) -> "asyncio.Task[None]":
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_up())
            self._tasks.hold(self._looking)
        return self._looking

    async def _look_up(self) -> None:
        """Look every name up; one that is not found keeps the addresses it had."""
        for origin in self._names:
            try:
                self._known[origin] = await self._look(origin)
            except httpx.ConnectError as error:
                log.warning("%s", error)
        self._looked = asyncio.get_running_loop().time()
        self._settle()

    def _settle(self) -> None:
        """Have a member for each known address, and for no other."""
        wanted = {address for addresses in self._known.values() for address in addresses}
        for address in self._members.keys() - wanted:
            member = self._members.pop(address)
            member.gone = True
            member.pool.retire()
        for address in sorted(wanted - self._members.keys(), key=str):
            self._members[address] = Member(address, self._make(address), Breaker(self._terms))
