"""Coders before every test, on the event loop of production."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping

import pytest

from proxy.coding import helper
from proxy.coding.coder import PooledCoder
from tests.loops import new_event_loop


@pytest.fixture(autouse=True)
def eager(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a helper be as quick as its test: beside others it would hardly get its turn."""
    monkeypatch.setattr(helper, "NICENESS", 0)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": new_event_loop}


@pytest.fixture
async def pooled() -> AsyncIterator[PooledCoder]:
    coder = PooledCoder()
    yield coder
    await coder.aclose()
