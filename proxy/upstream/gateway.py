"""The gateway: the engine's `Upstream` on our own dispatcher.

Errors are mapped at the rim. This module must not know what a response means to the cache.
"""

from collections.abc import AsyncIterator
from functools import lru_cache
from math import inf
from typing import Self

from proxy.engine.ports import Outbound, Switched
from proxy.http.message import Head
from proxy.policy.terms import Timeouts
from proxy.upstream.call import Call
from proxy.upstream.dispatch import Answered, Dispatcher
from proxy.upstream.exchange import Exchange
from proxy.upstream.head import Framing, ResponseHead
from proxy.upstream.health import Checks
from proxy.upstream.request import Outgoing
from proxy.upstream.rim import FOREIGN, fields_of, ours
from proxy.upstream.tunnel import Tunnel
from proxy.upstream.waits import Waits


class Gateway:
    """An `Upstream` on the dispatcher; `queue_seconds` is how long a request waits for a place."""

    def __init__(
        self,
        dispatcher: Dispatcher,
        *,
        queue_seconds: float = 1.0,
        checks: Checks | None = None,
    ) -> None:
        self.dispatcher = dispatcher
        self._queue_seconds = queue_seconds
        self._checks = checks

    def start(self) -> None:
        """Begin to check, where checks are wanted; needs a running loop."""
        if self._checks is not None:
            self._checks.start()

    async def send(self, outbound: Outbound) -> "PooledInbound":
        """See `Upstream.send`."""
        return PooledInbound(*await self._answered(outbound))

    async def open(self, outbound: Outbound) -> "Switched | PooledInbound":
        """See `Tunnels.open`."""
        head, exchange = await self._answered(outbound)
        inbound = PooledInbound(head, exchange)
        if head.framing is not Framing.TUNNEL:
            return inbound
        return Switched(inbound.head, OpenTunnel(Tunnel(exchange)))

    async def _answered(self, outbound: Outbound) -> Answered:
        request = outbound.request
        try:
            outgoing = Outgoing(request.method, request.target, fields_of(outbound), outbound.body)
            queue = self._queue_seconds if outbound.patient else 0.0
            waits = _waits(outbound.timeouts, queue)
            return await self.dispatcher.send(
                Call(outgoing, waits, outbound.repeatable, outbound.informed)
            )
        except FOREIGN as error:
            raise ours(error) from error

    async def aclose(self) -> None:
        """Close every connection."""
        if self._checks is not None:
            await self._checks.aclose()
        await self.dispatcher.aclose()


class PooledInbound:
    """An `Inbound` on an exchange; its own iterator, as it is read once."""

    __slots__ = ("_exchange", "head")

    def __init__(self, head: ResponseHead, exchange: Exchange) -> None:
        self.head = Head(head.status, head.fields, head.version)
        self._exchange = exchange

    def chunks(self) -> AsyncIterator[bytes]:
        """Return the body without its transfer coding and with its content coding."""
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._exchange.read()
        except BaseException as error:
            self._exchange.close()
            if isinstance(error, FOREIGN):
                raise ours(error) from error
            raise
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Give up the rest, and the connection with it where that is not all here."""
        self._exchange.close()


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


@lru_cache(maxsize=1024)
def _waits(timeouts: Timeouts, queue: float) -> Waits:
    """Return a rule's time-outs as the pool has them; there are as many as there are rules."""
    return Waits(
        pool=queue,
        connect=timeouts.connect,
        write=timeouts.between_bytes,
        first_byte=timeouts.first_byte,
        between_bytes=timeouts.between_bytes,
        total=inf if timeouts.total is None else timeouts.total,
        tunnel=timeouts.tunnel,
    )
