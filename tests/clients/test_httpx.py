"""httpx: reads every coding that it can undo, a 304, and resumes a download."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.plays.decoding import CODINGS, decoded
from tests.plays.representing import EACH, LARGE, SMALL, Place, place, resource

ACCEPTED = httpx.Headers(httpx.Client().headers)["accept-encoding"].split(", ")
EACH_DECODABLE = [
    pytest.param(
        coding,
        marks=pytest.mark.skipif(coding not in ACCEPTED, reason=f"this httpx knows no {coding}"),
    )
    for coding in CODINGS
]


@asynccontextmanager
async def client(here: Place, coding: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{here.proxy.port}"
    headers = {} if coding is None else {"Accept-Encoding": coding}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as connected:
        yield connected


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("coding", EACH_DECODABLE)
async def test_reads_a_coding(coding: str, body: bytes) -> None:
    thing = resource(body, counted=body is SMALL)
    async with place(thing) as here, client(here, coding) as asking:
        for _ in range(2):
            answer = await asking.get("/thing")
            assert (answer.status_code, answer.content) == (200, body)
            assert answer.headers["content-encoding"] == coding
        assert "; hit" in answer.headers["cache-status"]


async def test_reads_what_it_likes_best() -> None:
    async with place(resource(LARGE)) as here, client(here) as asking:
        answer = await asking.get("/thing")
        assert answer.content == LARGE
        assert answer.headers["content-encoding"] in ACCEPTED


@pytest.mark.parametrize("coding", EACH_DECODABLE)
async def test_is_told_that_it_holds_what_is_current(coding: str) -> None:
    async with place(resource()) as here, client(here, coding) as asking:
        etag = (await asking.get("/thing")).headers["etag"]
        answer = await asking.get("/thing", headers={"If-None-Match": etag})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == etag


@pytest.mark.parametrize("coding", EACH)
async def test_resumes_a_download(coding: str) -> None:
    async with place(resource(LARGE)) as here, client(here, coding) as asking:
        async with asking.stream("GET", "/thing") as first:
            raw = first.aiter_raw(2_000)
            held = await anext(raw)
        etag = first.headers["etag"]
        await here.proxy.quiet()
        resuming = {"Range": f"bytes={len(held)}-", "If-Range": etag}
        async with asking.stream("GET", "/thing", headers=resuming) as rest:
            assert (rest.status_code, rest.headers["etag"]) == (206, etag)
            held += b"".join([piece async for piece in rest.aiter_raw()])
        assert decoded(coding, held) == LARGE
        assert len(here.heard) == 1
