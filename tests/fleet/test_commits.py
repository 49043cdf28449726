"""Whoever commits, purges and is told that the purge is complete, is never shown the old again.

Three replicas, one Redis, readers and writers at random. `FLEET_SECONDS` says how long the faults
on the ways to Redis last, for each of the two bounds on what is served unverified; the
choices of a run are repeated by `FLEET_SEED`, as far as schedules can be.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random
from typing import Final

import pytest

from tests.fleet.conftest import Tell
from tests.fleet.fleet import fleet, joined
from tests.fleet.origin import Origin
from tests.fleet.traffic import LEASE, Traffic, percentile
from tests.redis.faultproxy import FaultProxy, Faults
from tests.redis.servers import RedisServer

SECONDS: Final = float(os.environ.get("FLEET_SECONDS") or 30)
"""How long faults last, for each bound; the quiet phase lasts 15 s."""
QUIET: Final = 15.0
REPLICAS: Final = 3
PROMPT: Final = 0.1
"""Seconds after which the fleet is up to date, at the 99th percentile."""
HOPS: Final = 5
"""How often a purge waits for the machine on its way: replica, Redis, all replicas, Redis, back."""
SLACK: Final = 0.5
"""Seconds that a busy machine may add to a bound."""

# --- faults on the way to Redis, each an act and its undoing


Act = Callable[[FaultProxy, Random], None]


def _either(path: FaultProxy, chance: Random) -> list[Faults]:
    """Return one direction or both."""
    return chance.choice([[path.requests], [path.replies], [path.requests, path.replies]])


def _slow(path: FaultProxy, chance: Random) -> None:
    for faults in _either(path, chance):
        faults.delay = chance.choice([0.002, 0.02, 0.2, 1.0])


def _stall(path: FaultProxy, chance: Random) -> None:
    for faults in _either(path, chance):
        faults.stall()


def _drip(path: FaultProxy, chance: Random) -> None:
    for faults in _either(path, chance):
        faults.drip = chance.choice([1, 7, 100])


def _cut(path: FaultProxy, chance: Random) -> None:
    for faults in _either(path, chance):
        faults.cut = True


def _reset(path: FaultProxy, _: Random) -> None:
    path.reset()


def _down(path: FaultProxy, _: Random) -> None:
    """Break off what there is, and let nothing new come to anything."""
    path.requests.stall()
    path.reset()


ACTS: Final[tuple[Act, ...]] = (_slow, _stall, _drip, _cut, _reset, _down)


def _heal(path: FaultProxy) -> None:
    for faults in (path.requests, path.replies):
        was_cut = faults.cut
        faults.delay, faults.drip, faults.cut = 0.0, 65_536, False
        faults.flow()
        if was_cut:
            path.reset()


async def _trouble(path: FaultProxy, chance: Random) -> None:
    """Let one fault follow another, with pauses, until cancelled."""
    while True:
        await asyncio.sleep(chance.uniform(0.1, 1.5))
        chance.choice(ACTS)(path, chance)
        await asyncio.sleep(chance.choice([0.1, 0.5, 1.5, 4.0]) * chance.random())
        _heal(path)


@asynccontextmanager
async def _ways(server: RedisServer) -> AsyncIterator[list[FaultProxy]]:
    """Give each replica a way of its own to one Redis, so that faults can be one-sided."""
    async with AsyncExitStack() as stack:
        paths = [FaultProxy(server.port) for _ in range(REPLICAS)]
        yield [await stack.enter_async_context(path) for path in paths]


# --- the plays


async def test_without_faults_the_fleet_is_up_to_date_at_once(
    origin: Origin, redis: RedisServer, chance: Random, tell: Tell
) -> None:
    async with fleet(origin.url, [redis.url] * REPLICAS) as members:
        await joined(members)
        for _ in range(2):  # a machine that was busy with others gets a second chance
            seen = await Traffic(members, origin, chance, LEASE, within=10.0).run(QUIET)
            tell(*seen.lines())
            assert seen.failings == []
            assert set(seen.purges) == {200}
            prompt = PROMPT + HOPS * percentile(seen.lag, 0.99)
            if percentile(seen.confirmed, 0.99) <= prompt:
                return
    pytest.fail(f"the 99th percentile of {max(seen.confirmed)} s at most is over {prompt} s")


@pytest.mark.parametrize("unverified", [0, 5])
async def test_with_faults_no_acknowledged_purge_is_forgotten(
    origin: Origin, redis: RedisServer, chance: Random, tell: Tell, unverified: int
) -> None:
    variables = {"SIDECACHE_STORE__REDIS__MAX_UNVERIFIED": f"{unverified}s"}
    async with _ways(redis) as paths:
        urls = [path.url for path in paths]
        async with fleet(origin.url, urls, variables=variables) as members:
            await joined(members)
            traffic = Traffic(members, origin, chance, LEASE + unverified + SLACK)
            troubles = [
                asyncio.create_task(_trouble(path, Random(chance.random())))  # noqa: S311 - a test
                for path in paths
            ]
            seen = await traffic.run(SECONDS)
            for trouble, path in zip(troubles, paths, strict=True):
                trouble.cancel()
                _heal(path)
            await joined(members)  # it heals
    tell(f"max_unverified: {unverified}s", *seen.lines())
    assert seen.failings == []
    assert seen.purges[200] > seen.purges[202] > 0
