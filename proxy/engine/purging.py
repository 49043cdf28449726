"""Purging: accepts purges, of operators with a receipt, of writes without making them wait.

This module must not know how the log is kept, nor who asks for a purge.
"""

import asyncio
import logging
from collections.abc import Sequence
from enum import Enum
from typing import Final

from proxy.engine.ledger import Ledger
from proxy.engine.ports import Clock, PurgeLog
from proxy.engine.purge import Born, Place, Purge
from proxy.engine.receipts import Receipt, Receipts
from proxy.engine.stats import Stats
from proxy.engine.tasks import Tasks
from proxy.errors import StoreError

log = logging.getLogger("sidecache.purge")

ANNOUNCED_WITHIN: Final = 0.05
"""Seconds that the answer to a write waits for the log to know what it purges."""

PARTING: Final = 1.0
"""Seconds for what is still being told when the proxy ends."""


class Wait(Enum):
    """For whom an acknowledgement waits: `LOCAL` this replica, `ALL` every live one."""

    LOCAL = "local"
    ALL = "all"


class Source(Enum):
    """Who asked for a purge."""

    ADMIN = "admin"
    METHOD = "purge-method"
    WRITE = "write"
    RULE = "rule"
    GROUP = "group"
    QUARANTINE = "quarantine"


class Purging:
    """Accepts purges, for operators with a receipt and for writes without making them wait."""

    def __init__(self, ledger: Ledger, log: PurgeLog, clock: Clock, stats: Stats) -> None:
        self.ledger = ledger
        self.log = log
        self._clock = clock
        self._stats = stats
        self._tasks = Tasks()
        self._receipts = Receipts(ledger, log, clock)

    async def purge(
        self, purge: Purge, wait: Wait, within: float, source: Source = Source.ADMIN
    ) -> Receipt:
        """Record a purge; return its receipt when it is complete, or after `within` seconds.

        It is applied here before this returns. Raises `StoreError` where the log cannot be
        reached, and then too it is applied here.
        """
        self._count(purge, source)
        receipt = self._receipts.noted(purge, await self.log.publish(purge))
        return await self._receipts.confirmed(receipt, within if wait is Wait.ALL else 0.0)

    async def receipt(self, name: str) -> Receipt | None:
        """Return a receipt, whoever gave it, as it stands now; None where it is not known here.

        Raises `StoreError` where the log cannot be reached.
        """
        return await self._receipts.asked(name)

    def receipts(self, limit: int) -> tuple[Receipt, ...]:
        """Return the latest receipts, as they stood when they were last asked for."""
        return self._receipts.latest(limit)

    async def announce(self, purges: Sequence[tuple[Purge, Source]]) -> Born | None:
        """Record what a write purges, one purge at least; never fails.

        Where the log does not answer in time, or the caller is cancelled, the purges hold here,
        and the log is told later. Return where the ledger stands after them; None where others
        may have come between.
        """
        before = self.ledger.position
        for purge, source in purges:
            self._count(purge, source)
        telling = [(purge, self._tell(purge)) for purge, _ in purges]
        try:
            await asyncio.wait([task for _, task in telling], timeout=ANNOUNCED_WITHIN)
        finally:
            for purge, task in telling:
                if not task.done():
                    self.ledger.apply_alone(purge, self._clock.now())
        return self._after(before, [task.result() if task.done() else None for _, task in telling])

    def _after(self, before: Born, places: Sequence[Place | None]) -> Born | None:
        """Return where the ledger stands after purges, if they followed `before` at once."""
        epoch, sequence, minor = before
        told = sorted(place for place in places if place is not None)
        if not told:
            alone = Born(epoch, sequence, minor + len(places))
            return alone if alone == self.ledger.position else None
        followed = told == [Place(epoch, sequence + n) for n in range(1, len(places) + 1)]
        return Born(*told[-1]) if followed and epoch == self.ledger.epoch else None

    def announce_soon(self, purge: Purge, source: Source) -> None:
        """Purge here at once, and tell the log without waiting for it."""
        self._count(purge, source)
        self.ledger.apply_alone(purge, self._clock.now())
        self._tell(purge)

    async def aclose(self) -> None:
        """Wait a moment for what is still being told."""
        await self._tasks.aclose(PARTING)

    def _tell(self, purge: Purge) -> "asyncio.Task[Place | None]":
        telling = asyncio.create_task(self._told(purge))
        self._tasks.hold(telling)
        return telling

    async def _told(self, purge: Purge) -> Place | None:
        try:
            return await self.log.publish(purge)
        except StoreError:
            return None  # it holds here, and the log has it to be told later
        except Exception:
            log.exception("a purge could not be told in an unforeseen way")
            self.ledger.apply_alone(purge, self._clock.now())
            return None

    def _count(self, purge: Purge, source: Source) -> None:
        self._stats.purges[purge.mode.value, source.value] += 1
