"""The dispatcher: which address a request goes to, on which connection, and how often it is tried.

It speaks of requests in values of its own and of faults in httpx's words. This module must not
know who asks, or caches.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final

import httpx

from proxy.upstream.call import Call
from proxy.upstream.connection import Connection
from proxy.upstream.exchange import Exchange
from proxy.upstream.faults import Vanished
from proxy.upstream.gate import Full, Gate
from proxy.upstream.head import ResponseHead
from proxy.upstream.members import Member, Members
from proxy.upstream.retry import RetryBudget
from proxy.upstream.stats import UpstreamStats

_UNWELL: Final = frozenset({502, 503, 504})
"""Statuses of an instance that cannot answer, where others may."""
_FAULTS: Final = (httpx.TimeoutException, httpx.NetworkError, httpx.RemoteProtocolError)

Answered = tuple[ResponseHead, Exchange]


class Dispatcher:
    """Sends requests to whoever of the members is fit."""

    def __init__(
        self, members: Members, gate: Gate, budget: RetryBudget, stats: UpstreamStats
    ) -> None:
        self.members = members
        self.stats = stats
        self._gate = gate
        self._budget = budget

    async def send(self, call: Call) -> Answered:
        """Send a request and return its response's head, and the exchange that brings its body.

        Raises httpx's `TransportError`s, and whatever the request's body raises.
        """
        loop = asyncio.get_running_loop()
        call.begin(loop.time())
        if not self._gate.try_enter():
            await self._enter(call)
        try:
            answered = await self._answered(call, loop)
        except BaseException as error:
            self._gate.leave()
            if isinstance(error, httpx.ConnectTimeout):
                self.stats.timeouts["connect"] += 1
            raise
        call.delivered = True
        if answered[1].over:
            self._gate.leave()
        return answered

    async def aclose(self) -> None:
        """Close every connection."""
        await self.members.aclose()

    async def _enter(self, call: Call) -> None:
        try:
            await self._gate.enter(min(call.waits.pool, call.waits.total))
        except Full as full:
            raise httpx.PoolTimeout(str(full)) from None

    async def _answered(self, call: Call, loop: asyncio.AbstractEventLoop) -> Answered:
        """Try once, and once more where nothing can have come of it (9112 §9.3.1, §9.5)."""
        self._budget.requested()
        member = await self.members.pick(loop.time())
        connection = member.pool.take()
        if connection is None:
            return await self._anew(call, member, loop)
        try:
            return await self._tried(call, member, connection, loop)
        except Vanished as error:
            if not (call.may_repeat and self._may_retry(loop.time())):
                raise
            vanished = error
        try:
            return await self._anew(call, await self.members.pick(loop.time()), loop)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            raise vanished from None  # what was sent before may have been done

    async def _anew(self, call: Call, member: Member, loop: asyncio.AbstractEventLoop) -> Answered:
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
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            refused = error
        await self.members.reconsider(loop.time())
        other = None
        with suppress(httpx.ConnectError):
            other = await self.members.pick(loop.time(), but=(member,))
        if other is None or not self._may_retry(loop.time()):
            raise refused
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
    ) -> Answered:
        """Send the request on a connection, and learn from how it goes."""
        exchange = Exchange(loop, connection, call, partial(self._ended, call, member))
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
        return head, exchange

    def _ended(self, call: Call, member: Member, exchange: Exchange) -> None:
        member.in_flight -= 1
        if exchange.expired_in is not None:
            self.stats.timeouts[exchange.expired_in] += 1
        if call.delivered:
            self._gate.leave()
