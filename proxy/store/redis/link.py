"""Link: calls to Redis that never take long, whatever has become of it.

A call has a deadline; after some failures in a row nobody calls any more, and a probe in the
background finds out when it is worth while again. Connections are opened by the probe, so that
no request waits for a handshake. This module must not know what is kept in Redis.
"""

import asyncio
import logging
from asyncio import timeout as within
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Final, TypeVar

from redis.asyncio.cluster import RedisCluster

from proxy.engine.stats import Histogram
from proxy.engine.tasks import Tasks
from proxy.errors import StoreError
from proxy.store.redis.breaker import Breaker, State
from proxy.store.redis.client import CONNECT_SECONDS, Client, Tls, close, connect
from proxy.store.redis.failures import FOREIGN, Failure, classify, said
from proxy.store.redis.url import Location

T = TypeVar("T")

log = logging.getLogger("sidecache.store")

CALL_SECONDS: Final = 0.05
PROBE_SECONDS: Final = 1.0


@dataclass(slots=True)
class LinkStats:
    """What is counted of a link; the metadata of each field is its sentence."""

    operations: int = field(default=0, metadata={"help": "Calls made to Redis."})
    failures: Counter[str] = field(
        default_factory=Counter, metadata={"help": "Calls to Redis that failed, by kind."}
    )
    spared: int = field(
        default=0, metadata={"help": "Calls not made because Redis is known to be unwell."}
    )
    latency: Histogram = field(
        default_factory=Histogram, metadata={"help": "Seconds that calls to Redis took."}
    )
    last_error: str = ""


