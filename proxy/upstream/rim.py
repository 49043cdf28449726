"""The rim: httpx's errors become ours here, and ours become httpx's requests.

What both engines share on the way from the engine's port to httpx's vocabulary. This module must
not know what a response means to the cache.
"""

from collections.abc import AsyncIterator
from typing import Any, Final

import httpx

from proxy.engine.ports import Outbound
from proxy.errors import (
    RequestError,
    SidecacheError,
    UpstreamBroken,
    UpstreamBusy,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy.http.message import Line

ERRORS: Final[tuple[tuple[type[Exception], type[SidecacheError]], ...]] = (
    (httpx.PoolTimeout, UpstreamBusy),
    (httpx.TimeoutException, UpstreamTimeout),
    (httpx.ConnectError, UpstreamUnreachable),
    (httpx.LocalProtocolError, RequestError),
    (httpx.TransportError, UpstreamBroken),
)
"""Foreign error → ours, the first that fits."""

FOREIGN: Final = (httpx.HTTPError, httpx.StreamError)


def ours(error: Exception) -> SidecacheError:
    """Return our error for one of httpx's."""
    kind = next((ours for foreign, ours in ERRORS if isinstance(error, foreign)), UpstreamBroken)
    text = str(error)
    if isinstance(error, httpx.ProtocolError):
        text = text.partition(": ")[0]  # behind it the parser quotes what came, secrets too
    return kind(text or type(error).__name__)


class Upload(httpx.AsyncByteStream):
    """A request's body, or none."""

    def __init__(self, body: AsyncIterator[bytes] | None) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body is not None:
            async for chunk in self._body:
                yield chunk


def request_of(outbound: Outbound, url: httpx.URL, extensions: dict[str, Any]) -> httpx.Request:
    """Return httpx's request for ours; target, fields and method go out as they are."""
    request = httpx.Request(
        outbound.request.method,
        url,
        headers=_lines(outbound),
        stream=Upload(outbound.body),
        extensions={"target": outbound.request.target, **extensions},
    )
    request.method = outbound.request.method  # httpx writes it in capitals, 9110 §9.1 does not
    return request


def _lines(outbound: Outbound) -> list[Line]:
    fields = outbound.request.fields
    lines = [line for line in fields if line[0].lower() != b"expect"]  # answered at the edge
    if outbound.body is not None and b"content-length" not in fields:
        lines.append((b"Transfer-Encoding", b"chunked"))
    return lines
