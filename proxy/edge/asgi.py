"""The ASGI door: requests in, answers out, clients that leave are noticed.

An answer that the store has is written at once; anything else runs beside a watch on the client.
This module must not know how an answer is found.
"""

from collections.abc import Awaitable, Callable

from proxy.edge.access import AccessLog
from proxy.edge.connected import while_connected
from proxy.edge.delivery import Delivery
from proxy.edge.extensions import informer, tunnel_opener
from proxy.edge.journeys import Journeys
from proxy.edge.limits import NO_LIMITS_SET, Edge
from proxy.edge.passage import Passage
from proxy.edge.refusals import REFUSAL
from proxy.edge.requests import Receive, RequestBody, Scope, Send, refused, request_of
from proxy.edge.shortcut import ASKED, Shortcut
from proxy.engine.answer import Answer
from proxy.engine.corridor import Corridor
from proxy.engine.journey import travelling
from proxy.engine.stats import Stats
from proxy.engine.tunnelling import Tunnelling, protocol_of
from proxy.engine.visit import Visit
from proxy.errors import ClientGone, RequestError
from proxy.http.message import Request
from proxy.values import replace

PurgeMethod = Callable[[Request], Awaitable[Answer]]
"""What answers PURGE, where the operator wants it to be a method of ours."""


class Door:
    """The data plane as an ASGI 3 application."""

    def __init__(  # noqa: PLR0913 - what the data plane is made of
        self,
        corridor: Corridor,
        stats: Stats,
        access: AccessLog,
        journeys: Journeys,
        purge_method: PurgeMethod | None = None,
        *,
        edge: Edge = NO_LIMITS_SET,
        tunnelling: Tunnelling | None = None,
        shortcut: Shortcut | None = None,
    ) -> None:
        self._corridor = corridor
        self._stats = stats
        self._access = access
        self.journeys = journeys
        self.purge_method = purge_method
        self._edge = edge
        self._tunnelling = tunnelling
        self.shortcut = shortcut
        self.leaving = False
        """Whether every answer is the last one on its connection."""

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
        delivery = Delivery(send, self._stats, self._access, self._corridor.snapshot.name)
        delivery.closing = self.leaving
        request = _request(scope, self._edge)
        if isinstance(request, RequestError):
            await delivery.refuse(refused(scope), request)
            return
        journey = delivery.journey = self.journeys.begin(scope, request)
        if journey is None:
            await self._answered(scope, request, receive, delivery)
            return
        with travelling(journey):
            await self._answered(scope, request, receive, delivery)

    async def _answered(
        self, scope: Scope, request: Request, receive: Receive, delivery: Delivery
    ) -> None:
        if request.method == "PURGE" and self.purge_method is not None:
            delivery.closing |= request.has_body
            await delivery.deliver(request, await self.purge_method(request))
            return
        visit = self._visit(request)
        if isinstance(visit, RequestError):
            await delivery.refuse(request, visit)
            return
        if b"upgrade" in request.fields:
            delivery.closing = True  # what follows is not HTTP any more, and we did not agree
            passage = self._passage(scope, request, visit)
            if passage is not None:
                await while_connected(passage.open(delivery), scope, receive, None)
                await passage.carry(delivery)
                return
        answer = self._corridor.answer_now(visit)
        if answer is not None:
            if self.shortcut is not None and ASKED in scope and not delivery.closing:
                self.shortcut.remember(scope[ASKED], visit, answer)
            delivery.closing |= request.has_body  # 9112 §9.6: nobody will read it
            await delivery.deliver(request, answer)
            return
        body = RequestBody(receive) if request.has_body else None
        delivery.informer = informer(scope)
        visit = replace(visit, informed=delivery.informer)
        work = self._fetched(request, visit, body, delivery)
        await while_connected(work, scope, receive, body)

    def _visit(self, request: Request) -> Visit | RequestError:
        try:
            return self._corridor.visit(request)
        except RequestError as error:
            return error

    def _passage(self, scope: Scope, request: Request, visit: Visit) -> Passage | None:
        """Return the way to another protocol, where client, rule and server agree to it."""
        tunnelling, protocol, opener = self._tunnelling, protocol_of(request), tunnel_opener(scope)
        if tunnelling is None or protocol is None or opener is None:
            return None
        if not visit.boarded.rule.tunnels:
            return None
        return Passage(tunnelling, opener, request, visit, protocol)

    async def _fetched(
        self, request: Request, visit: Visit, body: RequestBody | None, delivery: Delivery
    ) -> None:
        try:
            answer = await self._corridor.answer(visit, aiter(body) if body else None)
        except ClientGone:
            return
        if body is not None and not body.finished.is_set():
            delivery.closing = True  # 9112 §9.6: the rest of the request is not wanted
            body.finished.set()  # so that whoever watches for the client's end may ask for it
        await delivery.deliver(request, answer)


def _request(scope: Scope, edge: Edge) -> Request | RequestError:
    if REFUSAL in scope:
        refusal: RequestError = scope[REFUSAL]
        return refusal
    try:
        return request_of(scope, edge)
    except RequestError as error:
        return error
