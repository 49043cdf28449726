from collections.abc import AsyncIterator

import pytest

from proxy.engine import flights
from proxy.engine.feed import Feed
from tests.engine.house import House
from tests.engine.scripted import Play


@pytest.fixture
def feeds(monkeypatch: pytest.MonkeyPatch) -> list[Feed]:
    """Collect every feed that is opened."""
    opened: list[Feed] = []

    def feed() -> Feed:
        opened.append(Feed())
        return opened[-1]

    monkeypatch.setattr(flights, "Feed", feed)
    return opened


@pytest.fixture
async def play(feeds: list[Feed]) -> AsyncIterator[Play]:
    """Set the stage; when the play is over, look for what was left behind."""
    stage = Play(feeds=feeds)
    yield stage
    await stage.end()


@pytest.fixture
async def house(feeds: list[Feed]) -> AsyncIterator[House]:
    """Set the stage for two proxies; when the play is over, look for what was left behind."""
    stage = House(feeds)
    yield stage
    await stage.end()
