"""A stage for the purge log: replicas whose followers are stepped by hand, on a real server.

Beside it, logs with connections of their own.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from proxy.engine.ledger import Ledger, Standing
from proxy.engine.purge import Born, Facts, Mode, Purge
from proxy.engine.systemclock import SystemClock
from proxy.errors import StoreError
from proxy.rules.labels import EVERYTHING, Labels
from proxy.store.redis.client import Client, close, connect
from proxy.store.redis.log import RedisLog
from proxy.store.redis.purges import Member, Purges
from proxy.store.redis.records import Keys
from proxy.store.redis.shared import SharedLog, Ways
from proxy.store.redis.url import parse
from tests.redis.fleet import Wire
from tests.redis.servers import PATIENCE, RedisServer
from tests.redis.tier import eventually

KEYS = Keys.of("n")
A, B, C = (Labels((tag, EVERYTHING), b"shop.example/" + tag) for tag in (b"ta", b"tb", b"tc"))
MAX_UNVERIFIED = 30.0


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.time = 1_000.0

    def now(self) -> float:
        return self.time

    def draw(self) -> float:
        return 0.0


@dataclass
class Stepped:
    """A replica whose follower is stepped by hand."""

    ledger: Ledger
    log: SharedLog
    clock: HandClock
    wire: Wire

    async def turn(self, times: int = 1) -> None:
        for _ in range(times):
            await self.log.follower.turn(0)

    async def publish(self, *tags: bytes, mode: Mode = Mode.HARD) -> int:
        """Publish, with the follower running meanwhile."""
        return await self.send(Purge(tags, mode=mode))

    async def send(self, purge: Purge) -> int:
        publishing = asyncio.ensure_future(self.log.publish(purge))
        async with asyncio.timeout(PATIENCE):
            while not publishing.done():
                await self.turn()
        return (await publishing).sequence

    def standing(self, labels: Labels, born: Born) -> Standing:
        return self.ledger.standing(labels, born)


class Stage:
    """Replicas on one server, with small limits."""

    def __init__(self, server: RedisServer, client: Client) -> None:
        self.server = server
        self.wire = Wire(client)
        self._client = client

    async def join(self, name: str, *, limit: int = 1_000, slots: int = 4) -> Stepped:
        """Return a replica that has joined the log."""
        replica = self.make(name, limit=limit, slots=slots)
        await replica.turn(2)
        return replica

    def make(self, name: str, *, limit: int = 1_000, slots: int = 4) -> Stepped:
        """Return a replica that has not."""
        ledger, clock, wire = Ledger(max_unverified=MAX_UNVERIFIED), HandClock(), Wire(self._client)
        way = Purges(wire, KEYS, limit=limit, slots=slots)
        member = Member(name.encode(), f"{name}:9090", MAX_UNVERIFIED)
        log = SharedLog(Ways(way, way, way), ledger, clock, member, arrival=PATIENCE)
        return Stepped(ledger, log, clock, wire)

    async def append(self, purge: Purge) -> None:
        """Publish in the name of nobody."""
        await Purges(self.wire, KEYS).publish(purge, b"nonce")

    def ledger(self) -> dict[bytes, bytes]:
        """Return what the ledger's hash holds."""
        held: dict[bytes, bytes] = self.server.run("HGETALL", KEYS.ledger)
        return held

    def records(self) -> int:
        return int(self.server.run("XLEN", KEYS.log))

    def age(self, seconds: float) -> None:
        """Let all that the log knows have happened so many seconds earlier."""
        begun = int(self.ledger()[b"begun"]) - round(seconds * 1_000)
        self.server.run("HSET", KEYS.ledger, "begun", begun)
        for name, line in self.server.run("HGETALL", KEYS.replicas).items():
            seen, _, rest = line.partition(b":")
            text = b"%d:%b" % (int(seen) - round(seconds * 1_000), rest)
            self.server.run("HSET", KEYS.replicas, name, text)


@asynccontextmanager
async def open_stage(server: RedisServer) -> AsyncIterator[Stage]:
    """Set the stage on a server."""
    client = connect(parse(server.unix_url))
    try:
        yield Stage(server, client)
    finally:
        await close(client)


# With connections of their own


@asynccontextmanager
async def open_logs(url: str, *names: str, namespace: str = "n") -> AsyncIterator[list[RedisLog]]:
    """Start logs and wait until they have joined."""
    clock, logs = SystemClock(), list[RedisLog]()
    for name in names:
        ledger = Ledger(max_unverified=MAX_UNVERIFIED)
        logs.append(RedisLog(parse(url), namespace, ledger, clock, name=name, address="host:9090"))
    for log in logs:
        log.start()
    try:
        await eventually(lambda: all(log.joined for log in logs))
        yield logs
    finally:
        for log in logs:
            await log.aclose()


async def tell(log: RedisLog, *tags: bytes) -> int:
    """Publish as soon as the log can be reached."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return (await log.publish(Purge(tags))).sequence
            except StoreError:
                await asyncio.sleep(0.05)


async def ask(log: RedisLog, labels: Labels) -> Facts:
    """Return what the log itself knows, as soon as it can be asked."""
    async with asyncio.timeout(PATIENCE):
        while (facts := await log.facts(labels)) is None:  # noqa: ASYNC110 - it lies in Redis
            await asyncio.sleep(0.05)
        return facts
