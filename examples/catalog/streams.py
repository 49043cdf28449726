"""Answers without a length: server-sent events and JSON lines."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from examples.catalog.dependencies import TheStore
from examples.catalog.store import Store

PERIOD = 0.2
"""Seconds from one event to the next."""

BATCH = 100

router = APIRouter(tags=["streams"])


class Events(StreamingResponse):
    """Server-sent events, which the API's description names."""

    media_type = "text/event-stream"


class Lines(StreamingResponse):
    """JSON, a document a line."""

    media_type = "application/x-ndjson"


@router.get("/events", response_class=Events)
async def events(count: Annotated[int, Query(ge=1, le=1_000)] = 20) -> Events:
    """Never stored: an event each 200 ms, which must reach the client as it is made."""
    return Events(_events(count), headers={"Cache-Control": "no-store"})


@router.get("/stream", response_class=Lines)
def stream(store: TheStore, count: Annotated[int, Query(ge=1, le=3_000)] = 500) -> Lines:
    """Fresh for 30 s and chunked: no Content-Length, complete only with the last chunk."""
    return Lines(_lines(store, count), headers={"Cache-Control": "max-age=30"})


async def _events(count: int) -> AsyncIterator[str]:
    for number in range(1, count + 1):
        yield f'id: {number}\nevent: tick\ndata: {{"number": {number}}}\n\n'
        await asyncio.sleep(PERIOD)


def _lines(store: Store, count: int) -> Iterator[str]:
    last = 0
    while count > 0 and (batch := store.summaries_after(last, min(count, BATCH))):
        yield "".join(f"{product.model_dump_json()}\n" for product in batch)
        last, count = batch[-1].id, count - len(batch)
