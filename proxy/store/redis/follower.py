"""Follower: how a replica keeps up with the purge log, turn by turn.

A turn tells the log what it missed, reports how far the ledger is, applies what is new, and
confirms the ledger if nothing is lacking. Whatever does not fit (a gap, another epoch, records
that do not follow from each other) makes the ledger begin anew at the log's end, which lets
nothing older be used unasked. When turns are taken is not decided here.
"""

from collections.abc import Sequence
from typing import Final

from proxy.engine.ledger import Ledger
from proxy.engine.ports import Clock
from proxy.engine.purge import Place, Record
from proxy.store.redis.outbox import Outbox
from proxy.store.redis.purges import BATCH, Member, Purges, Report
from proxy.store.redis.records import Line, State, nonce

ROLL_CALL: Final = 5.0
"""Seconds after which a replica looks again who else is there."""


class Follower:
    """Keeps a ledger in step with the log.

    `offset` is Redis's clock minus the engine's, None until the ledger was confirmed once;
    `applied` counts records, `rebases` how often the ledger had to begin anew. `present` are the
    replicas that the log last told of, this one among them; 0 before it was heard.
    """

    def __init__(
        self, purges: Purges, ledger: Ledger, clock: Clock, member: Member, outbox: Outbox
    ) -> None:
        self.offset: float | None = None
        self.applied = 0
        self.rebases = 0
        self.present = 0
        self._purges = purges
        self._ledger = ledger
        self._clock = clock
        self._member = member
        self._outbox = outbox
        self._offset = 0.0
        self._broken = b""
        self._others: tuple[Line, ...] = ()
        self._called = float("-inf")

    async def turn(self, block: float) -> None:
        """Take one turn, then wait at most `block` seconds for news; raise `StoreError`."""
        await tell(self._outbox, self._purges, self._clock)
        sent = self._clock.now()
        state = await self._report()
        if not await self._catch_up(state):
            await self._begin_anew()
            return  # what the log has lost of ours is told before anything is confirmed
        if self._outbox.untold is None:
            self._ledger.confirm(sent)
            self.offset = self._offset
        self._apply(await self._read(block=block))

    def reached(self, place: Place) -> bool:
        """Tell whether the ledger holds what the log has at a place."""
        return self._ledger.epoch == place.epoch and self._ledger.sequence >= place.sequence

    async def _report(self, *, patterns: bool = False) -> State:
        now = self._clock.now()
        calling = now - self._called >= ROLL_CALL
        report = Report(
            self._ledger.epoch,
            self._ledger.sequence,
            self._broken,
            patterns=patterns,
            lines=calling,
            brought=self._others,
        )
        state = await self._purges.heartbeat(self._member, report, self._clock.now)
        self._offset = state.time - (now + self._clock.now()) / 2
        if calling:
            self._others, self._called = state.lines, now
        self.present = state.present
        if state.present != len(self._others):  # somebody came or went
            self._called = float("-inf")
        return state

    async def _catch_up(self, state: State) -> bool:
        """Apply what is lacking up to where the log stands; False where that cannot be done."""
        if state.epoch != self._ledger.epoch:
            return False
        while (lacking := state.sequence - self._ledger.sequence) > 0:
            found = await self._read(count=lacking)
            if not found or not self._apply(found):
                return False
        if self._ledger.nonce != state.nonce:
            self._broken = self._ledger.epoch
            return False
        return True

    async def _read(self, *, count: int = BATCH, block: float = 0.0) -> list[Record]:
        return await self._purges.read(self._ledger.sequence, count, block, self._offset)

    def _apply(self, found: Sequence[Record]) -> bool:
        """Apply records; False when one is not the next.

        Nothing can be served between the last one and what this replica alone knows: there is
        no await.
        """
        for record in found:
            if not self._ledger.apply(record):
                if record.sequence == self._ledger.sequence + 1:
                    self._broken = self._ledger.epoch
                break
            self._outbox.arrived(record.nonce)
            self.applied += 1
        if found:
            self._outbox.settle(self.reached, self._ledger, self._clock.now())
        return not found or self._ledger.sequence == found[-1].sequence

    async def _begin_anew(self) -> None:
        state = await self._report(patterns=True)
        now, former = self._clock.now(), self._ledger.epoch
        self._ledger.rebase(state.epoch, state.sequence, state.nonce, state.patterns)
        self._broken = b""
        self.rebases += 1
        if former != state.epoch:
            self._outbox.recall(state.epoch, now)
        self._outbox.settle(self.reached, self._ledger, now)


async def tell(outbox: Outbox, purges: Purges, clock: Clock) -> None:
    """Tell the log what waits in the outbox; raise `StoreError`, with the rest still waiting."""
    while (pledge := outbox.untold) is not None:
        pledge.place = await purges.publish(pledge.purge, nonce())
        outbox.remember(pledge.purge, pledge.place, clock.now())
