"""Refreshing: after a refresh purge, what is asked for most is fetched again, a few at a time.

This module must not know how anything is fetched.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextvars import Context
from heapq import heappush, heappushpop
from itertools import count
from typing import Final, Protocol

from proxy.engine.corridor import Corridor
from proxy.engine.entry import Entry
from proxy.engine.ledger import Standing
from proxy.engine.purge import Mode, Purge, together
from proxy.engine.turns import by_turns
from proxy.http.message import Fields, Request
from proxy.policy.stored import Selecting
from proxy.rules.keys import PASS_AS_CREDENTIALS, request_of
from proxy.values import replace

MOST: Final = 200
"""Answers that one look at the memory has fetched again; the others wait to be asked for."""

WAITING: Final = 1_000
"""Answers that wait for their turn."""

A_SECOND: Final = 20.0
"""Fetches a second that refresh purges may start."""

APART: Final = 1.0
"""Seconds from one look to the next: it goes over the whole memory."""

_HEARD: Final = 256
"""Purges that are held one by one until the next look; more are put together."""

_Variant = tuple[bytes, Selecting]
"""The text of a key, and what selects one of the answers under it."""


class Popularity(Protocol):
    """What a memory tier knows of what is asked for."""

    def items(self) -> Iterator[tuple[bytes, tuple[Entry, ...]]]:
        """Yield digests and entries; the tier may change meanwhile."""

    def heat(self, digest: bytes) -> int:
        """Return a number that is larger for what is asked for more."""


class Refreshing:
    """Watches the ledger for refresh purges; one worker looks for what they mean, and fetches."""

    def __init__(self, corridor: Corridor, popularity: Popularity) -> None:
        self._corridor = corridor
        self._popularity = popularity
        self._heard: list[Purge] = []
        self._waiting: OrderedDict[_Variant, Request] = OrderedDict()
        self._looks_at = 0.0
        self._works = False
        corridor.shelf.ledger.watch(self._hear)

    def _hear(self, purge: Purge) -> None:
        if purge.mode is not Mode.REFRESH:
            return
        if len(self._heard) >= _HEARD:
            self._heard = [together(self._heard, Mode.REFRESH)]
        self._heard.append(purge)
        if not self._works:
            self._works = True
            # In a context of its own: what it fetches is not for the request that has purged.
            work = asyncio.create_task(self._work(), context=Context())
            self._corridor.tasks.hold(work)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._heard or self._waiting:
                rest = self._looks_at - loop.time()
                if self._heard and rest <= 0:
                    await self._look()
                    self._looks_at = loop.time() + APART
                elif self._waiting:
                    _, request = self._waiting.popitem(last=False)
                    begun = self._corridor.refresh(request)
                    await asyncio.sleep(1 / A_SECOND if begun else 0)
                else:
                    await asyncio.sleep(rest)
        finally:
            self._works = False

    async def _look(self) -> None:
        """Have the hottest of what was purged wait for its turn, as far as there is room."""
        purge = together(self._heard, Mode.REFRESH)
        self._heard.clear()
        for entry in await self._hottest(purge):
            request = asking_for(entry)
            if request is not None and len(self._waiting) < WAITING:
                self._waiting.setdefault((entry.text, entry.stored.selecting), request)

    async def _hottest(self, purge: Purge) -> list[Entry]:
        """Return what a purge has made stale, that which is asked for most first."""
        ledger, order = self._corridor.shelf.ledger, count(0, -1)
        found: list[tuple[int, int, Entry]] = []
        async for digest, entries in by_turns(self._popularity.items()):
            for entry in entries:
                if not purge.meets(entry.labels):
                    continue
                if ledger.standing(entry.labels, entry.born) is Standing.SOFTENED:
                    ranked = (self._popularity.heat(digest), next(order), entry)
                    (heappush if len(found) < MOST else heappushpop)(found, ranked)
        return [entry for *_, entry in sorted(found, reverse=True)]


def asking_for(entry: Entry) -> Request | None:
    """Return a request that this variant answers; None where it takes a secret to ask it."""
    request = request_of(entry.text)
    if request is None or any(
        value is not None and name in PASS_AS_CREDENTIALS for name, value in entry.stored.selecting
    ):
        return None
    selecting = [(name, value) for name, value in entry.stored.selecting if value is not None]
    given = request.fields.without({name for name, _ in selecting})
    return replace(request, fields=Fields((*given, *selecting)))
