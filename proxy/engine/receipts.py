"""Receipts: what is known of accepted purges, and who has applied them.

This module must not know how a purge is accepted.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final

from proxy.engine.ledger import Ledger
from proxy.engine.ports import Clock, PurgeLog, Replica
from proxy.engine.purge import Place, Purge
from proxy.errors import StoreError

MOST: Final = 10_000
"""Receipts that can still be asked for."""

SHOWN: Final = 100
"""Tags, and patterns, that a receipt repeats."""

_FIRST_PAUSE: Final = 0.002
_LONGEST_PAUSE: Final = 0.05


class State(Enum):
    """How far a purge has come."""

    COMPLETE = "complete"
    """Every replica has applied it, or serves nothing that it holds."""
    PENDING = "pending"
    """It is in the log, and not all have confirmed it yet."""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Where one replica stands with a purge: `confirmed`, `pending` or `gone`."""

    name: str
    address: str
    state: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What is known of an accepted purge; `accepted` in seconds of the engine's clock.

    `purge` has its first tags and patterns, `left_out` says how many more there were.
    """

    id: str
    place: Place
    purge: Purge
    accepted: float
    state: State = State.PENDING
    replicas: tuple[Confirmation, ...] = ()
    left_out: int = 0


class Receipts:
    """The latest receipts, whoever accepted their purges; a complete one stays complete."""

    def __init__(self, ledger: Ledger, log: PurgeLog, clock: Clock) -> None:
        self._ledger = ledger
        self._log = log
        self._clock = clock
        self._known: OrderedDict[str, Receipt] = OrderedDict()
        ledger.watch(self._heard)

    def noted(self, purge: Purge, place: Place) -> Receipt:
        """Return the receipt of the purge that stands at a place in the log."""
        name = f"{place.epoch.decode()[:16]}-{place.sequence}"
        if name not in self._known:
            tags, patterns = purge.tags[:SHOWN], purge.patterns[:SHOWN]
            rest = len(purge.tags) + len(purge.patterns) - len(tags) - len(patterns)
            shown, now = replace(purge, tags=tags, patterns=patterns), self._clock.now()
            self._remember(Receipt(name, place, shown, now, left_out=rest))
        return self._known[name]

    def latest(self, limit: int) -> tuple[Receipt, ...]:
        """Return the latest receipts, as they stood when they were last asked for."""
        return tuple(reversed(self._known.values()))[:limit]

    async def asked(self, name: str) -> Receipt | None:
        """Return a receipt as it stands now; None where it is not known here.

        Raises `StoreError` where the log cannot be reached.
        """
        receipt = self._known.get(name)
        return None if receipt is None else await self._standing(receipt)

    async def confirmed(self, receipt: Receipt, within: float) -> Receipt:
        """Ask until every replica has confirmed, or for `within` seconds, and once at least."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within
        pause = _FIRST_PAUSE
        while True:
            with suppress(StoreError):  # it is in the log all the same
                receipt = await self._standing(receipt)
            if receipt.state is State.COMPLETE or loop.time() >= until:
                return receipt
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _standing(self, receipt: Receipt) -> Receipt:
        """Return a receipt as the replicas stand; who has vanished serves nothing it held."""
        if receipt.state is State.COMPLETE:
            return receipt
        present = {replica.name: replica for replica in await self._log.replicas()}
        receipt = _carried_over(receipt, tuple(present.values()))
        gone = tuple(
            Confirmation(known.name, known.address, "gone")
            for known in receipt.replicas
            if known.name not in present
        )
        found = tuple(
            Confirmation(name, replica.address, "confirmed" if done else "pending")
            for name, replica in present.items()
            for done in (_applied(receipt, replica),)
        )
        complete = all(one.state != "pending" for one in found)
        state = State.COMPLETE if complete else State.PENDING
        standing = replace(receipt, state=state, replicas=(*found, *gone))
        self._remember(standing)
        return standing

    def _heard(self, purge: Purge) -> None:
        """Take note of a purge that was applied, wherever it was accepted."""
        if not self._ledger.minor and (purge.tags or purge.patterns):
            self.noted(purge, Place(self._ledger.epoch, self._ledger.sequence))

    def _remember(self, receipt: Receipt) -> None:
        self._known[receipt.id] = receipt
        if len(self._known) > MOST:
            self._known.popitem(last=False)


def _carried_over(receipt: Receipt, present: Sequence[Replica]) -> Receipt:
    """Return a receipt for the epoch of the log, once all who are present follow that.

    A new epoch voids what was fetched in the one before. What was fetched in the new one before
    the purge is not void by that; but whoever accepted the purge has told it again before it was
    counted there, so that it has been applied by all who have applied what the log has now.
    """
    epoch = present[0].epoch
    applied = [one.applied + one.lag for one in present if one.applied is not None]
    if epoch == receipt.place.epoch or len(applied) < len(present):
        return receipt
    return replace(receipt, place=Place(epoch, max(applied)))


def _applied(receipt: Receipt, replica: Replica) -> bool:
    """Tell whether a replica has applied a purge."""
    applied = replica.applied if replica.epoch == receipt.place.epoch else None
    return applied is not None and applied >= receipt.place.sequence
