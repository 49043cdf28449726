"""Journey: what is noted of one request on its way, where somebody wants to look at it.

Most requests have none. It goes along in the context of the request's task, and of the fetch that
this begins, so that nothing on the way has to hand it on. The ports here are what a recorder of
traces offers; this module must not know one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, Protocol

from proxy.engine.answer import Account
from proxy.http.message import Head, Request
from proxy.http.trace_context import TraceParent


@dataclass(frozen=True, slots=True)
class Sample:
    """A request is to be traced: below its caller's span, or as the first of a new trace."""

    parent: TraceParent | None


class Leg(Protocol):
    """One exchange with the upstream, in a trace; `request` is what to send: it names the leg."""

    request: Request
    place: TraceParent

    def answered(self, head: Head) -> None:
        """Note the response's head."""

    def end(self, failed: str | None = None) -> None:
        """Note the end, and why it was none in order; only the first counts."""


class Trace(Protocol):
    """One request's part of a trace."""

    def leg(self, request: Request) -> Leg:
        """Begin to note an exchange with the upstream."""

    def link(self, place: TraceParent) -> None:
        """Note that another request's leg brought what this one was answered with."""

    def end(self, status: int | None, account: Account | None) -> None:
        """Note how the request was answered, None where nobody waited; only the first counts."""


class Tracer(Protocol):
    """Records traces; it neither waits nor raises."""

    def sample(self, traceparents: tuple[bytes, ...]) -> Sample | None:
        """Decide whether a request with these traceparent fields is traced.

        To be asked once a request: chance has a part in it.
        """

    def begin(self, sample: Sample, request: Request) -> Trace:
        """Begin to note a request."""

    async def aclose(self) -> None:
        """Give away what has been noted, as far as somebody takes it in time."""


@dataclass(slots=True, eq=False)
class Journey:
    """One request that somebody looks at.

    `timed` tells that its client is told how long things took, `waited` how many seconds the
    upstream let it wait; `leg` is the exchange that was begun last.
    """

    trace: Trace | None
    timed: bool = False
    waited: float = 0.0
    leg: Leg | None = None

    def begin_leg(self, request: Request) -> Leg | None:
        """Begin to note an exchange with the upstream, if there is a trace."""
        if self.trace is not None:
            self.leg = self.trace.leg(request)
        return self.leg

    def end(self, status: int | None, account: Account | None) -> None:
        """Note how the request was answered."""
        if self.trace is not None:
            self.trace.end(status, account)


_CURRENT: Final[ContextVar[Journey | None]] = ContextVar("journey", default=None)


def current() -> Journey | None:
    """Return the journey on which what runs now is."""
    return _CURRENT.get()


@contextmanager
def travelling(journey: Journey) -> Iterator[None]:
    """Make what runs in the block, and the tasks that it begins, a part of a journey; end it."""
    token = _CURRENT.set(journey)
    try:
        yield
    finally:
        _CURRENT.reset(token)
        journey.end(None, None)


def follow(leader: Journey | None) -> None:
    """Note that the current request was answered with what another one's fetch brought."""
    journey = current()
    if journey is None or journey.trace is None or leader is None or leader.leg is None:
        return
    journey.trace.link(leader.leg.place)
