"""A fill: what is committed, when, and how a body ends for its readers."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.engine import fill
from proxy.engine.feed import Feed
from proxy.engine.ports import Inbound
from proxy.errors import UpstreamBroken, UpstreamError
from proxy.http.message import Head
from tests.engine.scripted import Piece, Reply, ScriptedInbound, settle


def inbound(*body: Piece) -> ScriptedInbound:
    return ScriptedInbound(Reply(Head(200), body))


async def fed(
    source: Inbound, feed: Feed, length: int | None = None, limit: int = 100
) -> list[bytes]:
    """Run a fill; return the bodies that were committed."""
    committed: list[bytes] = []
    await fill.run(
        source,
        feed,
        length=length,
        limit=limit,
        commit=committed.append,
    )
    return committed


WHOLE: dict[str, tuple[tuple[Piece, ...], int | None]] = {
    "announced": ((b"hel", b"lo"), 5),
    "announced-in-one": ((b"hello",), 5),
    "announced-with-empty-chunks": ((b"", b"hello", b""), 5),
    "unannounced": ((b"hel", b"lo"), None),
    "empty": ((), 0),
    "empty-unannounced": ((), None),
}


@pytest.mark.parametrize(("body", "length"), WHOLE.values(), ids=list(WHOLE))
async def test_a_whole_body_is_committed_once(body: tuple[Piece, ...], length: int | None) -> None:
    feed, source = Feed(), inbound(*body)
    whole = b"".join(piece for piece in body if isinstance(piece, bytes))
    assert await fed(source, feed, length) == [whole]
    assert b"".join([chunk async for chunk in feed.reader()]) == whole
    assert source.over


CUT: dict[str, tuple[tuple[Piece, ...], int | None]] = {
    "short": ((b"hel",), 5),
    "nothing": ((), 5),
    "long": ((b"hello", b"!"), 5),
    "long-in-one": ((b"hello!",), 5),
    "long-where-nothing-is": ((b"!",), 0),
    "broken": ((b"hel", UpstreamBroken("cut")), None),
    "broken-at-its-end": ((b"hello", UpstreamBroken("cut")), 5),
}


@pytest.mark.parametrize(("body", "length"), CUT.values(), ids=list(CUT))
async def test_a_cut_body_is_never_committed(body: tuple[Piece, ...], length: int | None) -> None:
    feed, source = Feed(), inbound(*body)
    assert await fed(source, feed, length) == []
    with pytest.raises(UpstreamError):
        _ = [chunk async for chunk in feed.reader()]
    assert source.over


async def test_a_body_beyond_the_limit_is_not_committed_but_read() -> None:
    feed = Feed()
    reader = feed.reader()
    assert await fed(inbound(b"hel", b"lo"), feed, limit=4) == []
    assert [chunk async for chunk in reader] == [b"hel", b"lo"]


async def test_a_body_at_the_limit_is_committed() -> None:
    assert await fed(inbound(b"hel", b"lo"), Feed(), limit=5) == [b"hello"]


async def test_a_body_beyond_the_limit_that_nobody_reads_is_given_up() -> None:
    source = inbound(b"hel", b"lo", b"never taken")
    assert await fed(source, Feed(), limit=4) == []
    assert source.taken == 5
    assert source.over


async def test_a_fill_that_is_cancelled_cuts_its_readers_and_closes() -> None:
    feed, source = Feed(), inbound(b"hel", asyncio.Event())
    reader = feed.reader()
    filling = asyncio.create_task(fed(source, feed))
    await settle()
    filling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await filling
    assert await anext(reader) == b"hel"
    with pytest.raises(UpstreamBroken):
        await anext(reader)
    assert source.over


class Faulty(ScriptedInbound):
    async def chunks(self) -> AsyncIterator[bytes]:
        yield b"hel"
        raise ZeroDivisionError


async def test_an_unforeseen_error_cuts_its_readers_and_closes() -> None:
    feed, source = Feed(), Faulty(Reply(Head(200)))
    with pytest.raises(ZeroDivisionError):
        await fed(source, feed)
    assert feed.finished
    assert source.over
