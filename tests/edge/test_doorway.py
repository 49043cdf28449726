"""What connections share: how many there are, and one clock for all of them."""

import asyncio

import pytest

from proxy.edge.doorway import Admission, Doorway, Meter
from proxy.edge.limits import Edge
from tests.edge.apps import hello
from tests.edge.wire import Wire
from tests.plays.rawclient import request


class Present:
    """A connection that counts how often it was looked at."""

    def __init__(self) -> None:
        self.ticks = 0

    def tick(self, _: float) -> None:
        self.ticks += 1


def doorway(**edge: object) -> Doorway:
    return Doorway(Edge.model_validate(edge))


async def test_so_many_and_no_more() -> None:
    """Those that are over are told, but not all of a crowd."""
    way, loop = doorway(connections=20), asyncio.get_running_loop()
    found = [way.enter(Present(), f"192.0.2.{n}", loop) for n in range(30)]
    assert found[:20] == [Admission.WELCOME] * 20
    assert found[20:23] == [Admission.CROWDED] * 3
    assert found[23:] == [Admission.HOPELESS] * 7
    assert (way.stats.accepted, way.stats.turned_away, way.stats.connections) == (30, 10, 23)


async def test_so_many_of_one_address() -> None:
    way, loop = doorway(connections_per_peer=2), asyncio.get_running_loop()
    mine = [Present() for _ in range(4)]
    assert [way.enter(one, "192.0.2.1", loop) for one in mine[:3]] == [
        *(Admission.WELCOME, Admission.WELCOME, Admission.CROWDED)
    ]
    assert way.enter(Present(), "192.0.2.2", loop) is Admission.WELCOME
    way.leave(mine[2])
    assert way.enter(mine[3], "192.0.2.1", loop) is Admission.CROWDED
    way.leave(mine[0])
    assert way.enter(mine[2], "192.0.2.1", loop) is Admission.WELCOME
    way.leave(mine[0])
    assert len(way) == way.stats.connections == 4


async def test_a_sweep_leaves_the_loop_its_turns() -> None:
    """All deadlines may have passed at once, and to end a client takes time."""
    way, loop = doorway(head_timeout="50ms"), asyncio.get_running_loop()
    turns = [0]

    def turn() -> None:
        turns.append(0)
        loop.call_soon(turn)

    class Ended(Present):
        def tick(self, _: float) -> None:
            super().tick(_)
            turns[-1] += 1

    many = [Ended() for _ in range(1_000)]
    for one in many:
        way.enter(one, "", loop)
    turn()
    while not all(one.ticks for one in many):  # noqa: ASYNC110 - polled
        await asyncio.sleep(0.005)
    for one in many:
        way.leave(one)
    assert 0 < max(turns) <= 100


async def test_the_clock_runs_while_somebody_is_there() -> None:
    way, loop = doorway(head_timeout="50ms"), asyncio.get_running_loop()
    many = [Present() for _ in range(1_200)]
    for one in many:
        way.enter(one, "", loop)
    while not all(one.ticks > 1 for one in many):  # noqa: ASYNC110 - polled
        await asyncio.sleep(0.005)
    for one in many:
        way.leave(one)
    seen = sum(one.ticks for one in many)
    await asyncio.sleep(0.05)
    assert sum(one.ticks for one in many) == seen


@pytest.mark.parametrize(
    ("edge", "interval"), [({}, 1.0), ({"send_timeout": 5}, 0.5), ({"idle_timeout": "1ms"}, 0.01)]
)
def test_the_clock_is_as_fine_as_it_has_to_be(edge: dict[str, object], interval: float) -> None:
    assert doorway(**edge).interval == pytest.approx(interval)


def test_a_meter() -> None:
    """Only time spent waiting counts, and one slow window is enough."""
    meter = Meter(10.0, 2)
    assert not meter.slow(100.0, 0, waiting=False)
    assert not meter.slow(101.0, 0, waiting=True)
    assert not meter.slow(111.0, 0, waiting=True)
    assert not meter.slow(112.0, 20, waiting=True)
    assert not meter.slow(122.0, 20, waiting=True)
    assert meter.slow(122.5, 39, waiting=True)
    assert not meter.slow(200.0, 39, waiting=False)
    assert not meter.slow(300.0, 39, waiting=True)


def test_a_meter_without_a_rate_wants_something_to_move() -> None:
    meter = Meter(10.0, 0)
    assert not meter.slow(1.0, 5, waiting=True)
    assert not meter.slow(12.0, 6, waiting=True)
    assert meter.slow(23.0, 6, waiting=True)


async def test_a_client_without_room_is_told() -> None:
    """503, Retry-After and the end, whatever it sends; those who are there go on."""
    first = Wire(hello, connections=1)
    second = Wire(hello, first.doorway)
    written = await second.send(request("/"))
    assert written.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"retry-after: 1\r\n" in written
    assert b"connection: close\r\n" in written
    assert second.transport.ended
    third, fourth = Wire(hello, first.doorway), Wire(hello, first.doorway)
    assert not third.transport.aborted
    assert fourth.transport.aborted
    fourth.lose()
    third.lose()
    assert (await first.send(request("/"))).endswith(b"hello")
    second.lose()
    first.lose()
    fifth = Wire(hello, first.doorway)
    assert (await fifth.send(request("/"))).endswith(b"hello")
    fifth.lose()
    assert len(first.doorway) == 0
