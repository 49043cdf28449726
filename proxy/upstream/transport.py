"""The transport: httpx requests in, httpx responses out, over pools of our own.

It speaks HTTP/1.1. Of httpx's vocabulary it knows the extensions `timeout`, `target` and
`network_stream`, and these of its own: `informational`, which is called with the status and the
fields of each interim response; `repeatable`, which tells that a request may be sent twice; in
`timeout` the phases of `waits`. This module must not know caches.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Final, Self

import httpx

from proxy.upstream.connection import Connection
from proxy.upstream.exchange import Exchange
from proxy.upstream.faults import Vanished
from proxy.upstream.gate import Full, Gate
from proxy.upstream.head import Framing, Line, ResponseHead
from proxy.upstream.members import Member, Members
from proxy.upstream.request import Outgoing
from proxy.upstream.retry import RetryBudget
from proxy.upstream.stats import UpstreamStats
from proxy.upstream.tunnel import Tunnel
from proxy.upstream.waits import Waits

Informed = Callable[[int, tuple[Line, ...]], None]

_IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_UNWELL: Final = frozenset({502, 503, 504})
"""Statuses of an instance that cannot answer, where others may."""
_FAULTS: Final = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)


class Call:
    """One request and how often it may be tried; it holds a place at the gate until it is over."""

    __slots__ = ("deadline", "delivered", "informed", "outgoing", "repeatable", "waits")

    def __init__(self, request: httpx.Request, now: float) -> None:
        asked = request.extensions
        self.outgoing = Outgoing(request)
        self.waits = Waits.of(asked.get("timeout") or {})
        self.deadline = now + self.waits.total
        idempotent = request.method in _IDEMPOTENT  # 9110 §9.2.2
        self.repeatable = bool(asked.get("repeatable", idempotent)) and self.outgoing.body is None
        self.informed = _informed(asked.get("informational"))
        self.delivered = False

    def left(self, now: float) -> float:
        """Return the seconds to connect in."""
        return min(self.waits.connect, max(0.0, self.deadline - now))


def _informed(told: Informed | None) -> Callable[[ResponseHead], None] | None:
    return None if told is None else lambda head: told(head.status, head.lines)


class PoolTransport(httpx.AsyncBaseTransport):
    """An httpx transport on our own pools; the URL of a request says nothing of where it goes."""

    def __init__(
        self, members: Members, gate: Gate, budget: RetryBudget, stats: UpstreamStats
    ) -> None:
        self.members = members
        self.stats = stats
        self._gate = gate
        self._budget = budget

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, the body still on its way.

        Raises httpx's `TransportError`s, and whatever the request's body raises.
        """
        loop = asyncio.get_running_loop()
        call = Call(request, loop.time())
        if not self._gate.try_enter():
            await self._enter(call)
        try:
            exchange, head = await self._answered(call, loop)
        except BaseException as error:
            self._gate.leave()
            if isinstance(error, httpx.ConnectTimeout):
                self.stats.timeouts["connect"] += 1
            raise
        call.delivered = True
        if exchange.over:
            self._gate.leave()
        return _response(head, exchange)

    async def aclose(self) -> None:
        """Close every connection."""
        await self.members.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def _enter(self, call: Call) -> None:
        try:
            await self._gate.enter(min(call.waits.pool, call.waits.total))
        except Full as full:
            raise httpx.PoolTimeout(str(full)) from None

    async def _answered(
        self, call: Call, loop: asyncio.AbstractEventLoop
    ) -> tuple[Exchange, ResponseHead]:
        """Try once, and once more where nothing can have come of it (9112 §9.3.1, §9.5)."""
        self._budget.requested()
        member = await self.members.pick(loop.time())
        connection = member.pool.take()
        if connection is None:
            return await self._anew(call, member, loop)
        try:
            return await self._tried(call, member, connection, loop)
        except Vanished as vanished:
            if not (call.repeatable and self._may_retry(loop.time())):
                raise
            try:
                return await self._anew(call, await self.members.pick(loop.time()), loop)
            except (httpx.ConnectError, httpx.ConnectTimeout):
                raise vanished from None  # what was sent before may have been done

    async def _anew(
        self, call: Call, member: Member, loop: asyncio.AbstractEventLoop
    ) -> tuple[Exchange, ResponseHead]:
        """Try on a new connection."""
        member, connection = await self._connected(call, member, loop)
        return await self._tried(call, member, connection, loop)

    def _may_retry(self, now: float) -> bool:
        if self._budget.withdraw(now):
            self.stats.retries += 1
            return True
        self.stats.retries_spared += 1
        return False

    async def _connected(
        self, call: Call, member: Member, loop: asyncio.AbstractEventLoop
    ) -> tuple[Member, Connection]:
        """Open a connection: to `member`, or to another where that fails."""
        try:
            return member, await self._open(call, member, loop)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            await self.members.reconsider(loop.time())
            other = None
            with suppress(httpx.ConnectError):
                other = await self.members.pick(loop.time(), but=(member,))
            if other is None or not self._may_retry(loop.time()):
                raise
        return other, other.pool.take() or await self._open(call, other, loop)

    async def _open(
        self, call: Call, member: Member, loop: asyncio.AbstractEventLoop
    ) -> Connection:
        probe = member.breaker.enter()
        member.in_flight += 1
        try:
            connection = await member.pool.connect(call.left(loop.time()))
        except (httpx.ConnectError, httpx.ConnectTimeout):
            self.members.failed(member, loop.time(), probe=probe, refused=True)
            raise
        except BaseException:
            member.breaker.abandoned(probe=probe)
            raise
        finally:
            member.in_flight -= 1
        self.stats.connects += 1
        member.breaker.abandoned(probe=probe)  # its exchange is the probe now
        return connection

    async def _tried(
        self, call: Call, member: Member, connection: Connection, loop: asyncio.AbstractEventLoop
    ) -> tuple[Exchange, ResponseHead]:
        """Send the request on a connection, and learn from how it goes."""

        def ended() -> None:
            member.in_flight -= 1
            if exchange.expired_in is not None:
                self.stats.timeouts[exchange.expired_in] += 1
            if call.delivered:
                self._gate.leave()

        exchange = Exchange(
            loop,
            connection,
            call.outgoing,
            call.waits,
            deadline=call.deadline,
            informed=call.informed,
            ended=ended,
        )
        member.in_flight += 1
        probe = member.breaker.enter()
        reused, sent_at = connection.used > 0, loop.time()
        try:
            head = await exchange.send()
        except Vanished:
            if reused:
                member.breaker.abandoned(probe=probe)
            else:
                self.members.failed(member, loop.time(), probe=probe, refused=False)
            raise
        except _FAULTS:
            self.members.failed(member, loop.time(), probe=probe, refused=False)
            raise
        except BaseException:
            member.breaker.abandoned(probe=probe)
            raise
        self.stats.latency.observe(loop.time() - sent_at)
        if head.status in _UNWELL and len(self.members) > 1:
            self.members.failed(member, loop.time(), probe=probe, refused=False)
        else:
            member.breaker.succeeded(loop.time())
        return exchange, head


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


def _response(head: ResponseHead, exchange: Exchange) -> httpx.Response:
    extensions: dict[str, Any] = {
        "http_version": b"HTTP/" + head.version.encode(),
        "reason_phrase": head.reason,
    }
    if head.framing is Framing.TUNNEL:
        extensions["network_stream"] = Tunnel(exchange)
        return httpx.Response(head.status, headers=head.lines, extensions=extensions)
    return httpx.Response(
        head.status, headers=head.lines, stream=Body(exchange), extensions=extensions
    )
