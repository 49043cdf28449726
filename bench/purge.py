"""The purge: what one costs by the number of entries under its tag, and when all have heard of it.

For each number there is a fleet of three Sidecaches with a Redis of its own, in which so many
answers with the tag lie. One was made by a Sidecache; the others are copies of its bytes under
other keys, since the cost of a purge could depend only on how many there are.
"""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from bench import cpu
from bench.asked import Asked
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.load import Load, drive
from bench.probe import expect
from bench.rounds import Plan
from bench.servers import TOKEN, Server, origin, sidecache
from bench.valkey import Store, store

T = TypeVar("T")

ENTRIES: Final = (1_000, 100_000, 1_000_000)
REPLICAS: Final = 3

_PATIENCE: Final = 30.0
_COPY: Final = """
local value, life = redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])
for number = ARGV[1], ARGV[2] do
   redis.call('SET', string.format('%s:{%032x}', ARGV[3], number), value, 'PX', life)
end
"""
_COPIES_A_CALL: Final = 50_000


@dataclass(frozen=True)
class Way:
    """How purges are asked for: who is waited for, and how many are under way at once."""

    name: str
    wait: str
    connections: int

    @property
    def asked(self) -> Asked:
        """The purge of the one tag."""
        body = json.dumps({"tags": ["bench"], "wait": self.wait})
        return Asked("/v1/purge", (*_FIELDS, "Content-Type: application/json"), body=body)


_FIELDS: Final = (f"Authorization: Bearer {TOKEN}",)

WAYS: Final = (
    Way("one by one", "local", 1),
    Way("32 at once", "local", 32),
    Way("all confirmed", "all", 1),
)


@dataclass(frozen=True)
class Sample:
    """One round of one way; the commands are Redis's, those of every replica's listening too."""

    requests: int
    seconds: float
    p50_us: int
    p99_us: int
    commands: int
    redis_seconds: float
    proxy_seconds: float


@dataclass(frozen=True)
class Fleet:
    """Replicas that share a store with so many entries under the tag."""

    entries: int
    shared: Store
    replicas: tuple[Server, ...]

    def sample(self, way: Way, seconds: float, place: Place) -> Sample:
        """Let the first replica purge for so long."""
        asked = self.replicas[0]
        commands = -self.shared.commands()
        redis, proxy = -cpu.spent(self.shared.pid), -cpu.spent(asked.pid)
        load = self._drive(way, seconds, place)
        redis, proxy = redis + cpu.spent(self.shared.pid), proxy + cpu.spent(asked.pid)
        commands += self.shared.commands()
        return Sample(
            load.requests,
            load.duration_us / 1e6,
            load.p50_us,
            load.p99_us,
            commands,
            redis,
            proxy,
        )

    def _drive(self, way: Way, seconds: float, place: Place) -> Load:
        try:
            return drive(self.replicas[0].admin, way.asked, way.connections, seconds, place)
        except BenchError as error:
            raise BenchError(f"{way.name}, {self.entries:,} entries: {error}") from error


Samples = dict[tuple[int, str], list[Sample]]
"""The rounds of each number of entries and way."""


def measure(plan: Plan, cores: Cores, sizes: Sequence[int] = ENTRIES) -> Samples:
    """Measure all ways and numbers in turn, round by round; raises `BenchError`."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecache-bench-")))
        place = _places(home, cores)
        source = stack.enter_context(origin(place("origin")))
        fleets = [_fleet(stack, entries, source.port, place) for entries in sizes]
        load = place("wrk")
        samples: Samples = {(each.entries, way.name): [] for each in fleets for way in WAYS}
        for _ in range(plan.rounds):
            for way in WAYS:
                for each in fleets:
                    sample = each.sample(way, plan.seconds, load)
                    samples[each.entries, way.name].append(sample)
        return samples


def _places(home: Path, cores: Cores) -> Callable[[str], Place]:
    """Return what makes a place for a child; it is the first replica that has a core to itself."""

    def place(name: str) -> Place:
        core = cores.server if name.endswith("replica-0") else cores.load
        return Place.within(home, name, core)

    return place


def _fleet(stack: ExitStack, entries: int, upstream: int, place: Callable[[str], Place]) -> Fleet:
    shared = stack.enter_context(store(place(f"{entries}-store")))
    replicas = tuple(
        stack.enter_context(sidecache(upstream, place(f"{entries}-replica-{at}"), shared.url))
        for at in range(REPLICAS)
    )
    _join(shared, replicas)
    _fill(shared, entries, replicas[0])
    return Fleet(entries, shared, replicas)


def _join(shared: Store, replicas: Sequence[Server]) -> None:
    """Wait until every replica follows the log."""
    _until(lambda: shared.run("HLEN", "{sidecache}:replicas") == len(replicas), "a whole fleet")


def _fill(shared: Store, entries: int, replica: Server) -> None:
    """Have one answer kept, and put copies of it beside it."""

    def kept() -> list[bytes]:
        expect("sidecache", replica.port, Asked("/tagged/1"), 200)
        return shared.answers()

    key = _until(kept, "an answer that is kept")[0]
    for first in range(1, entries, _COPIES_A_CALL):
        last = min(first + _COPIES_A_CALL, entries) - 1
        shared.run("EVAL", _COPY, 1, key, first, last, "sidecache")


def _until(condition: Callable[[], T], what: str) -> T:
    deadline = time.monotonic() + _PATIENCE
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise BenchError(f"in vain waited for {what}")
        time.sleep(0.02)
    return found