class Link:
    """A few connections to Redis and a breaker around them.

    `timeout` is the seconds that one call may take, with its wait for one of the `connections`.
    A `quiet` one leaves it to another to tell operators how Redis is.
    """

    def __init__(
        self,
        location: Location,
        timeout: float = CALL_SECONDS,
        tls: Tls | None = None,
        *,
        connections: int = 8,
        quiet: bool = False,
    ) -> None:
        self.location = location
        self.breaker = Breaker()
        self.stats = LinkStats()
        self._timeout = timeout
        self._tls = tls
        self._connections = connections
        self._quiet = quiet
        self._complaint = ""
        self._slots = asyncio.Semaphore(connections)
        self._client: Client | None = None
        self._retired: set[Client] = set()
        """Who is closed in a moment, or at the end: a task that is cancelled may never begin."""
        self._calls: set[asyncio.Task[object]] = set()
        self._lost = asyncio.Event()
        self._closing = False
        self._tasks = Tasks()

    @property
    def usable(self) -> bool:
        """Whether a call would be made now."""
        return self._client is not None and self.breaker.state is State.CLOSED

    def start(self) -> None:
        """Begin to connect; it goes on for as long as it takes."""
        self._tasks.hold(asyncio.create_task(self._watch()))

    async def aclose(self) -> None:
        """See the calls under way through, and close every connection."""
        self._closing = True
        self._lost.set()
        await self._tasks.aclose()
        last, self._client = self._client, None
        await asyncio.gather(*self._calls, return_exceptions=True)
        clients = self._retired if last is None else self._retired | {last}
        await asyncio.gather(*map(_quietly, clients))

    async def call(self, operation: Callable[[Client], Awaitable[T]]) -> T:
        """Return what `operation` makes of a client.

        Raises `StoreError` where it fails, where it takes too long, and at once while nobody is
        worth calling. A caller that is cancelled leaves the operation to its end, since a reply
        that is not read costs the connection.
        """
        client = self._client
        if client is None or self.breaker.state is State.OPEN:
            self.stats.spared += 1
            raise StoreError("the shared store cannot be reached now")
        task = asyncio.create_task(self._run(operation, client))
        self._calls.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Task[object]") -> None:
        """Look at how a call ended, since a caller that has left does not (before Python 3.12)."""
        self._calls.discard(task)
        if not task.cancelled():
            task.exception()

    async def _run(self, operation: Callable[[Client], Awaitable[T]], client: Client) -> T:
        self.stats.operations += 1
        began, waiting = monotonic(), True
        try:
            async with within(self._timeout), self._slots:
                waiting = False
                result = await operation(client)
        except FOREIGN as error:
            kind = Failure.SATURATED if waiting else classify(error)
            self._failed(client, kind, error)
            raise StoreError(f"the shared store failed: {said(error)}") from error
        finally:
            self.stats.latency.observe(monotonic() - began)
        self.breaker.succeeded()
        return result

    def _failed(self, client: Client, kind: Failure, error: BaseException) -> None:
        self.stats.failures[kind.value] += 1
        self.stats.last_error = said(error)
        if kind is Failure.SATURATED or client is not self._client:
            return
        if kind is Failure.COMMAND:
            self.breaker.succeeded()
        elif self.breaker.failed():
            self._say(logging.WARNING, "the shared store is left alone: %s", self.stats.last_error)
            self._lost.set()
        elif kind in {Failure.TIMEOUT, Failure.CONNECTION}:
            self._lost.set()

    # The probe

    async def _watch(self) -> None:
        """Connect, and again whenever there is cause to; a bug of ours may not end that either.

        A cancellation may be lost in redis-py (`wait_for` before Python 3.12), so that the end is
        looked for, too.
        """
        while not self._closing:
            try:
                if await self._probe():
                    await self._cause()
                    continue
            except Exception:  # nobody else would ever connect again
                log.exception("the shared store cannot be probed")
            await asyncio.sleep(PROBE_SECONDS)

    async def _cause(self) -> None:
        """Wait until a connection was lost or the breaker has opened.

        After an opening it takes a while longer: a server that answers a probe, yet refuses the
        calls, would be stormed otherwise.
        """
        rested = monotonic() + PROBE_SECONDS
        await self._lost.wait()
        self._lost.clear()
        opened = self.breaker.state is State.OPEN
        await asyncio.sleep(PROBE_SECONDS if opened else max(0.0, rested - monotonic()))

    async def _probe(self) -> bool:
        """Make a client with all its connections, and use it if it is then answered in time.

        It is a new one each time: another server may be the primary now, the client of a cluster
        does not survive every change of its nodes, and calls under way keep theirs.
        """
        client = connect(self.location, self._tls, connections=self._connections)
        try:
            async with within(CONNECT_SECONDS):
                await _all_at_once(client, self._connections)
            async with within(self._timeout):
                await _ping(client)
        except FOREIGN as error:
            self._complain(said(error))
            await _quietly(client)
            return False
        except BaseException:
            await _quietly(client)
            raise
        last, self._client = self._client, client
        if last is not None:
            self._retired.add(last)
            self._tasks.hold(asyncio.create_task(self._retire(last)))
        if self.breaker.state is State.OPEN:
            self.breaker.close()
            self._complaint = ""
            self._say(logging.INFO, "the shared store answers: %s", self.location.masked)
        return True

    def _complain(self, why: str) -> None:
        """Say that there is no way to Redis, once for each cause."""
        self.stats.last_error = why
        if why != self._complaint:
            self._complaint = why
            text = "the shared store %s is out of reach, memory serves alone: %s"
            self._say(logging.WARNING, text, self.location.masked, why)

    def _say(self, level: int, text: str, *values: str) -> None:
        log.log(logging.DEBUG if self._quiet else level, text, *values)

    async def _retire(self, client: Client) -> None:
        """Close a client once its last call must have ended."""
        await asyncio.sleep(self._timeout)
        await _quietly(client)
        self._retired.discard(client)


async def _ping(client: Client) -> None:
    everywhere = {"target_nodes": RedisCluster.PRIMARIES}
    await client.execute_command("PING", **everywhere if isinstance(client, RedisCluster) else {})


async def _all_at_once(client: Client, connections: int) -> None:
    """Ping on every connection; all are asked for before the first is given back."""
    await _ping(client)  # so that the topology is looked up once
    pings = (_ping(client) for _ in range(connections))
    results = await asyncio.gather(*pings, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result


async def _quietly(client: Client) -> None:
    """Close a client whose server may be past saying goodbye."""
    with suppress(*FOREIGN):
        async with within(CONNECT_SECONDS):
            await close(client)
