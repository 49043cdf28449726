"""Slow and failing answers: what stale-if-error and coalescing are for."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response

from examples.catalog.conditions import Representation, answer
from examples.catalog.models import Slept, Switch, Weather

MAX_SLEEP_MS = 5_000

router = APIRouter()


@router.get("/slow", response_model=Slept, tags=["failures"])
async def slow(
    request: Request, ms: Annotated[int, Query(ge=0, le=MAX_SLEEP_MS)] = 500
) -> Response:
    """Slow to make, fresh for 10 s: many clients at once should cost one sleep."""
    await asyncio.sleep(ms / 1_000)
    fields = {"Cache-Control": "max-age=10, stale-if-error=300"}
    return answer(request, Representation.of(Slept(slept_ms=ms)), fields)


@router.get("/flaky", response_model=Weather, responses={503: {}}, tags=["failures"])
async def flaky(request: Request) -> Response:
    """Fresh for 1 s, and usable for 60 s more while the switch below makes it fail."""
    if request.app.state.failing:
        raise HTTPException(503, "switched off by POST /_flaky", {"Retry-After": "1"})
    fields = {"Cache-Control": "max-age=1, stale-if-error=60"}
    return answer(request, Representation.of(Weather(weather="fine")), fields)


@router.post("/_flaky", tags=["switches and counters"])
async def switch(request: Request, state: Switch) -> Switch:
    """Make `/flaky` fail, or work again."""
    request.app.state.failing = state.on
    return state
