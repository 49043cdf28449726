"""Warm: `/v1/warm`, which tells what became of each URL while it works.

This module must not know how a URL is warmed.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Annotated, Any, Final, Self

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field, model_validator

from proxy.admin import bodies
from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control
from proxy.admin.guard import needs
from proxy.admin.problems import told
from proxy.admin.refused import Refused
from proxy.admin.requests import request_of
from proxy.admin.selection import Url
from proxy.admin.sitemap import NotASitemap
from proxy.admin.warming import Warmed, listed, warmed
from proxy.errors import RequestError
from proxy.rules.problems import Problem, located

MOST: Final = 10_000
"""URLs of one request; a sitemap may list more."""
MOST_AT_ONCE: Final = 32
MEDIA_TYPE: Final = "application/x-ndjson"

_ANSWER: Final[dict[str, Any]] = {
    "description": "A JSON object a line",
    "content": {MEDIA_TYPE: {}},
}


class WarmBody(bodies.Body):
    """What is to be asked for, and how much of it at a time."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"urls": ["http://shop.example/products/1"], "concurrency": 8},
                {"urls": ["/products/1", "/products/2"], "host": "shop.example"},
                {"sitemap": "http://shop.example/sitemap.xml"},
            ]
        }
    )

    urls: Annotated[tuple[Url, ...], Field(max_length=MOST)] = ()
    """URLs as clients ask for them: the host is a part of what is stored."""
    sitemap: Url | None = None
    """A sitemap on the upstream, fetched through the proxy, whose URLs are warmed."""
    host: Annotated[str, Field(max_length=255)] | None = None
    """The host that clients ask for, where a URL is a path alone."""
    concurrency: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = 4
    """How many requests are under way at a time."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        located(type(self), self._problems())
        return self

    def _problems(self) -> Iterator[Problem]:
        if bool(self.urls) == (self.sitemap is not None):
            yield Problem((), "give one of the two: urls or sitemap")
        paths = [url for url in (*self.urls, self.sitemap or "") if url.startswith("/")]
        if paths and self.host is None:
            yield Problem(("host",), f"is needed, since '{paths[0]}' names no host")


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1", tags=["warming"])

    @routes.post(
        "/warm",
        dependencies=[needs(gate, Role.ADMIN)],
        response_class=StreamingResponse,
        responses={**told(401, 403, 413, 415, 422, 429), 200: _ANSWER},
        openapi_extra=bodies.documented(WarmBody),
    )
    async def warm(request: Request) -> StreamingResponse:
        """Ask for URLs as clients would; a line for each as it ends, and a summary at the end.

        The work ends when the caller leaves.
        """
        body = await bodies.read(request, WarmBody)
        urls = await _urls(control, body)
        return StreamingResponse(_lines(control, body, urls), media_type=MEDIA_TYPE)

    return routes


async def _urls(control: Control, body: WarmBody) -> Sequence[str]:
    if body.sitemap is None:
        return body.urls
    try:
        return await listed(control.corridor, request_of(body.sitemap, host=body.host or ""))
    except (RequestError, NotASitemap) as error:
        raise Refused(422, f"sitemap: {error}") from error


async def _lines(control: Control, body: WarmBody, urls: Sequence[str]) -> AsyncIterator[bytes]:
    """Yield a line for each URL, and the summary; stopped, it stops what is under way."""
    outcomes: Counter[str] = Counter()
    failed = 0
    working = warmed(control.corridor, urls, host=body.host or "", concurrency=body.concurrency)
    async with aclosing(working):
        async for each in working:
            outcomes[each.outcome] += 1
            failed += each.failed
            yield _line(_shown(each))
    yield _line({"total": len(urls), "failed": failed, "outcomes": outcomes})


def _shown(each: Warmed) -> dict[str, object]:
    return {
        "url": each.url,
        "status": each.status,
        "outcome": each.outcome,
        "reason": each.reason,
        "ms": round(each.seconds * 1_000, 1),
    }


def _line(document: dict[str, object]) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
