"""Log: the purge log in Redis, with its connections and its life.

One connection waits for news, a few are for publishing and questions, so that neither waits for
the data plane nor holds it up. What is done with the log is not decided here.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from secrets import token_hex
from typing import Final, TypeVar

from proxy.engine.ledger import Ledger
from proxy.engine.ports import Clock
from proxy.engine.tasks import Tasks
from proxy.errors import StoreError
from proxy.store.redis.client import Client, Tls, close, connect
from proxy.store.redis.failures import FOREIGN, said
from proxy.store.redis.link import Link
from proxy.store.redis.purges import Member, Purges
from proxy.store.redis.records import Keys
from proxy.store.redis.shared import SharedLog, Ways
from proxy.store.redis.url import Location

T = TypeVar("T")

log = logging.getLogger("sidecache.purge")

BLOCK: Final = 0.5
"""Seconds that a turn waits for news: a quarter of the lease."""

PATIENCE: Final = 1.5
"""Seconds that the connection which waits for news may be silent."""

PUBLISHING: Final = 1.0
"""Seconds for a purge to be accepted."""

ASKING: Final = 0.05
"""Seconds for a question on a request's time."""

RETRY: Final = 1.0
"""Seconds, on average, between attempts to reach Redis."""


class RedisLog(SharedLog):
    """The log under a namespace at a location; what keeps `ledger` in step runs once started.

    `name` and `address` are how operators see this replica; an `heir` is the only one left of those
    who had the same name.
    """

    def __init__(  # noqa: PLR0913 - what joins a place to a replica
        self,
        location: Location,
        namespace: str,
        ledger: Ledger,
        clock: Clock,
        *,
        name: str,
        address: str = "",
        tls: Tls | None = None,
        heir: bool = False,
    ) -> None:
        self.reconnects = 0
        self._succeeding = heir
        self._waiting = _Waiting(location, tls)
        self._links = (
            Link(location, PUBLISHING, tls, connections=2, quiet=True),
            Link(location, ASKING, tls, connections=2, quiet=True),
        )
        keys = Keys.of(namespace)
        ways = Ways(*(Purges(way, keys) for way in (self._waiting, *self._links)))
        alone = f"{name}-{token_hex(4)}".encode()  # a restart is another replica
        super().__init__(ways, ledger, clock, Member(alone, address, ledger.max_unverified or 0.0))
        self._closing = False
        self._tasks = Tasks()

    def start(self) -> None:
        """Begin to follow; where Redis is away it is tried again for as long as it takes."""
        for link in self._links:
            link.start()
        self._tasks.hold(asyncio.create_task(self._follow()))

    async def aclose(self) -> None:
        """Stop to follow, and let nobody wait for this replica any more: it serves nothing now."""
        self._closing = True
        await self._tasks.aclose()
        await self.leave()
        await asyncio.gather(self._waiting.aclose(), *(link.aclose() for link in self._links))

    async def _follow(self) -> None:
        met = False
        while not self._closing:  # a cancellation can be lost where a time-out ends just then
            try:
                await self.follower.turn(0.0 if self._succeeding else BLOCK)
                met = True
                if self._succeeding:
                    await self.succeed()
                    self._succeeding = False
            except Exception as error:  # noqa: BLE001 - without the log nothing may be served
                self._complain(error, met=met)
                await self._waiting.aclose()
                if not met:  # what has just worked is tried again at once
                    await asyncio.sleep(RETRY * (0.5 + self._clock.draw()))
                met = False

    def _complain(self, error: Exception, *, met: bool) -> None:
        """Note that a turn failed; a bug of ours may not end the following either."""
        self.reconnects += met
        if not isinstance(error, StoreError):
            log.error("the purge log cannot be followed", exc_info=error)
        elif met:
            log.warning("the purge log is lost: %s", error)


class _Waiting:
    """The connection on which news are waited for; given up at the first failure."""

    def __init__(self, location: Location, tls: Tls | None) -> None:
        self._location = location
        self._tls = tls
        self._client: Client | None = None

    async def call(self, operation: Callable[[Client], Awaitable[T]]) -> T:
        """See `Way.call`."""
        if self._client is None:
            self._client = connect(self._location, self._tls, connections=1, patience=PATIENCE)
        try:
            return await operation(self._client)
        except FOREIGN as error:
            raise StoreError(f"the purge log failed: {said(error)}") from error

    async def aclose(self) -> None:
        """Close the connection; a call opens another, to whoever is the primary then."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(*FOREIGN):
                await close(client)
