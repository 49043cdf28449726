"""What plays with a whole fleet share: the event loop, a Redis, an origin, a voice, a seed."""

import asyncio
import os
import random
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from random import Random

import pytest

from tests.fleet.origin import Origin
from tests.loops import new_event_loop
from tests.redis.servers import RedisServer

Tell = Callable[..., None]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": new_event_loop}


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Tell:
    """Say something that is shown even when the test passes."""

    def say(*lines: str) -> None:
        with capsys.disabled():
            print("", *lines, sep="\n  ")

    return say


@pytest.fixture
def chance(tell: Tell) -> Random:
    """Chance that FLEET_SEED repeats; the seed is told."""
    seed = int(os.environ.get("FLEET_SEED") or random.randrange(2**32))  # noqa: S311 - no secret
    tell(f"FLEET_SEED={seed}")
    return Random(seed)  # noqa: S311 - as above


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
async def origin(chance: Random) -> AsyncIterator[Origin]:
    async with Origin(chance) as one:
        yield one
