"""The count of requests that reached this process, which proves what a cache kept away.

One count a request, taken on the event loop before anything else looks at the request.
"""

from collections import Counter
from dataclasses import dataclass, field

from fastapi import APIRouter, Request, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.catalog.models import Requests

PATH = "/_requests"
MAX_PATHS = 1_000
MAX_PATH_LENGTH = 200
OTHERS = "(others)"

router = APIRouter(tags=["switches and counters"])


@dataclass
class RequestCounter:
    """Requests so far; beyond `MAX_PATHS` paths, new ones are counted together."""

    total: int = 0
    by_path: Counter[str] = field(default_factory=Counter)

    def count(self, path: str) -> int:
        """Count a request and return its serial number, from 1."""
        name = path[:MAX_PATH_LENGTH]
        known = name in self.by_path or len(self.by_path) < MAX_PATHS
        self.by_path[name if known else OTHERS] += 1
        self.total += 1
        return self.total


@dataclass(frozen=True)
class Counting:
    """Middleware: count every request but those for the count, and number the responses."""

    app: ASGIApp
    counter: RequestCounter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one ASGI connection on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = scope["path"]
        serial = self.counter.total if path == PATH else self.counter.count(path)

        async def numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Catalog-Request"] = str(serial)
            await send(message)

        await self.app(scope, receive, numbered)


@router.get(PATH, response_model=Requests)
async def requests(request: Request) -> Response:
    """Never stored, never counted: how many requests got through to this process."""
    counter: RequestCounter = request.app.state.counter
    body = Requests(total=counter.total, by_path=dict(counter.by_path.most_common()))
    return Response(
        body.model_dump_json(), headers={"Cache-Control": "no-store"}, media_type="application/json"
    )
