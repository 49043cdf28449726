"""Delivery: one answer on its way out: sent, counted, logged.

This module must not know how an answer is found.
"""

import time
from typing import Final

from proxy.edge.access import AccessLog, Exchange
from proxy.edge.cycle import PROMPT
from proxy.edge.extensions import Informer
from proxy.edge.journeys import timing_line
from proxy.edge.refusals import advice
from proxy.edge.requests import Send
from proxy.engine.answer import Account, Answer, cut, failure, reason_of
from proxy.engine.journey import Journey
from proxy.engine.stats import Stats
from proxy.engine.streams import closing
from proxy.errors import RequestError, Unsendable, UpstreamError
from proxy.http import dates
from proxy.http.message import Line, Request
from proxy.policy.reasons import Reason
from proxy.values import replace

NO_RULE: Final = "-"
"""The rule of what never met one; no rule can have this name."""

_BODYLESS: Final = frozenset({204, 304})
_CLOSE: Final = (b"connection", b"close")


class Delivery:
    """One answer on its way out: sent, counted, logged."""

    def __init__(self, send: Send, stats: Stats, access: AccessLog, name: str) -> None:
        self._send = send
        self._name = name
        self._stats = stats
        self._access = access
        self._started = time.perf_counter()
        self._sent = 0
        self._told: Answer | None = None
        self.closing = False
        self.informer: Informer | None = None
        self.journey: Journey | None = None

    async def refuse(self, request: Request, error: RequestError) -> None:
        """Answer a request that cannot be taken, and end the connection (9112 §11.2)."""
        account = Account(NO_RULE, Reason.BAD_REQUEST, failed=Reason.BAD_REQUEST)
        self.closing = True
        answer = failure(error.status, error.title, str(error), account, self._name)
        answer = replace(answer, fields=answer.fields.plus(*advice(error)))
        await self.deliver(request, answer)

    async def deliver(self, request: Request, answer: Answer) -> None:
        """Send an answer, then count and log it."""
        if self.informer is not None:
            self.informer.over = True
        self._told = answer
        try:
            if answer.stream is None:
                await self._tell(request, answer)
            else:
                await closing(answer.stream, self._tell(request, answer))
        finally:
            self.record(request, self._told.status, self._told.account, self._sent)

    async def _tell(self, request: Request, answer: Answer) -> None:
        """Send an answer, or what is told in its place; note which it was, and how it ended."""
        instead = None
        try:
            await self._write(request, answer)
        except Unsendable as error:
            instead = self._told = self._instead(answer, error)
        except UpstreamError as error:
            # The head is gone; returning without an end makes the server cut the connection.
            self._told = replace(answer, account=cut(answer.account, error))
        if instead is not None:
            await self._write(request, instead)

    def record(self, request: Request, status: int, account: Account, sent: int) -> None:
        """Count and log an answered request; `sent` is in bytes of body."""
        seconds = time.perf_counter() - self._started
        self._stats.record(account, seconds, sent)
        if self._access.wants(account):
            self._access.record(Exchange(request, status, account, time.time(), seconds, sent))
        if self.journey is not None:
            self.journey.end(status, account)

    def _instead(self, answer: Answer, error: Unsendable) -> Answer:
        """Return our own 502, in the place of an answer that HTTP/1.1 cannot carry."""
        account = replace(answer.account, failed=reason_of(error), storing=None)
        return failure(error.status, error.title, str(error), account, self._name)

    async def _write(self, request: Request, answer: Answer) -> None:
        await self._send(
            {
                "type": "http.response.start",
                "status": answer.status,
                "headers": self._lines(answer),
                PROMPT: answer.stream is None,
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

    def _lines(self, answer: Answer) -> list[Line]:
        lines = lines_of(answer)
        if self.journey is not None and self.journey.timed:
            seconds = time.perf_counter() - self._started
            lines.append(timing_line(self.journey, answer.account, seconds))
        return [*lines, _CLOSE] if self.closing else lines


def lines_of(answer: Answer) -> list[Line]:
    """Return the lines of an answer as they leave, but for those about the connection."""
    fields = answer.fields
    if answer.status in _BODYLESS:  # 9110 §8.6; a 304 need not repeat it either
        fields = fields.without({b"content-length"})
    lines = [(name.lower(), value) for name, value in fields]
    if _made_here(answer.account):
        lines.append((b"date", dates.render(time.time())))
    return lines


def _made_here(account: Account) -> bool:
    """Tell whether an answer is the proxy's own and so without a Date yet (9110 §6.6.1)."""
    return account.failed is not None or account.reason is Reason.PURGE
