"""The shared tier as one replica has it, and entries to put into it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Final

from proxy.engine.entry import Entry
from proxy.engine.purge import Born
from proxy.policy.stored import Selecting
from proxy.rules.labels import Labels
from proxy.store.redis.client import Tls
from proxy.store.redis.entries import RedisEntries
from proxy.store.redis.leases import RedisLeases
from proxy.store.redis.link import Link
from proxy.store.redis.url import parse
from tests.policy.cases import stored
from tests.redis.servers import PATIENCE

DIGEST: Final = bytes(range(16))
LIFE: Final = 60.0
CALL_SECONDS: Final = 1.0
"""For a call that is to succeed, however busy the machine."""

_STORED: Final = stored("Cache-Control: max-age=60")

UNHURRIED: Final = 3.0
"""Seconds for a call where its deadline is not what is tested: machines may be busy."""


def entry(body: bytes = b"body", selecting: Selecting = ()) -> Entry:
    """Make an entry; with selecting fields it is a variant."""
    answer = replace(_STORED, length=len(body), selecting=selecting, varies=bool(selecting))
    return Entry(b"key", answer, body, Labels((b"*",), b"api.test/thing"), Born(b"epoch", 7))


def language(value: bytes) -> Selecting:
    """Make the selecting fields of a variant by language."""
    return ((b"accept-language", value),)


def anything(selecting: Selecting) -> bool:
    """Want every variant."""
    del selecting
    return True


@dataclass
class Shared:
    """A `SharedClock` whose offset can be set."""

    offset: float | None = 0.0


@dataclass(frozen=True)
class Tier:
    """All of it, on one link."""

    link: Link
    shared: Shared
    leases: RedisLeases
    entries: RedisEntries

    async def bodies(
        self, digest: bytes = DIGEST, selecting: Selecting | None = None
    ) -> set[bytes]:
        """Return the bodies that are found under a key."""
        wanted = anything if selecting is None else (lambda fields: fields == selecting)
        return {found.body for found in await self.entries.get(digest, wanted)}

    async def put(self, *kept: Entry, digest: bytes = DIGEST, limit: int = 8) -> None:
        """Put entries, and wait until they are there."""
        puts = self.entries.stats.puts + len(kept)
        for each in kept:
            self.entries.put(digest, each, seconds=LIFE, limit=limit)
        await eventually(lambda: self.entries.stats.puts == puts)


async def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds that is certain to hold."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.002)


@asynccontextmanager
async def open_link(
    url: str, deadline: float = UNHURRIED, tls: Tls | None = None, connections: int = 4
) -> AsyncIterator[Link]:
    """Start a link and wait until it can be used."""
    link = Link(parse(url), deadline, tls, connections=connections)
    link.start()
    try:
        await eventually(lambda: link.usable)
        yield link
    finally:
        await link.aclose()


@asynccontextmanager
async def open_tier(
    url: str, deadline: float = UNHURRIED, tls: Tls | None = None, max_object: int = 1_048_576
) -> AsyncIterator[Tier]:
    """Start one replica's shared tier and wait until it can be used."""
    async with open_link(url, deadline, tls) as link:
        shared = Shared()
        leases = RedisLeases(link, "test", shared)
        entries = RedisEntries(link, "test", shared, leases, max_object)
        leases.start()
        try:
            yield Tier(link, shared, leases, entries)
        finally:
            await entries.aclose()
            await leases.aclose()
