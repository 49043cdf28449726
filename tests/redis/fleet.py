"""A fleet for the state machine: replicas that are stepped by hand, on a real server.

A replica here is the real ledger and the real log with its follower, and around them the least
that can serve: a near store, fetches that begin and end, and the checks that the engine makes at
its doors. Each check is a method of its own, so that a test can take one away.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from redis.asyncio import Redis

from proxy.engine.ledger import Ledger, Standing, Trust
from proxy.engine.purge import Born, Purge
from proxy.errors import StoreError
from proxy.rules.labels import EVERYTHING, Labels
from proxy.store.redis.client import Client
from proxy.store.redis.failures import FOREIGN
from proxy.store.redis.purges import Member, Purges
from proxy.store.redis.records import Keys
from proxy.store.redis.scripts import Script
from proxy.store.redis.shared import SharedLog, Ways

T = TypeVar("T")

KEYS = ("k0", "k1", "k2", "k3")
TAGS = (b"t0", b"t1", b"t2")
TAGS_OF = {"k0": TAGS[:1], "k1": TAGS[:2], "k2": TAGS[1:], "k3": TAGS[2:]}
LABELS = {
    key: Labels((*tags, EVERYTHING), b"shop.example/" + key.encode())
    for key, tags in TAGS_OF.items()
}
USABLE = {Standing.VALID, Standing.SOFTENED}
MAX_UNVERIFIED = 3.0
NAMESPACE = "machine"
COARSE = 6
LEDGER_KEYS = tuple(f"{{{NAMESPACE}}}:{part}" for part in ("ledger", "log", "replicas"))


@dataclass
class World:
    """The origin, what all replicas share, and the time."""

    now: float = 1_000_000.0
    commits: int = 0
    content: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KEYS, 0))
    far: dict[str, "Kept"] = field(default_factory=dict)

    def commit(self, key: str) -> None:
        """Change what the origin says under a key."""
        self.commits += 1
        self.content[key] = self.commits


@dataclass(frozen=True)
class Kept:
    """An entry: the commit that it tells of, and how many there were when it was asked for.

    The origin's validators are as coarse as dates: commits in a row look alike.
    """

    body: int
    asked: int
    born: Born
    stale: bool = False

    def looks_like(self, commit: int) -> bool:
        """Tell whether the origin would answer 304."""
        return self.body // COARSE == commit // COARSE


@dataclass
class Fetch:
    """A fetch under way, and how new its answer must be for those who wait for it."""

    key: str
    began: Born
    body: int
    asked: int
    floors: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Served:
    """What a replica served from what it held."""

    body: int
    asked: int
    fresh: bool


class HandClock:
    """The world's time, as a replica's clock shows it."""

    def __init__(self, world: World, skew: float) -> None:
        self._world = world
        self._skew = skew

    def now(self) -> float:
        """See `Clock.now`."""
        return self._world.now + self._skew

    def draw(self) -> float:
        """See `Clock.draw`."""
        return 0.5


class Wire:
    """A way to Redis that can be cut, and can lose one answer."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.cut = False
        self.deaf = False

    async def call(self, operation: Callable[[Client], Awaitable[T]]) -> T:
        """See `Way.call`."""
        if self.cut:
            raise StoreError("cut")
        try:
            answer = await operation(self._client)
        except FOREIGN as error:
            raise StoreError(str(error)) from error
        if self.deaf:
            self.deaf = False
            raise StoreError("the answer was lost")
        return answer


class HandTimed(Script):
    """The log's script, to which `TIME` is what the test says."""

    def __init__(self, world: World) -> None:
        super().__init__("log")
        self._world = world

    async def run(self, client: Client, keys: Any, args: Any) -> Any:  # noqa: ANN401 - as in the base
        """Run it at the world's time."""
        time = b"{%d, %d}" % divmod(round(self._world.now * 1e6), 1_000_000)
        text = self.text.replace(b"redis.call('TIME')", time)
        return await client.execute_command("EVAL", text, len(keys), *keys, *args)


