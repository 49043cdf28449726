"""The ASGI door: requests in, answers out, clients that leave are noticed.

An answer that the store has is written at once; anything else runs beside a watch on the client.
This module must not know how an answer is found.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from proxy.edge.access import AccessLog, Exchange
from proxy.edge.extensions import Informer, informer
from proxy.edge.limits import NO_LIMITS_SET, Edge
from proxy.edge.refusals import REFUSAL, advice
from proxy.edge.requests import Receive, RequestBody, Scope, Send, departure, refused, request_of
from proxy.engine.answer import Account, Answer, cut, failure, reason_of
from proxy.engine.corridor import Corridor
from proxy.engine.stats import Stats
from proxy.engine.visit import Visit
from proxy.errors import ClientGone, RequestError, Unsendable, UpstreamError
from proxy.http.message import Request
from proxy.policy.reasons import Reason

NO_RULE: Final = "-"
"""The rule of what never met one; no rule can have this name."""

PurgeMethod = Callable[[Request], Awaitable[Answer]]
"""What answers PURGE, where the operator wants it to be a method of ours."""

_BODYLESS: Final = frozenset({204, 304})
_CLOSE: Final = (b"connection", b"close")


class Door:
    """The data plane as an ASGI 3 application."""

    def __init__(
        self,
        corridor: Corridor,
        stats: Stats,
        access: AccessLog,
        purge_method: PurgeMethod | None = None,
        edge: Edge = NO_LIMITS_SET,
    ) -> None:
        self._corridor = corridor
        self._stats = stats
        self._access = access
        self._purge_method = purge_method
        self._edge = edge

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; anything but HTTP is refused."""
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1003})
        elif scope["type"] == "http":
            self._stats.in_flight += 1
            try:
                await self._http(scope, receive, send)
            finally:
                self._stats.in_flight -= 1

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        delivery = _Delivery(send, self._stats, self._access, self._corridor.snapshot.name)
        try:
            if REFUSAL in scope:
                raise scope[REFUSAL]
            request = request_of(scope, self._edge)
            if request.method == "PURGE" and self._purge_method is not None:
                delivery.closing |= request.has_body
                await delivery.deliver(request, await self._purge_method(request))
                return
            visit = self._corridor.visit(request)
        except RequestError as error:
            await delivery.refuse(refused(scope), error)
            return
        if b"upgrade" in request.fields:
            delivery.closing = True  # what follows is not HTTP any more, and we did not agree
        answer = self._corridor.answer_now(visit)
        if answer is not None:
            delivery.closing |= request.has_body  # 9112 §9.6: nobody will read it
            await delivery.deliver(request, answer)
            return
        body = RequestBody(receive) if request.has_body else None
        delivery.informer = informer(scope)
        visit = replace(visit, informed=delivery.informer)
        await _while_connected(self._fetched(request, visit, body, delivery), receive, body)

    async def _fetched(
        self, request: Request, visit: Visit, body: RequestBody | None, delivery: "_Delivery"
    ) -> None:
        try:
            answer = await self._corridor.answer(visit, aiter(body) if body else None)
        except ClientGone:
            return
        if body is not None and not body.finished.is_set():
            delivery.closing = True  # 9112 §9.6: the rest of the request is not wanted
        await delivery.deliver(request, answer)


async def _while_connected(
    work: Awaitable[None], receive: Receive, body: RequestBody | None
) -> None:
    """Run `work` to its end, or stop it when the client has left."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(departure(receive, body))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
    await asyncio.gather(working, leaving, return_exceptions=True)
    if not working.cancelled():
        working.result()


class _Delivery:
    """One answer on its way out: sent, counted, logged."""

    def __init__(self, send: Send, stats: Stats, access: AccessLog, name: str) -> None:
        self._send = send
        self._name = name
        self._stats = stats
        self._access = access
        self._started = time.perf_counter()
        self._sent = 0
        self.closing = False
        self.informer: Informer | None = None

    async def refuse(self, request: Request, error: RequestError) -> None:
        """Answer a request that cannot be taken, and end the connection (9112 §11.2)."""
        account = Account(NO_RULE, Reason.BAD_REQUEST, failed=Reason.BAD_REQUEST)
        self.closing = True
        answer = failure(error.status, error.title, str(error), account, self._name)
        answer = replace(answer, fields=answer.fields.plus(*advice(error)))
        await self.deliver(request, answer)

    async def deliver(self, request: Request, answer: Answer) -> None:
        """Send an answer, then count and log it."""
        account = answer.account
        if self.informer is not None:
            self.informer.over = True
        try:
            answer, account = await self._written(request, answer)
        except UpstreamError as error:
            # The head is gone; returning without an end makes the server cut the connection.
            account = cut(account, error)
        finally:
            if answer.stream is not None:
                await answer.stream.aclose()
            seconds = time.perf_counter() - self._started
            self._stats.record(account, seconds, self._sent)
            exchange = Exchange(request, answer.status, account, time.time(), seconds, self._sent)
            self._access.record(exchange)

    async def _written(self, request: Request, answer: Answer) -> tuple[Answer, Account]:
        """Write an answer, or our own 502 in the place of one that HTTP/1.1 cannot carry."""
        try:
            await self._write(request, answer)
        except Unsendable as error:
            account = replace(answer.account, failed=reason_of(error), storing=None)
            told = failure(error.status, error.title, str(error), account, self._name)
            await self._write(request, told)
            return replace(told, stream=answer.stream), account
        return answer, answer.account

    async def _write(self, request: Request, answer: Answer) -> None:
        await self._send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": self._lines(answer),
            }
        )
        body = b"" if request.method == "HEAD" or answer.body is None else bytes(answer.body)
        if answer.stream is not None and request.method != "HEAD":
            async for chunk in answer.stream:
                await self._part(chunk, more=True)
        await self._part(body, more=False)

    async def _part(self, chunk: bytes, *, more: bool) -> None:
        self._sent += len(chunk)
        await self._send({"type": "http.response.body", "body": chunk, "more_body": more})

    def _lines(self, answer: Answer) -> list[tuple[bytes, bytes]]:
        fields = answer.fields
        if answer.status in _BODYLESS:  # 9110 §8.6; a 304 need not repeat it either
            fields = fields.without({b"content-length"})
        lines = [(name.lower(), value) for name, value in fields]
        return [*lines, _CLOSE] if self.closing else lines
