"""Shared: the purge log that all replicas share, as the engine sees it.

Publishing and questions; following is the follower's, connections are the log's. What a purge
means to an entry is the ledger's.
"""

import asyncio
import logging
from asyncio import timeout as within
from contextlib import suppress
from dataclasses import dataclass, replace
from time import monotonic
from typing import Final

from proxy.engine.ledger import LEASE, Ledger
from proxy.engine.ports import Clock, Replica
from proxy.engine.purge import Facts, Place, Purge
from proxy.engine.stats import Histogram
from proxy.errors import StoreError
from proxy.rules.labels import Labels
from proxy.store.redis import records
from proxy.store.redis.follower import Follower, tell
from proxy.store.redis.outbox import Outbox
from proxy.store.redis.purges import Member, Purges
from proxy.store.redis.records import Line, State

log = logging.getLogger("sidecache.purge")

ARRIVAL: Final = 1.0
"""Seconds for a purge that the log has accepted to come back from it."""

PARTING: Final = 1.0
"""Seconds for a replica that leaves to tell what it has not told yet."""


@dataclass(frozen=True, slots=True)
class Ways:
    """The log by three ways, so that none waits for another."""

    follow: Purges
    publish: Purges
    ask: Purges


class SharedLog:
    """A `PurgeLog` that keeps `ledger` in step with what all replicas publish.

    `arrival` is the seconds for which a purge is waited for once the log has accepted it.
    """

    def __init__(
        self, ways: Ways, ledger: Ledger, clock: Clock, member: Member, arrival: float = ARRIVAL
    ) -> None:
        outbox = Outbox()
        self.member = member
        self.follower = Follower(ways.follow, ledger, clock, member, outbox)
        self.latency = Histogram()
        """Seconds until a purge was accepted by the log and had come back from it."""
        self._ways = ways
        self._ledger = ledger
        self._clock = clock
        self._outbox = outbox
        self._arrival = arrival
        self._moved = asyncio.Event()
        ledger.watch(self._wake)

    # What is told of it

    @property
    def offset(self) -> float | None:
        """Redis's clock minus the engine's, None until the log has been joined."""
        return self.follower.offset

    @property
    def joined(self) -> bool:
        """Whether the log has been joined."""
        return self.follower.offset is not None

    @property
    def applied(self) -> int:
        """How many records were applied here."""
        return self.follower.applied

    @property
    def rebases(self) -> int:
        """How often the ledger had to begin anew."""
        return self.follower.rebases

    @property
    def present(self) -> int:
        """How many replicas the log last told of; see `Follower`."""
        return self.follower.present

    @property
    def untold(self) -> int:
        """How many purges wait to be told to the log."""
        return len(self._outbox)

    # Purging

    async def publish(self, purge: Purge) -> Place:
        """See `PurgeLog.publish`; raise `ValueError` for a purge that names too much."""
        records.checked(purge)
        began = monotonic()
        nonce = records.nonce()
        with self._outbox.sending(nonce, purge):
            try:
                place = await self._ways.publish.publish(purge, nonce)
            except StoreError:
                self._outbox.hold(purge)
                self._ledger.apply_alone(purge, self._clock.now())
                raise
            self._outbox.remember(purge, place, self._clock.now())
            if not await self._arrived(place):
                self._outbox.hold(purge)  # it holds here by itself; telling it twice is harmless
                self._ledger.apply_alone(purge, self._clock.now())
        self.latency.observe(monotonic() - began)
        return place

    async def _arrived(self, place: Place) -> bool:
        """Tell whether the ledger has come to a place in the log, within some time."""
        with suppress(TimeoutError):
            async with within(self._arrival):
                while not self.follower.reached(place):
                    await self._moved.wait()
                return True
        return False

    def _wake(self, _: Purge) -> None:
        self._moved.set()
        self._moved = asyncio.Event()

    async def leave(self) -> None:
        """Tell what has not been told, and let nobody wait for this replica any more.

        As far as that can be done at once: nobody else knows these purges.
        """
        with suppress(StoreError, TimeoutError):
            async with within(PARTING):
                await tell(self._outbox, self._ways.publish, self._clock)
        if self._outbox.untold is not None:
            log.warning("purges are lost that the log could not be told, at most %d", self.untold)
        with suppress(StoreError):
            await self._ways.publish.leave(self.member)

    async def succeed(self) -> None:
        """Let nobody wait for those who had this one's name before: they have ended.

        Names end in what tells them apart. Raises `StoreError`.
        """
        name = _name(self.member.name)
        for line in (await self._ways.follow.roll()).lines:
            if _name(line.name) == name and line.name != self.member.name:
                await self._ways.follow.leave(replace(self.member, name=line.name))

    # Questions

    async def facts(self, labels: Labels) -> Facts | None:
        """See `PurgeLog.facts`.

        A log that is behind what is known here has lost something, and cannot tell.
        """
        known = self._ledger.position
        if self.offset is None:
            return None
        with suppress(StoreError):
            facts = await self._ways.ask.facts(labels, self.offset)
            if facts.epoch == known.epoch and facts.sequence >= known.sequence:
                return facts
        return None

    async def replicas(self) -> tuple[Replica, ...]:
        """See `PurgeLog.replicas`.

        Where not even this replica is known, lines of others may have been lost too, until they
        are brought back: it then counts as one that has confirmed nothing. So it does while it has
        something to tell, which the others cannot have applied.
        """
        silent = self._outbox.untold is None
        state = await self._ways.publish.roll()
        lines = [line for line in state.lines if state.time - line.seen <= line.window]
        own = next((line for line in lines if line.name == self.member.name), None)
        if own is None or not silent:
            lines = [line for line in lines if line is not own]
            lines.append(self.member.line(state.time))
        return tuple(_replica(line, state) for line in lines)


def _name(unique: bytes) -> bytes:
    return unique.rpartition(b"-")[0]


def _replica(line: Line, state: State) -> Replica:
    """Return a replica as its line shows it.

    In an epoch that has just begun no word counts: those who followed the one before need the
    time to say that they are there.
    """
    counts = line.epoch == state.epoch and state.time - state.begun >= LEASE
    return Replica(
        name=line.name.decode(errors="backslashreplace"),
        address=line.address,
        applied=line.applied if counts else None,
        seen=max(0.0, state.time - line.seen),
        lag=max(0, state.sequence - (line.applied if counts else 0)),
        epoch=state.epoch,
    )
