"""Journeys: which requests are looked at on their way, and what their clients are told of it.

This module must not know how anything is answered, or where traces go.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.edge.requests import Scope
from proxy.engine.answer import Account
from proxy.engine.journey import Journey, Sample, Tracer
from proxy.engine.stats import outcome
from proxy.http import server_timing
from proxy.http.message import Fields, Line, Request
from proxy.http.server_timing import SERVER_TIMING, Metric
from proxy.http.trace_context import TRACEPARENT

WANTED: Final = "sidecache.wanted"
"""The scope key of what `Journeys.wanted` said, where the server has asked it already."""


class ServerTiming(Enum):
    """Who is told how long things took, in the Server-Timing field.

    OFF: nobody.
    ASKED: a trusted peer that asks by `Pragma: server-timing`.
    ON: everybody.
    """

    OFF = "off"
    ASKED = "asked"
    ON = "on"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to know of a request: its trace, its timings, or both."""

    sample: Sample | None
    timed: bool


class Journeys:
    """Decides which requests are looked at, and begins to note them."""

    def __init__(
        self,
        trusts: Callable[[str | None], bool],
        tracer: Tracer | None = None,
        timing: ServerTiming = ServerTiming.OFF,
    ) -> None:
        self._trusts = trusts
        self._tracer = tracer
        self.timing = timing

    def wanted(self, fields: Fields, peer: str | None) -> Wanted | None:
        """Decide about a request; None, as for most, where it may be answered by any door.

        To be asked once a request: chance has a part in it.
        """
        tracer, timed = self._tracer, self._timed(fields, peer)
        sample = None if tracer is None else tracer.sample(fields.all(TRACEPARENT))
        return Wanted(sample, timed) if timed or sample is not None else None

    def begin(self, scope: Scope, request: Request) -> Journey | None:
        """Begin to note a request, where that is wanted."""
        wanted = scope[WANTED] if WANTED in scope else self.wanted(request.fields, request.peer)
        if wanted is None:
            return None
        if self._tracer is None or wanted.sample is None:
            return Journey(None, wanted.timed)
        return Journey(self._tracer.begin(wanted.sample, request), wanted.timed)

    def _timed(self, fields: Fields, peer: str | None) -> bool:
        match self.timing:
            case ServerTiming.OFF:
                return False
            case ServerTiming.ASKED:
                return server_timing.asked(fields) and self._trusts(peer)
            case ServerTiming.ON:
                return True


def timing_line(journey: Journey, account: Account, seconds: float) -> Line:
    """Return the Server-Timing line of an answer whose head was found after `seconds`."""
    return SERVER_TIMING, server_timing.render(_metrics(journey, account, seconds))


def _metrics(journey: Journey, account: Account, seconds: float) -> Iterator[Metric]:
    yield Metric("cache", told=outcome(account))
    if not account.hit and journey.waited:
        yield Metric("upstream", journey.waited)
    yield Metric("total", seconds)
