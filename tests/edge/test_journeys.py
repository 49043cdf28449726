"""Journeys: which requests are looked at, and the word that a server may have on that."""

from typing import Any

import pytest

from proxy.edge.journeys import WANTED, Journeys, ServerTiming, Wanted
from proxy.engine.answer import Account
from proxy.engine.journey import Journey, Leg, Sample, current, follow, travelling
from proxy.http.message import NO_FIELDS, Fields, Head, Request
from proxy.http.trace_context import TraceParent, parse

PLACE = TraceParent(1, 2, sampled=True)
REQUEST = Request("GET", "http", b"api.test", b"/")
ASKING = Fields(((b"Pragma", b"server-timing"),))


class Noted:
    """A trace and its leg in one, which keep what they are told."""

    def __init__(self, request: Request = REQUEST) -> None:
        self.request = request
        self.place = PLACE
        self.links: list[TraceParent] = []
        self.ends: list[tuple[Any, ...]] = []

    def leg(self, request: Request) -> Leg:
        return _LegOf(request)

    def link(self, place: TraceParent) -> None:
        self.links.append(place)

    def end(self, status: int | None, account: Account | None) -> None:
        self.ends.append((status, account))


class _LegOf:
    def __init__(self, request: Request) -> None:
        self.request = request
        self.place = PLACE

    def answered(self, head: Head) -> None:
        """Keep nothing."""

    def end(self, failed: str | None = None) -> None:
        """Keep nothing."""


class Followers:
    """A tracer that traces what its caller traces, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def sample(self, traceparents: tuple[bytes, ...]) -> Sample | None:
        self.asked += 1
        place = parse(traceparents)
        return None if place is None else Sample(place)

    def begin(self, sample: Sample, request: Request) -> Noted:
        del sample
        return Noted(request)

    async def aclose(self) -> None:
        """Keep nothing."""


def journeys(timing: ServerTiming = ServerTiming.OFF) -> Journeys:
    return Journeys(lambda peer: peer == "10.0.0.1", Followers(), timing)


def test_most_requests_are_not_looked_at() -> None:
    assert journeys().wanted(NO_FIELDS, None) is None
    assert journeys().begin({}, REQUEST) is None
    assert Journeys(lambda _: True).wanted(ASKING, "10.0.0.1") is None


def test_a_sampled_one_is() -> None:
    fields = Fields(((b"Traceparent", PLACE.render()),))
    assert journeys().wanted(fields, None) == Wanted(Sample(PLACE), timed=False)


@pytest.mark.parametrize(
    ("timing", "fields", "peer", "timed"),
    [
        (ServerTiming.OFF, ASKING, "10.0.0.1", False),
        (ServerTiming.ASKED, ASKING, "10.0.0.1", True),
        (ServerTiming.ASKED, ASKING, "10.0.0.2", False),
        (ServerTiming.ASKED, NO_FIELDS, "10.0.0.1", False),
        (ServerTiming.ON, NO_FIELDS, None, True),
    ],
)
def test_a_timed_one_is(
    timing: ServerTiming, fields: Fields, peer: str | None, *, timed: bool
) -> None:
    wanted = Wanted(None, timed=True) if timed else None
    assert journeys(timing).wanted(fields, peer) == wanted


def test_a_server_that_has_asked_already_is_taken_at_its_word() -> None:
    """It has to ask before it answers by itself, and the draw counts once."""
    tracer = Followers()
    every = Journeys(lambda _: True, tracer, ServerTiming.ON)
    assert every.begin({WANTED: None}, REQUEST) is None
    journey = every.begin({WANTED: Wanted(Sample(None), timed=False)}, REQUEST)
    assert journey is not None
    assert (journey.timed, isinstance(journey.trace, Noted)) == (False, True)
    assert tracer.asked == 0


def test_a_journey_ends_with_its_block() -> None:
    trace = Noted()
    with travelling(Journey(trace)):
        assert current() is not None
    assert current() is None
    assert trace.ends == [(None, None)]


def test_who_follows_is_linked_where_there_is_something_to_link() -> None:
    trace, leader = Noted(), Journey(Noted())
    follow(leader)
    with travelling(Journey(None)):
        leader.begin_leg(REQUEST)
        follow(leader)
    with travelling(Journey(trace)):
        follow(None)
        follow(Journey(Noted()))
        assert trace.links == []
        follow(leader)
    assert trace.links == [PLACE]
