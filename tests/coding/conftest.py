"""Coders before every test, on the event loop of production."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest
import uvloop

from proxy.coding.coder import PooledCoder


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
async def pooled() -> AsyncIterator[PooledCoder]:
    coder = PooledCoder()
    yield coder
    await coder.aclose()