class Replica:
    """One proxy of the fleet."""

    def __init__(self, world: World, client: Redis, name: str, skew: float, limit: int) -> None:
        self.name = name
        self.world = world
        self.clock = HandClock(world, skew)
        self.wire = Wire(client)
        self.publishing = Wire(client)
        self.ledger = self.make_ledger()
        self.near: dict[str, Kept] = {}
        self.fetches: list[Fetch] = []
        ways = [
            Purges(way, Keys.of(NAMESPACE), limit=limit, slots=2)
            for way in (self.wire, self.publishing, self.wire)
        ]
        for way in ways:
            way._script = HandTimed(world)  # noqa: SLF001 - the server's clock is set by hand
        member = Member(name.encode(), "", MAX_UNVERIFIED)
        self.log = SharedLog(Ways(*ways), self.ledger, self.clock, member, arrival=0.0)

    def make_ledger(self) -> Ledger:
        """Return an empty ledger, short enough to forget something."""
        return Ledger(max_unverified=MAX_UNVERIFIED, tag_limit=4, pattern_limit=4)

    @property
    def connected(self) -> bool:
        """Whether Redis can be reached."""
        return not self.wire.cut

    @property
    def trust(self) -> Trust:
        """How far the ledger can be believed now."""
        return self.ledger.trust(self.clock.now())

    def cut(self, *, cut: bool) -> None:
        """Cut the replica off from Redis, or connect it."""
        self.wire.cut = self.publishing.cut = cut

    async def turn(self) -> None:
        """Take a turn of the follower."""
        await self.log.follower.turn(0)

    # The engine's doors

    async def serve(self, key: str) -> Served | None:
        """Serve from what is held, near or far; None where the upstream has to be asked."""
        found = self.at_hand(key)
        if found is None and self.trust is not Trust.LAPSED and await self.from_far(key):
            found = self.at_hand(key)
        return found

    def at_hand(self, key: str) -> Served | None:
        """Serve from what is held near."""
        kept = self.usable_near(key)
        if kept is None or self.trust is Trust.LAPSED:
            return None
        return Served(kept.body, kept.asked, fresh=self.is_fresh(key, kept))

    def usable_near(self, key: str) -> Kept | None:
        """Return what lies near, if the ledger knows that it is still good."""
        kept = self.near.get(key)
        usable = kept is not None and self.standing(key, kept) in USABLE
        return kept if usable else None

    async def from_far(self, key: str) -> bool:
        """Promote what lies far, if the ledger or the log knows that it is still good."""
        kept = self.world.far.get(key)
        if kept is None or not self.connected or not self.log.joined:
            return False
        standing, born = self.standing(key, kept), kept.born
        if standing is Standing.UNKNOWN:
            standing, born = await self.verified(key, kept)
        if standing in USABLE:
            softened = standing is Standing.SOFTENED
            self.near[key] = replace(kept, born=born, stale=kept.stale or softened)
        return standing in USABLE

    async def verified(self, key: str, kept: Kept) -> tuple[Standing, Born]:
        """Ask the log itself."""
        facts = await self.log.facts(LABELS[key])
        if facts is None:
            return Standing.PURGED, kept.born
        return self.ledger.verified(LABELS[key], kept.born, facts)

    def standing(self, key: str, kept: Kept) -> Standing:
        """Ask the ledger."""
        return self.ledger.standing(LABELS[key], kept.born)

    def is_fresh(self, key: str, kept: Kept) -> bool:
        """Tell whether what is served may pass for fresh."""
        return not kept.stale and self.standing(key, kept) is Standing.VALID

    # Fetching

    def begin(self, key: str, floor: int, base: Kept | None = None) -> None:
        """Begin a fetch; the origin answers as of now, however long the answer travels."""
        world = self.world
        body = world.content[key]
        if base is not None and base.looks_like(body):
            body = base.body
        self.fetches.append(Fetch(key, self.ledger.position, body, world.commits, [floor]))

    def validate(self, key: str, floor: int) -> bool:
        """Begin a conditional fetch for what is held, if it may be a base."""
        base = self.base(key)
        if base is not None:
            self.begin(key, floor, base)
        return base is not None

    def base(self, key: str) -> Kept | None:
        """Return what a conditional request may name: nothing that was purged hard."""
        return self.usable_near(key)

    def finish(self, fetch: Fetch) -> list[tuple[int, int]]:
        """End a fetch: keep it, and return what each waiter gets beside what it must not miss.

        Nothing is asked before it is kept: what is asked when it is used has to be enough.
        """
        self.near[fetch.key] = kept = Kept(fetch.body, fetch.asked, self.born(fetch))
        if self.connected and self.log.joined:
            self.world.far[fetch.key] = replace(kept, born=kept.born._replace(minor=0))
        first, *others = fetch.floors
        shared = others if self.shares(fetch, kept) else []
        return [(fetch.body, floor) for floor in (first, *shared)]

    def born(self, fetch: Fetch) -> Born:
        """Return what the fetch is born at."""
        return fetch.began

    def shares(self, fetch: Fetch, kept: Kept) -> bool:
        """Tell whether those who joined a fetch may have its answer."""
        return self.standing(fetch.key, kept) in USABLE

    # Purging

    async def publish(self, purge: Purge, *, heard: bool) -> int | None:
        """Publish; None where the log could not be told.

        If it is to be `heard`, the follower takes its turns meanwhile, else it comes too late.
        """
        self.log._arrival = 10.0 if heard else 0.0  # noqa: SLF001 - time is set by hand
        publishing = asyncio.ensure_future(self.log.publish(purge))
        await asyncio.sleep(0)
        while heard and not publishing.done():
            with suppress(StoreError):
                await self.turn()
        try:
            return (await publishing).sequence
        except StoreError:
            return None


class Loop:
    """An event loop that the rules of a state machine can use."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def __call__(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to the end."""
        return self._loop.run_until_complete(work)

    def close(self) -> None:
        """Close the loop."""
        self._loop.close()
