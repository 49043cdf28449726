"""The event loop of production, and a real server of the shared store."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import pytest

from tests.loops import new_event_loop
from tests.redis.servers import RedisServer


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": new_event_loop}


@pytest.fixture(scope="module")
def valkey() -> Iterator[RedisServer]:
    with RedisServer() as running:
        yield running


@pytest.fixture(autouse=True)
def no_renewals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what is done by the clock, and for a request only if it takes too long."""
    monkeypatch.setattr("proxy.store.redis.leases.RENEWAL_SECONDS", 3600.0)
