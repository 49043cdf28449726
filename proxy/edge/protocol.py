"""The protocol: one client's connection from its opening to its end.

What comes in is cut into pieces, held back where too much waits, and handed to the parser, to a
tunnel, or to nobody any more. Limits are those of the doorway, deadlines are kept by the watch,
what is read is judged in `intake`, whose turn it is to be answered stands in `answering`. This
module must not know what a request is about.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.server import ServerState

from proxy.edge.answering import Answering
from proxy.edge.doorway import Admission, Doorway
from proxy.edge.extensions import INFORMATIONAL, TUNNEL
from proxy.edge.intake import Behind
from proxy.edge.lane import Lane
from proxy.edge.outgoing import switching
from proxy.edge.shortcut import Shortcut
from proxy.edge.tunnel import ClientTunnel
from proxy.edge.watch import Stage, Watch
from proxy.errors import ClientGone, Crowded, RequestError
from proxy.http.message import Line

_PIECE: Final = 8_192
"""Bytes parsed at a time, so that one read cannot bring thousands of requests."""

_AT_ONCE: Final = 64
"""Requests after which the other connections have a turn: those that are remembered are no task."""


class Protocol(Answering):
    """uvicorn's HTTP/1.1 protocol with limits, deadlines and refusals."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        doorway: Doorway,
        shortcut: Shortcut | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.doorway = doorway
        self.limits = doorway.limits
        self.written = 0
        self.extensions = {
            INFORMATIONAL: {"write": self.inform},
            TUNNEL: {"open": self.open_tunnel},
        }
        self._tunnel: ClientTunnel | None = None
        self._giving_way = False
        self._early = b""
        """What came behind a request for another protocol, before anybody agreed."""
        self.watch = Watch(self, doorway)
        self.lane = None if shortcut is None else Lane(shortcut, self)

    @property
    def wire(self) -> asyncio.Transport | None:
        """The transport, None once it is lost."""
        return None if cast(object, self.parser) is None else self.transport

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Enter, if there is room."""
        super().connection_made(transport)
        peer = self.client[0] if self.client else ""
        if self.lane is not None:
            self.lane.peer = peer
        admission = self.doorway.enter(self.watch, peer, self.loop)
        self.watch.restart()
        if admission is Admission.HOPELESS:
            transport.abort()
        elif admission is Admission.CROWDED:
            self.refuse(Crowded("there are too many connections; come again later"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever is being answered; uvicorn tells only the request that came last."""
        super().connection_lost(exc)
        self.waiting = b""
        self.doorway.leave(self.watch)
        self.pipeline.clear()
        self.forsake()
        if self._tunnel is not None:
            self._tunnel.lose()

    def eof_received(self) -> bool | None:  # type: ignore[override]  # uvicorn has None alone
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
        elif self.unparsed or not self.in_head:
            self._feed(data)
        else:
            self.watch.since = self.doorway.now
            self._begin(data)

    def write(self, data: bytes) -> None:
        """Write, and count it for the deadline of slow readers."""
        if self.transport.is_closing():  # uvloop raises at a write before it tells of the end
            return
        self.written += len(data)
        self.transport.write(data)
        if self._tunnel is not None:
            self.watch.restart()

    def open_tunnel(self, protocol: bytes, lines: Iterable[Line]) -> ClientTunnel:
        """Answer a request for another protocol with 101 and return the way to the client.

        `lines` are the upstream's. Raises `ClientGone`, or `Unsendable` with nothing written.
        """
        cycle = self.answering
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

    def read_on(self) -> None:
        """Go on with what was held back, now that there is room."""
        if waiting := self.waiting:
            self.waiting = b""
            self._feed(waiting)
        self.take_in()

    def _begin(self, data: bytes) -> None:
        """Take what begins with a head: it may be known by heart, or be learned."""
        lane = self.lane
        if lane is None or not self.idle:
            self._feed(data)
        elif lane.known(data):
            self.told()
        else:
            begun = self.begun
            self._feed(data)
            if self.begun == begun + 1 and self._nothing_left:
                lane.learn(data)

    @property
    def _nothing_left(self) -> bool:
        """Whether what came was whole requests, and nothing behind them."""
        return self.stage is Stage.OPEN and self.in_head and not self.unparsed

    def _feed(self, data: bytes) -> None:
        """Parse bytes until they are used up, enough requests wait, or one cannot be taken."""
        at, begun = 0, self.begun
        while at < len(data) and self.stage is Stage.OPEN:
            if self.begun - begun >= _AT_ONCE:
                self._hold_back(data[at:])
                self._give_way()
                return
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

    def _give_way(self) -> None:
        if not self._giving_way:
            self._giving_way = True
            self.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Parse what gave way to the other connections, unless it has been parsed since."""
        self._giving_way = False
        if self.waiting and not self.transport.is_closing():
            self.read_on()

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
            self.watch.restart()
            self._tunnel.feed(data)
        elif self.stage is Stage.SWITCHED:
            self._early += data
            if len(self._early) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()


def entrance(doorway: Doorway, shortcut: Shortcut | None = None) -> Callable[..., Protocol]:
    """Return what makes protocols that share a doorway, in the way that uvicorn asks for them."""

    def made(**options: Any) -> Protocol:  # noqa: ANN401 - uvicorn's
        return Protocol(**options, doorway=doorway, shortcut=shortcut)

    return made
