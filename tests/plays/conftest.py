"""The stage: a scripted upstream, the proxy before it, on the event loop of production."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping

import pytest

from tests.loops import new_event_loop
from tests.plays.house import House, house
from tests.plays.scripted import ScriptedUpstream
from tests.plays.witness import Witness, standing_by


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": new_event_loop}


@pytest.fixture(autouse=True)
def witness() -> Iterator[Witness]:
    """Hold every answer of the fast door against what the other one would write."""
    with standing_by() as watching:
        yield watching


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted
        assert not scripted.unscripted


@pytest.fixture
async def proxy(upstream: ScriptedUpstream) -> AsyncIterator[House]:
    async with house(upstream.url) as place:
        yield place
