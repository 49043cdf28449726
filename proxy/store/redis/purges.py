"""Purges: what a replica asks of the log in Redis, each a round trip.

What the answers mean to it is the follower's business; how Redis is reached, the caller's.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Final, Protocol, TypeVar

from proxy.engine.ledger import LEASE, TAG_LIMIT
from proxy.engine.purge import Facts, Place, Purge, Record
from proxy.errors import StoreError
from proxy.rules.labels import Labels
from proxy.store.redis import records
from proxy.store.redis.client import Client
from proxy.store.redis.records import Keys, Line, State
from proxy.store.redis.scripts import Argument, Script

T = TypeVar("T")

SLOTS: Final = 256
"""Patterns that the log knows at a time; a replica that joins learns all of them."""

BATCH: Final = 100
"""Records read at a time: all of them are applied without a pause, and each may be large."""

GRACE: Final = 1.0
"""Seconds of silence that are allowed beyond those after which a replica serves nothing."""


class Way(Protocol):
    """A way to Redis."""

    async def call(self, operation: Callable[[Client], Awaitable[T]]) -> T:
        """Return what `operation` makes of a client; raise `StoreError` where it fails."""


@dataclass(frozen=True, slots=True)
class Member:
    """A replica as it introduces itself; `max_unverified` is its ledger's."""

    name: bytes
    address: str
    max_unverified: float

    @property
    def window(self) -> float:
        """Seconds of silence after which it certainly serves nothing that it holds."""
        return LEASE + self.max_unverified + GRACE

    def line(self, now: float) -> Line:
        """Return the line of a replica that has not applied anything."""
        return Line(self.name, now, self.window, 0, b"", self.address)


@dataclass(frozen=True, slots=True)
class Report:
    """How far a replica has followed, and what it wants to know.

    `broken` is the epoch whose records do not follow from each other, `brought` the lines of the
    others as it last knew them, for the case that the log has lost them.
    """

    epoch: bytes
    applied: int
    broken: bytes = b""
    patterns: bool = False
    lines: bool = False
    brought: tuple[Line, ...] | None = None


class Purges:
    """The log under some keys, by one way to Redis.

    `limit` bounds the tags that Redis keeps, the records, and the tags and patterns that these name
    in all; `slots` the patterns that it keeps. Everything raises `StoreError` where Redis fails or
    answers what nobody understands.
    """

    def __init__(self, way: Way, keys: Keys, *, limit: int = TAG_LIMIT, slots: int = SLOTS) -> None:
        self._way = way
        self._keys = keys
        self._limit = limit
        self._slots = slots
        self._script = Script("log", when_full=True)

    async def publish(self, purge: Purge, nonce: bytes) -> Place:
        """Append a purge under a nonce of its own; return where."""
        tags, patterns = records.packed(purge.tags), records.packed(purge.patterns)
        mode = purge.mode.value
        epoch, sequence = await self._run(
            "publish", nonce, mode, tags, patterns, self._limit, self._slots
        )
        return Place(epoch, int(sequence))

    async def heartbeat(self, member: Member, report: Report, now: Callable[[], float]) -> State:
        """Report, and return where the log stands; `now` is the engine's clock.

        Where the log has lost the replica's line it is given all that the replica knew.
        """
        answer = await self._beat(member, report, None)
        if answer is None:
            answer = await self._beat(member, report, report.brought)
        return _read(lambda: records.state(answer, now()))

    async def _beat(self, member: Member, report: Report, brought: Iterable[Line] | None) -> Any:  # noqa: ANN401 - read by the caller
        lines = [word for line in brought or () for word in (line.name, line.text)]
        slots = self._slots if report.patterns else 0
        window, brings = round(member.window * 1_000), int(brought is not None)
        standing = (report.epoch, report.applied)
        wanted = (report.broken, slots, int(report.lines))
        return await self._run(
            "heartbeat", member.name, window, *standing, member.address, *wanted, brings, *lines
        )

    async def read(self, after: int, count: int, block: float, offset: float) -> list[Record]:
        """Return the records after a sequence; wait `block` seconds for one, 0 not at all.

        They end before the first that cannot be read. `offset` is Redis's clock minus the
        engine's.
        """
        words: list[Argument] = ["XREAD", "COUNT", min(count, BATCH)]
        words += ["BLOCK", max(1, round(block * 1_000))] if block else []
        words += ["STREAMS", self._keys.log, f"{after}-1"]
        answer = await self._way.call(lambda client: client.execute_command(*words))
        found = [pair for _, pairs in answer or () for pair in pairs]
        return records.readable(found, offset)

    async def facts(self, labels: Labels, offset: float) -> Facts:
        """Return what the log itself knows of some tags."""
        hard = [b"h:" + tag for tag in labels.tags]
        soft = [b"s:" + tag for tag in labels.tags]
        words: list[Argument] = ["HMGET", self._keys.ledger, "epoch", "sequence", "floor"]
        words += [*hard, *soft]
        epoch, sequence, floor, *times = await self._way.call(
            lambda client: client.execute_command(*words)
        )
        return _read(lambda: records.facts((epoch, sequence, floor), times, offset))

    async def roll(self) -> State:
        """Return where the log stands, and the lines of all replicas."""
        answer = await self._run("roll")
        return _read(lambda: records.state(answer, 0.0))

    async def leave(self, member: Member) -> None:
        """Take a replica's line away."""
        await self._way.call(
            lambda client: client.execute_command("HDEL", self._keys.replicas, member.name)
        )

    async def _run(self, verb: str, *words: Argument) -> Any:  # noqa: ANN401 - a reply is what the script makes it
        keys = (self._keys.ledger, self._keys.log, self._keys.replicas)
        args = (verb, token_hex(16), *words)
        return await self._way.call(lambda client: self._script.run(client, keys, args))


def _read(reading: Callable[[], T]) -> T:
    try:
        return reading()
    except (ValueError, TypeError, AttributeError) as error:
        raise StoreError(f"the purge log answers what nobody understands: {error}") from error
