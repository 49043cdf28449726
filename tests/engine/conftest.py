from collections.abc import AsyncIterator

import pytest

from proxy.engine import flights
from proxy.engine.feed import Feed
from tests.engine.scripted import Play


@pytest.fixture
async def play(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Play]:
    """Set the stage; when the play is over, look for what was left behind."""
    stage = Play()

    def feed() -> Feed:
        stage.feeds.append(Feed())
        return stage.feeds[-1]

    monkeypatch.setattr(flights, "Feed", feed)
    yield stage
    await stage.end()
