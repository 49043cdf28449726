"""aiohttp: reads every coding that it can undo, a 304, and resumes a download."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.plays.decoding import decoded
from tests.plays.representing import EACH, LARGE, SMALL, Place, place, resource

aiohttp: Any = pytest.importorskip("aiohttp", reason="aiohttp is not installed")


@asynccontextmanager
async def client(
    here: Place, coding: str | None = None, *, undoing: bool = True
) -> AsyncIterator[Any]:
    url = f"http://127.0.0.1:{here.proxy.port}"
    headers = {} if coding is None else {"Accept-Encoding": coding}
    async with aiohttp.ClientSession(url, headers=headers, auto_decompress=undoing) as session:
        yield session


CODINGS = ("gzip", "br", "zstd")


async def decodable() -> set[str]:
    """Return the codings that this aiohttp says it accepts."""
    async with place(resource()) as here, client(here) as session, session.get("/thing") as answer:
        await answer.read()
        return set(answer.request_info.headers["Accept-Encoding"].replace(" ", "").split(","))


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("coding", CODINGS)
async def test_reads_a_coding(coding: str, body: bytes) -> None:
    if coding not in await decodable():
        pytest.skip(f"this aiohttp knows no {coding}")
    thing = resource(body, counted=body is SMALL)
    async with place(thing) as here, client(here, coding) as session:
        for _ in range(2):
            async with session.get("/thing") as answer:
                assert (answer.status, await answer.read()) == (200, body)
                assert answer.headers["Content-Encoding"] == coding
        assert "; hit" in answer.headers["Cache-Status"]


async def test_reads_what_it_likes_best() -> None:
    async with place(resource(LARGE)) as here, client(here) as session:
        answer = await session.get("/thing")
        assert await answer.read() == LARGE
        assert answer.headers["Content-Encoding"] in CODINGS


@pytest.mark.parametrize("coding", EACH)
async def test_is_told_that_it_holds_what_is_current(coding: str) -> None:
    async with place(resource()) as here, client(here, coding) as session:
        async with session.get("/thing") as first:
            etag = first.headers["ETag"]
        async with session.get("/thing", headers={"If-None-Match": etag}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == etag


@pytest.mark.parametrize("coding", EACH)
async def test_resumes_a_download(coding: str) -> None:
    async with place(resource(LARGE)) as here, client(here, coding, undoing=False) as session:
        async with session.get("/thing") as first:
            held = await first.content.readexactly(2_000)
        etag = first.headers["ETag"]
        await here.proxy.quiet()
        resuming = {"Range": f"bytes={len(held)}-", "If-Range": etag}
        async with session.get("/thing", headers=resuming) as rest:
            assert (rest.status, rest.headers["ETag"]) == (206, etag)
            held += await rest.read()
        assert decoded(coding, held) == LARGE
        assert len(here.heard) == 1
