"""An upstream on httpx before a scripted server, on both event loops that it may run on."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from proxy.upstream.httpx_pool import HttpxUpstream
from tests.plays.scripted import ScriptedUpstream


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def origin() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
async def pool(origin: ScriptedUpstream) -> AsyncIterator[HttpxUpstream]:
    upstream = HttpxUpstream(origin.url)
    yield upstream
    await upstream.aclose()
