"""Both engines before a scripted server, on both event loops that they may run on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import pytest

from proxy.engine.ports import Upstream
from proxy.upstream.build import Plan, gateway
from proxy.upstream.httpx_pool import HttpxUpstream
from proxy.upstream.pool import Keep
from tests.loops import new_event_loop
from tests.plays.scripted import ScriptedUpstream
from tests.upstream.asking import Make


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": new_event_loop}


@pytest.fixture
async def origin() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


def own(url: str, *, most: int = 256, idle: int = 64, **changes: Any) -> Upstream:  # noqa: ANN401 - parts of a plan
    plan = Plan(most=most, keep=Keep(idle=idle), **{"queue_seconds": 0.1, **changes})
    return gateway([url], plan)


def stock(url: str, *, most: int = 256, idle: int = 64) -> Upstream:
    return HttpxUpstream(url, max_connections=most, max_keepalive=idle)


@pytest.fixture(params=["own", "httpx"])
def engine(request: pytest.FixtureRequest) -> Make:
    """Each engine; a test that stock httpx fails says so by `stock_fails`."""
    made: Make = {"own": own, "httpx": stock}[request.param]
    return made


@pytest.fixture
async def pool(origin: ScriptedUpstream, engine: Make) -> AsyncIterator[Upstream]:
    upstream = engine(origin.url)
    yield upstream
    await upstream.aclose()
