"""Watch: whether a connection's client takes too long, whatever it is that it does slowly.

It looks at the connection once a tick and costs a request nothing but the note of a time. This
module must not know how requests are parsed or answered.
"""

from enum import Enum, auto
from typing import Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from proxy.edge.doorway import Doorway, Meter
from proxy.edge.stats import Deadline
from proxy.errors import RequestError, RequestSlow


class Stage(Enum):
    """Where a connection stands."""

    OPEN = auto()
    """Requests are read and answered."""
    FULL = auto()
    """The last request has come: what follows is not read."""
    SWITCHED = auto()
    """HTTP has ended on it: bytes go to a tunnel, or wait for one."""
    LINGERING = auto()
    """All is said; what still comes is read and dropped (9112 §9.6)."""


class Transport(Protocol):
    """What is done to a transport here."""

    def get_write_buffer_size(self) -> int:
        """Return how many bytes have not left yet."""

    def close(self) -> None:
        """Close, once they have."""

    def abort(self) -> None:
        """Close at once."""


class Pending(Protocol):
    """The request that came last."""

    response_complete: bool
    reading: bool


class Watched(Protocol):
    """A connection, as its watch knows it; see `edge.protocol` and `edge.intake`."""

    stage: Stage
    in_head: bool
    unparsed: int
    received: int
    written: int
    waiting: bytes
    asked: bool
    flow: FlowControl

    @property
    def pending(self) -> Pending | None:
        """The request that came last."""

    @property
    def wire(self) -> Transport | None:
        """The transport, None once it is lost."""

    def refuse(self, error: RequestError) -> None:
        """Answer with an error, in turn, and end."""


class Watch:
    """The watch over one connection; `since` is when it was opened, last idle, or a head began."""

    __slots__ = ("_body", "_connection", "_doorway", "_send", "since")

    def __init__(self, connection: Watched, doorway: Doorway) -> None:
        limits = doorway.limits
        self._connection = connection
        self._doorway = doorway
        self._body = Meter(limits.body_timeout, limits.min_rate)
        self._send = Meter(limits.send_timeout, limits.min_rate)
        self.since = 0.0

    def restart(self) -> None:
        """Note that something begins now."""
        self.since = self._doorway.now

    def tick(self, now: float) -> None:
        """End what takes too long."""
        connection, transport = self._connection, self._connection.wire
        if transport is None:
            return
        unsent = transport.get_write_buffer_size()
        if self._send.slow(now, connection.written - unsent, waiting=unsent > 0):
            self._note(Deadline.UNREAD)
            transport.abort()  # a close would wait for the same reader
            return
        match connection.stage:
            case Stage.OPEN if connection.in_head:
                self._head(now, transport)
            case Stage.OPEN:
                self._body_of(connection.pending, now)
            case Stage.LINGERING if unsent:
                self.since = now
            case Stage.LINGERING if self._late(now, self._doorway.limits.linger):
                transport.abort()
            case Stage.SWITCHED if self._late(now, self._doorway.limits.tunnel_timeout):
                self._note(Deadline.TUNNEL)
                transport.abort()
            case _:
                pass

    def _head(self, now: float, transport: Transport) -> None:
        connection, limits, pending = (
            self._connection,
            self._doorway.limits,
            self._connection.pending,
        )
        if connection.waiting:
            return  # what is missing of the head may be there
        if connection.unparsed:
            if self._late(now, limits.head_timeout):
                connection.refuse(RequestSlow("the request's head took too long"))
        elif not connection.asked:
            if self._late(now, limits.head_timeout):
                self._note(Deadline.SILENT)
                transport.close()
        elif _settled(pending) and self._late(now, limits.idle_timeout):
            self._note(Deadline.IDLE)
            transport.close()

    def _body_of(self, pending: Pending | None, now: float) -> None:
        connection = self._connection
        waiting = pending is not None and pending.reading and not connection.flow.read_paused
        if self._body.slow(now, connection.received, waiting=waiting):
            connection.refuse(RequestSlow("the request's body came too slowly"))

    def _note(self, deadline: Deadline) -> None:
        self._doorway.stats.expired[deadline.value] += 1

    def _late(self, now: float, seconds: float) -> bool:
        """Tell whether so much time has passed; the clock is coarse, and never too early."""
        return now - self.since > seconds + self._doorway.interval


def _settled(pending: Pending | None) -> bool:
    return pending is None or pending.response_complete
