"""Real servers, and the event loop of production."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest

from tests.loops import new_event_loop
from tests.redis.fleets import Cluster, SentinelFleet
from tests.redis.servers import BINARIES, RedisServer
from tests.redis.stage import Stage, open_stage
from tests.redis.tier import Tier, open_tier


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": new_event_loop}


@pytest.fixture(params=BINARIES)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """Start a server for one test, of each kind that this machine has."""
    with RedisServer(binary=BINARIES[request.param]) as running:
        yield running


@pytest.fixture
def valkey() -> Iterator[RedisServer]:
    """Start a server for one test where its kind does not matter."""
    with RedisServer() as running:
        yield running


@pytest.fixture(scope="session")
def sentinels() -> Iterator[SentinelFleet]:
    with SentinelFleet() as fleet:
        yield fleet


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with Cluster() as nodes:
        yield nodes


@pytest.fixture
async def tier(server: RedisServer) -> AsyncIterator[Tier]:
    async with open_tier(server.url) as opened:
        yield opened


@pytest.fixture
async def stage(server: RedisServer) -> AsyncIterator[Stage]:
    async with open_stage(server) as opened:
        yield opened
