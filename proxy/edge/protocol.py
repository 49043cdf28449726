"""The protocol: one client's connection from its opening to its end.

Requests are answered in their order, one after the other (9112 §9.3.2); what cannot be taken is
refused in its turn and ends the connection. Limits are those of the doorway, deadlines are kept by
the watch, what is read is judged in `intake`, what is written is made in `cycle`. This module must
not know what a request is about.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle
from uvicorn.server import ServerState

from proxy.edge.cycle import Cycle
from proxy.edge.doorway import Admission, Doorway
from proxy.edge.extensions import INFORMATIONAL, TUNNEL
from proxy.edge.intake import Behind, Intake
from proxy.edge.outgoing import interim, switching
from proxy.edge.refusals import REFUSAL
from proxy.edge.tunnel import ClientTunnel
from proxy.edge.watch import Stage, Watch
from proxy.errors import ClientGone, Crowded, RequestError, Unsendable
from proxy.http.message import Line

_PIECE: Final = 8_192
"""Bytes parsed at a time, so that one read cannot bring thousands of requests."""


class Protocol(Intake):
    """uvicorn's HTTP/1.1 protocol with limits, deadlines and refusals."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        doorway: Doorway,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.doorway = doorway
        self.limits = doorway.limits
        self.stage = Stage.OPEN
        self.waiting = b""
        """Bytes that are not parsed yet: enough requests wait already."""
        self.written = 0
        self.extensions = {
            INFORMATIONAL: {"write": self.inform},
            TUNNEL: {"open": self.open_tunnel},
        }
        self._tunnel: ClientTunnel | None = None
        self._early = b""
        """What came behind a request for another protocol, before anybody agreed."""
        self._watch = Watch(self, doorway)
        self._answering: Cycle | None = None
        self._leaving = False

    @property
    def pending(self) -> Cycle | None:
        """The request that came last."""
        return cast("Cycle | None", self.cycle)

    @property
    def wire(self) -> asyncio.Transport | None:
        """The transport, None once it is lost."""
        return None if cast(object, self.parser) is None else self.transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Enter, if there is room."""
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        admission = self.doorway.enter(self._watch, peer, self.loop)
        self._watch.restart()
        if admission is Admission.HOPELESS:
            transport.abort()
        elif admission is Admission.CROWDED:
            self.refuse(Crowded("there are too many connections; come again later"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever is being answered; uvicorn tells only the request that came last."""
        super().connection_lost(exc)
        self.doorway.leave(self._watch)
        self.pipeline.clear()
        self._forsake()
        if self._tunnel is not None:
            self._tunnel.lose()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Take the client's end: in a tunnel one direction's, else that of all."""
        if self._tunnel is None:
            return None
        self._tunnel.feed_end()
        return True

    def data_received(self, data: bytes) -> None:
        """Parse what came, as far as its turn may come soon."""
        if self.stage is not Stage.OPEN:
            self._beyond(data)
        elif self.waiting:
            self._hold_back(self.waiting + data)
        else:
            if not self.unparsed and self.in_head:
                self._watch.since = self.doorway.now
            self._feed(data)

    def begin(self, scope: dict[str, Any], *, expecting: bool, keep_alive: bool) -> None:
        """Answer a request, or let it wait for those before it."""
        staying = keep_alive and not self._leaving
        self._queue(Cycle(self, scope, expecting=expecting, keep_alive=staying), self.app)

    def refuse(self, error: RequestError) -> None:
        """Answer what cannot be taken when its turn comes, and read no further (9112 §11.2)."""
        self.stage = Stage.FULL
        if not self.in_head:
            broken = cast(Cycle, self.cycle)
            if broken.response_started:
                self._forsake()
                self.transport.close()
                return
            self._give_up(broken)
        self._queue(self._refusal(error), self.doorway.refuser)

    def write(self, data: bytes) -> None:
        """Write, and count it for the deadline of slow readers."""
        if self.transport.is_closing():  # uvloop raises at a write before it tells of the end
            return
        self.written += len(data)
        self.transport.write(data)
        if self._tunnel is not None:
            self._watch.restart()

    def inform(self, status: int, lines: Iterable[Line]) -> None:
        """Write an interim response to the request that is being answered, or drop it.

        "A server MUST NOT send a 1xx response to an HTTP/1.0 client" (9110 §15.2). One that is no
        interim response, comes late or finds a client that does not read is not worth an error.
        """
        cycle = self._answering
        if cycle is None or not cycle.may_be_informed or self.flow.write_paused:
            return
        with suppress(Unsendable):
            self.write(interim(status, lines))

    def open_tunnel(self, protocol: bytes, lines: Iterable[Line]) -> ClientTunnel:
        """Answer a request for another protocol with 101 and return the way to the client.

        `lines` are the upstream's. Raises `ClientGone`, or `Unsendable` with nothing written.
        """
        cycle = self._answering
        if cycle is None or cycle.disconnected or self.stage is not Stage.SWITCHED:
            raise ClientGone("the client left before its tunnel was open")
        self.write(switching(protocol, lines))
        cycle.take_over()
        self._tunnel, self._early = ClientTunnel(self, self._early), b""
        self.take_in()
        return self._tunnel

    def take_in(self) -> None:
        """Read on, but where enough waits to be parsed."""
        if len(self.waiting) <= HIGH_WATER_LIMIT:
            self.flow.resume_reading()

    def cut(self) -> None:
        """End the connection in the middle of an answer, visibly."""
        self.transport.close()

    def answered(self, cycle: Cycle) -> None:
        """Begin the next answer, or end the connection where this one was the last."""
        self.server_state.total_requests += 1
        self._watch.since = self.doorway.now
        if not cycle.keep_alive:
            self._end()
        elif not self.transport.is_closing():
            if self.pipeline:
                self._start_asgi_task(*self.pipeline.pop())
            if waiting := self.waiting:
                self.waiting = b""
                self._feed(waiting)
            self.take_in()

    def shutdown(self) -> None:
        """Finish what is under way, then close (9112 §9.6)."""
        self._leaving = True
        cycle = self.pending
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
        elif not self.unparsed or self.stage is not Stage.OPEN:
            self.transport.close()

    def _feed(self, data: bytes) -> None:
        """Parse bytes until they are used up, enough requests wait, or one cannot be taken."""
        at = 0
        while at < len(data) and self.stage is Stage.OPEN:
            if len(self.pipeline) >= self.limits.max_pipelined:
                self._hold_back(data[at:])
                return
            piece = data[at : at + _PIECE]
            at += _PIECE
            try:
                rest = self.parse(piece)
            except RequestError as error:
                self.refuse(error)
            except Behind:
                self.stage = Stage.FULL
            else:
                if rest is not None:
                    self._switch(rest + data[at:])
                    return

    def _hold_back(self, data: bytes) -> None:
        self.waiting = data
        if len(data) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()

    def _switch(self, rest: bytes) -> None:
        """Go on behind a request that asks for another protocol."""
        if self.framed:
            self.go_on_with_body()
            self._feed(rest)
            return
        self.stage = Stage.SWITCHED
        if rest:
            self._beyond(rest)

    def _beyond(self, data: bytes) -> None:
        """Take bytes that are not HTTP, or of a request that nobody will answer."""
        if self._tunnel is not None:
            self._watch.restart()
            self._tunnel.feed(data)
        elif self.stage is Stage.SWITCHED:
            self._early += data
            if len(self._early) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()

    def _queue(self, cycle: Cycle, app: Any) -> None:  # noqa: ANN401 - ASGI
        before = self.pending
        self.cycle = cycle
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, app)
        else:
            self.pipeline.appendleft((cycle, app))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - ASGI
        self._answering = cycle  # type: ignore[assignment]  # all of them are ours
        super()._start_asgi_task(cycle, app)

    def _refusal(self, error: RequestError) -> Cycle:
        """Return the cycle that answers what could not be read to its end."""
        scope = {**self.scope_of_rest(), REFUSAL: error}
        cycle = Cycle(self, scope, expecting=False, keep_alive=False)
        cycle.more_body = False
        return cycle

    def _give_up(self, broken: Cycle) -> None:
        """Forget a request whose body cannot be read: its place in the queue becomes free."""
        self.pipeline = deque(entry for entry in self.pipeline if entry[0] is not broken)
        broken.disconnected = True
        broken.message_event.set()
        self.cycle = cast(Any, None if self._answering is broken else self._answering)

    def _end(self) -> None:
        """Close behind the last answer, slowly: the client may still be sending.

        9112 §9.6: data that arrives at a closed socket resets the connection, and the reset may
        overtake the answer.
        """
        self.pipeline.clear()
        if not self.limits.linger or self.transport.is_closing():
            self.transport.close()
            return
        self.stage = Stage.LINGERING
        self.waiting = b""
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _forsake(self) -> None:
        cycle = self._answering
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()


def entrance(doorway: Doorway) -> Callable[..., Protocol]:
    """Return what makes protocols that share a doorway, in the way that uvicorn asks for them."""

    def made(**options: Any) -> Protocol:  # noqa: ANN401 - uvicorn's
        return Protocol(**options, doorway=doorway)

    return made
