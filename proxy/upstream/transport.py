"""The transport: httpx requests in, httpx responses out, over the dispatcher.

It speaks HTTP/1.1. Of httpx's vocabulary it knows the extensions `timeout`, `target` and
`network_stream`, and these of its own: `informational`, which is called with the head of each
interim response; `repeatable`, which tells that a request may be sent twice; in `timeout` the
phases of `waits`. This module must not know caches.
"""

from collections.abc import AsyncIterator
from typing import Any, Final, Self

import httpx

from proxy.http.message import Fields
from proxy.upstream.call import Call
from proxy.upstream.dispatch import Dispatcher
from proxy.upstream.exchange import Exchange
from proxy.upstream.head import Framing, ResponseHead
from proxy.upstream.request import Outgoing
from proxy.upstream.tunnel import Tunnel
from proxy.upstream.waits import Waits

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})


class PoolTransport(httpx.AsyncBaseTransport):
    """An httpx transport on our own pools; the URL of a request says nothing of where it goes."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, the body still on its way.

        Raises httpx's `TransportError`s, and whatever the request's body raises.
        """
        return _response(*await self.dispatcher.send(_call(request)))

    async def aclose(self) -> None:
        """Close every connection."""
        await self.dispatcher.aclose()

    async def __aenter__(self) -> Self:
        return self


class Body(httpx.AsyncByteStream):
    """A response's body as it comes; read once."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        """Return the next piece."""
        piece = await self._exchange.read()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Give up the rest."""
        self._exchange.close()


def _call(request: httpx.Request) -> Call:
    asked, stream = request.extensions, request.stream
    target: bytes = asked.get("target") or request.url.raw_path
    body = aiter(stream) if isinstance(stream, httpx.AsyncByteStream) else None
    outgoing = Outgoing(request.method, target, Fields(request.headers.raw), body)
    idempotent = request.method in _IDEMPOTENT  # 9110 §9.2.2
    return Call(
        outgoing,
        Waits.of(asked.get("timeout") or {}),
        bool(asked.get("repeatable", idempotent)),
        asked.get("informational"),
    )


def _response(head: ResponseHead, exchange: Exchange) -> httpx.Response:
    extensions: dict[str, Any] = {
        "http_version": b"HTTP/" + head.version.encode(),
        "reason_phrase": head.reason,
    }
    if head.framing is Framing.TUNNEL:
        extensions["network_stream"] = Tunnel(exchange)
        return httpx.Response(head.status, headers=head.fields.lines, extensions=extensions)
    return httpx.Response(
        head.status, headers=head.fields.lines, stream=Body(exchange), extensions=extensions
    )
