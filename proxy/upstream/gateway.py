"""The gateway: the engine's `Upstream` on our own transport.

Errors are mapped at the rim. This module must not know what a response means to the cache.
"""

from collections.abc import AsyncIterator
from typing import Final

import httpx

from proxy.engine.ports import Outbound, Switched
from proxy.http.message import Fields, Head
from proxy.upstream.health import Checks
from proxy.upstream.rim import FOREIGN, ours, request_of
from proxy.upstream.transport import Informed, PoolTransport
from proxy.upstream.tunnel import Tunnel

_NOWHERE: Final = httpx.URL("http://upstream")
"""Where a request goes is the transport's business."""


class Gateway:
    """An `Upstream` on the transport; `queue_seconds` is how long a request waits for a place."""

    def __init__(
        self,
        transport: PoolTransport,
        *,
        queue_seconds: float = 1.0,
        checks: Checks | None = None,
    ) -> None:
        self.transport = transport
        self._queue_seconds = queue_seconds
        self._checks = checks

    def start(self) -> None:
        """Begin to check, where checks are wanted; needs a running loop."""
        if self._checks is not None:
            self._checks.start()

    async def send(self, outbound: Outbound) -> "PooledInbound":
        """See `Upstream.send`."""
        return PooledInbound(await self._response(outbound))

    async def open(self, outbound: Outbound) -> "Switched | PooledInbound":
        """See `Tunnels.open`."""
        response = await self._response(outbound)
        inbound, tunnel = PooledInbound(response), response.extensions.get("network_stream")
        return inbound if tunnel is None else Switched(inbound.head, OpenTunnel(tunnel))

    async def _response(self, outbound: Outbound) -> httpx.Response:
        waits = outbound.timeouts
        timeout = {
            "pool": self._queue_seconds,
            "connect": waits.connect,
            "write": waits.between_bytes,
            "first_byte": waits.first_byte,
            "between_bytes": waits.between_bytes,
            "total": waits.total,
            "tunnel": waits.tunnel,
        }
        request = request_of(
            outbound,
            _NOWHERE,
            {
                "timeout": timeout,
                "repeatable": outbound.repeatable,
                "informational": _informed(outbound),
            },
        )
        try:
            return await self.transport.handle_async_request(request)
        except FOREIGN as error:
            raise ours(error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        if self._checks is not None:
            await self._checks.aclose()
        await self.transport.aclose()


class PooledInbound:
    """An `Inbound` on a response of the transport."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        version = response.extensions["http_version"].decode("ascii").removeprefix("HTTP/")
        self.head = Head(response.status_code, Fields(response.headers.raw), version)

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body without its transfer coding and with its content coding."""
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - for the type checker
        try:
            async for chunk in stream:
                yield chunk
        except FOREIGN as error:
            raise ours(error) from error
        finally:
            await stream.aclose()

    async def aclose(self) -> None:
        """Give up the rest, and the connection with it where that is not all here."""
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - for the type checker
        await stream.aclose()


class OpenTunnel:
    """A `Tunnel` of the engine's port, with the engine's errors."""

    def __init__(self, tunnel: Tunnel) -> None:
        self._tunnel = tunnel

    async def read(self) -> bytes:
        """Return what comes next, nothing at the end."""
        try:
            return await self._tunnel.read()
        except FOREIGN as error:
            raise ours(error) from error

    async def write(self, data: bytes) -> None:
        """Send, and wait until there is room for more."""
        try:
            await self._tunnel.write(data)
        except FOREIGN as error:
            raise ours(error) from error

    async def end(self) -> None:
        """Say that nothing more will be sent; what comes can still be read."""
        self._tunnel.write_eof()

    async def aclose(self) -> None:
        """End the connection."""
        await self._tunnel.aclose()


def _informed(outbound: Outbound) -> Informed | None:
    told = outbound.informed
    return None if told is None else lambda status, lines: told(Head(status, Fields(lines)))
