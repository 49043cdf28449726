"""A feed: one writer, any number of readers, each at its own pace."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.feed import LONG, Feed, Reader
from proxy.errors import UpstreamBroken
from tests.engine.scripted import settle


async def all_of(reader: Reader) -> bytes:
    return b"".join([chunk async for chunk in reader])


async def test_every_reader_gets_every_byte_whenever_it_joins() -> None:
    feed = Feed()
    early = asyncio.create_task(all_of(feed.reader()))
    feed.append(b"one ")
    await settle()
    late = asyncio.create_task(all_of(feed.reader()))
    feed.append(b"two")
    feed.finish()
    after = feed.reader()
    assert [await early, await late, await all_of(after)] == [b"one two"] * 3
    assert await feed.body() == b"one two"
    assert feed.size == 7
    assert not feed.read


async def test_an_empty_chunk_is_nothing() -> None:
    feed = Feed()
    reader = feed.reader()
    feed.append(b"")
    feed.finish()
    assert [chunk async for chunk in reader] == []


async def test_an_error_comes_after_what_was_fed_and_to_all() -> None:
    feed = Feed()
    readers = [feed.reader(), feed.reader()]
    feed.append(b"some")
    feed.finish(UpstreamBroken("cut"))
    for reader in readers:
        assert await anext(reader) == b"some"
        with pytest.raises(UpstreamBroken, match="cut"):
            await anext(reader)


async def test_while_it_is_kept_there_is_always_room() -> None:
    feed = Feed(window=1)
    feed.append(b"more than the window")
    assert await feed.room()
    assert not feed.read


async def test_once_it_is_not_kept_the_writer_waits_for_the_slowest_reader() -> None:
    feed = Feed(window=4)
    fast, slow = feed.reader(), feed.reader()
    feed.append(b"12345")
    feed.append(b"67890")
    feed.stop_keeping()
    waiting = asyncio.create_task(feed.room())
    await anext(fast)
    await anext(fast)
    await settle()
    assert not waiting.done()
    assert await feed.body() == b"1234567890"
    await anext(slow)
    await settle()
    assert not waiting.done()
    assert await feed.body() == b"67890"
    await anext(slow)
    assert await waiting
    assert await feed.body() == b""


async def test_a_reader_that_leaves_makes_room() -> None:
    feed = Feed(window=4)
    gone, stays = feed.reader(), feed.reader()
    feed.append(b"12345")
    feed.stop_keeping()
    waiting = asyncio.create_task(feed.room())
    await anext(stays)
    await settle()
    assert not waiting.done()
    await gone.aclose()
    assert await waiting


async def test_without_readers_there_is_nothing_to_write_for() -> None:
    feed = Feed(window=4)
    reader = feed.reader()
    feed.append(b"12345")
    feed.stop_keeping()
    waiting = asyncio.create_task(feed.room())
    await settle()
    await reader.aclose()
    assert await waiting is False
    assert await feed.body() == b""


async def test_a_reader_that_is_cancelled_while_it_waits_can_leave() -> None:
    feed = Feed()
    reader = feed.reader()
    waiting = asyncio.create_task(all_of(reader))
    await settle()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await reader.aclose()
    await reader.aclose()
    assert not feed.read


async def test_a_long_body_is_put_together_beside_the_loop() -> None:
    feed, piece = Feed(), b"x" * (LONG // 2)
    feed.append(piece)
    feed.append(piece)
    joining = asyncio.create_task(feed.body(b"end"))
    await asyncio.sleep(0)
    assert not joining.done()
    assert await joining == piece + piece + b"end"


async def crumbs(feed: Feed, chunks: list[bytes], kept: int) -> AsyncIterator[int]:
    """Write with room; give up keeping after so many chunks; yield what is held."""
    for number, chunk in enumerate(chunks):
        if number == kept:
            feed.stop_keeping()
        feed.append(chunk)
        yield len(await feed.body())
        await feed.room()
    feed.finish()


@given(
    chunks=st.lists(st.binary(min_size=1, max_size=20), max_size=20),
    paces=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    kept=st.integers(0, 20),
)
def test_whatever_the_pace_all_read_the_same(
    chunks: list[bytes], paces: list[int], kept: int
) -> None:
    async def slowly(reader: Reader, pace: int) -> bytes:
        body = b""
        async for chunk in reader:
            body += chunk
            await settle(pace)
        return body

    async def play() -> None:
        feed = Feed(window=10)
        readers = [asyncio.create_task(slowly(feed.reader(), pace)) for pace in paces]
        held = [size async for size in crumbs(feed, chunks, kept)]
        assert await asyncio.gather(*readers) == [b"".join(chunks)] * len(paces)
        unbounded = sum(map(len, chunks[:kept]))
        assert all(size <= max(10, unbounded) + 20 for size in held)

    asyncio.run(play())
