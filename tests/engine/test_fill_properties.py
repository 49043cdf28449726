"""A body is stored whole or not at all, however it comes and wherever it breaks."""

import asyncio
from collections.abc import AsyncIterator

from hypothesis import given
from hypothesis import strategies as st

from proxy.engine import fill
from proxy.engine.feed import Feed
from proxy.errors import UpstreamBroken
from proxy.http.message import Head


class Crumbs:
    """An inbound of given chunks that may break off after them."""

    head = Head(200)

    def __init__(self, chunks: list[bytes], *, breaks: bool) -> None:
        self._chunks = chunks
        self._breaks = breaks
        self.closed = False

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            await asyncio.sleep(0)
            yield chunk
        if self._breaks:
            raise UpstreamBroken("cut")

    async def aclose(self) -> None:
        self.closed = True


async def filled(
    inbound: Crumbs, length: int | None, limit: int, readers: int
) -> tuple[list[bytes], list[bytes | None]]:
    """Run a fill; return what was committed and what each reader got (None: visibly cut)."""
    feed = Feed()
    committed: list[bytes] = []

    async def read() -> bytes | None:
        reader = feed.reader()
        try:
            return b"".join([chunk async for chunk in reader])
        except UpstreamBroken:
            return None

    tasks = [asyncio.create_task(read()) for _ in range(readers)]
    await asyncio.sleep(0)
    await fill.run(
        inbound,
        feed,
        length=length,
        limit=limit,
        commit=committed.append,
    )
    return committed, await asyncio.gather(*tasks)


@given(
    chunks=st.lists(st.binary(max_size=8), max_size=8),
    announced=st.none() | st.integers(0, 64),
    truthful=st.booleans(),
    breaks=st.booleans(),
    limit=st.integers(0, 64),
    readers=st.integers(1, 3),
)
def test_whole_or_not_at_all(
    *,
    chunks: list[bytes],
    announced: int | None,
    truthful: bool,
    breaks: bool,
    limit: int,
    readers: int,
) -> None:
    body = b"".join(chunks)
    length = len(body) if truthful else announced
    inbound = Crumbs(chunks, breaks=breaks)

    committed, seen = asyncio.run(filled(inbound, length, limit, readers))

    complete = not breaks and length in {None, len(body)}
    assert committed == ([body] if complete and len(body) <= limit else [])
    assert seen == [body if complete else None] * readers
    assert inbound.closed
