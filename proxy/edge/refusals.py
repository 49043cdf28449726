"""Refusals: requests that the protocol could not take, on their way to being answered.

A refusal travels as a request whose scope says why, so that it is answered in its turn, counted
and logged like any other. This module must not know what makes a request unfit.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from proxy.edge.requests import Receive, Scope, Send
from proxy.errors import Crowded, RequestError
from proxy.http import dates, problem
from proxy.http.message import Line

App = Callable[[Scope, Receive, Send], Awaitable[None]]

REFUSAL: Final = "sidecache.refusal"
"""The scope key of the `RequestError` for which a request is to be refused."""

_RETRY: Final = (b"retry-after", b"1")


def advice(error: RequestError) -> tuple[Line, ...]:
    """Return what a refused client is told beside the problem (9110 §10.2.3)."""
    return (_RETRY,) if isinstance(error, Crowded) else ()


async def refuse_plainly(scope: Scope, _: Receive, send: Send) -> None:
    """Answer a refusal with a problem (9457) and the end of the connection (9112 §11.2)."""
    error: RequestError = scope[REFUSAL]
    media_type, body = problem.render(error.status, error.title, str(error))
    headers = [
        (b"content-type", media_type),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"date", dates.render(time.time())),
        (b"connection", b"close"),
        *advice(error),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
