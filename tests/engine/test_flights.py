"""Flights: joining, landing, leaving; and the marks of keys whose answers are unshareable."""

import asyncio
from dataclasses import replace

import pytest

from proxy.engine.boarding import Boarded, board
from proxy.engine.flights import Declined, Failed, Flight, Flights, Landed, Landing, Unshareable
from proxy.engine.purge import Born
from proxy.engine.snapshot import Snapshot
from proxy.errors import UpstreamBroken
from proxy.http.message import Head
from proxy.policy.reasons import Reason
from proxy.rules.labels import Labels
from tests.engine.scripted import PATIENCE, Reply, ScriptedInbound, ask, ruleset, settle
from tests.policy.cases import stored

BORN = Born(b"", 0)
FAILED = Failed(UpstreamBroken("cut"))


def unshareable() -> tuple[Unshareable, ScriptedInbound]:
    inbound = ScriptedInbound(Reply(Head(200)))
    return Unshareable(Head(200), inbound, Reason.PRIVATE), inbound


def landed() -> Landed:
    return Landed(Head(200), stored("Cache-Control: max-age=60"), 5, Labels((), b""))


async def forever() -> None:
    await asyncio.Event().wait()


async def test_a_flight_under_way_can_be_joined() -> None:
    flights, flight = Flights(), Flight(BORN, 0.0)
    assert flights.under_way("key") is None
    flights.lead("key", flight)
    assert flights.under_way("key") is flight
    assert flight.landed is None
    flights.close("key", flight)
    assert flights.under_way("key") is None
    assert len(flights) == 0


async def test_a_landed_one_can_be_joined_while_its_body_grows_and_is_kept() -> None:
    flight = Flight(BORN, 0.0)
    await flight.land(landed())
    assert flight.open
    flight.feed.stop_keeping()
    assert not flight.open
    other = Flight(BORN, 0.0)
    await other.land(landed())
    other.feed.finish()
    assert not other.open


@pytest.mark.parametrize("landing", [FAILED, unshareable()[0]], ids=["failed", "unshareable"])
async def test_one_that_brought_nothing_to_share_cannot(landing: Landing) -> None:
    flights, flight = Flights(), Flight(BORN, 0.0)
    flights.lead("key", flight)
    await flight.land(landing)
    assert flights.under_way("key") is None
    newer = Flight(BORN, 0.0)
    flights.lead("key", newer)
    flights.close("key", flight)
    assert flights.under_way("key") is newer


async def test_it_lands_once() -> None:
    flight, first = Flight(BORN, 0.0), landed()
    await flight.land(first)
    await flight.land(FAILED)
    assert await flight.wait() is first


async def test_one_who_waits_may_go_without_the_others() -> None:
    flight = Flight(BORN, 0.0)
    waits = [asyncio.create_task(flight.wait()) for _ in range(2)]
    await settle()
    waits[0].cancel()
    await settle()
    await flight.land(FAILED)
    assert await waits[1] is FAILED


async def test_what_no_leader_takes_is_closed() -> None:
    landing, inbound = unshareable()
    flight = Flight(BORN, 0.0, attended=False)
    await flight.land(landing)
    assert inbound.over
    assert flight.landed is landing


async def test_what_a_leader_may_take_is_not() -> None:
    landing, inbound = unshareable()
    flight = Flight(BORN, 0.0)
    ticket = flight.feed.reader()
    await flight.land(landing)
    assert not inbound.over
    await flight.leave(ticket, leading=True)
    assert inbound.over


async def test_a_follower_that_leaves_does_not_close_it() -> None:
    landing, inbound = unshareable()
    flight = Flight(BORN, 0.0)
    await flight.land(landing)
    await flight.leave(flight.feed.reader(), leading=False)
    assert not inbound.over


async def test_the_last_to_leave_stops_the_fetch_and_ends_the_flight() -> None:
    flight = Flight(BORN, 0.0)
    tickets = [flight.feed.reader() for _ in range(2)]
    task = flight.depart(forever())
    await flight.leave(tickets[0], leading=True)
    assert flight.open
    await flight.leave(tickets[1], leading=False)
    assert not flight.open
    assert isinstance(flight.landed, Failed)
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()


@pytest.mark.parametrize("turns", [0, 1, 3])
async def test_a_fetch_that_is_stopped_from_outside_ends_every_wait(turns: int) -> None:
    flight = Flight(BORN, 0.0)
    task = flight.depart(forever())
    waiting = asyncio.create_task(flight.wait())
    await settle(turns)
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        assert isinstance(await waiting, Failed)


def test_a_mark_lasts_until_its_time() -> None:
    flights = Flights()
    flights.mark("key", 100.0)
    assert flights.marked("key", 99.9)
    assert not flights.marked("key", 100.0)
    assert not flights.marked("other", 0.0)
    flights.mark("key", 200.0)
    assert flights.marked("key", 150.0)
    flights.unmark("key")
    flights.unmark("key")
    assert not flights.marked("key", 0.0)


def test_marks_are_bounded_and_the_oldest_goes_first() -> None:
    flights = Flights(markers=2)
    for key in ("a", "b", "a", "c"):
        flights.mark(key, 100.0)
    assert [flights.marked(key, 0.0) for key in "abc"] == [True, False, True]


def boarded(method: str = "GET", target: str = "/thing") -> Boarded:
    return board(ask(method=method, target=target), Snapshot(ruleset({})))


def test_why_an_answer_was_not_kept_is_remembered_until_one_is() -> None:
    flights, one = Flights(), boarded()
    assert flights.declined(one.key.digest) is None
    flights.note(one, unshareable()[0], 5.0)
    flights.note(one, FAILED, 6.0)
    assert flights.declined(one.key.digest) == Declined(Reason.PRIVATE, 5.0, b"api.test")
    assert len(flights.declines()) == 1
    flights.note(one, landed(), 7.0)
    assert flights.declined(one.key.digest) is None


@pytest.mark.parametrize(("method", "reason"), [("HEAD", Reason.PRIVATE), ("GET", Reason.BYPASSED)])
def test_only_what_a_get_could_have_had_kept_is_remembered(method: str, reason: Reason) -> None:
    flights, one = Flights(), boarded(method)
    flights.note(one, replace(unshareable()[0], reason=reason), 5.0)
    assert flights.declined(one.key.digest) is None


def test_so_many_are_remembered_the_latest() -> None:
    flights = Flights(declines=2)
    for at, target in enumerate(("/a", "/b", "/a", "/c")):
        flights.note(boarded(target=target), unshareable()[0], at)
    known = [flights.declined(boarded(target=target).key.digest) for target in ("/a", "/b", "/c")]
    assert [each and each.at for each in known] == [2, None, 3]
