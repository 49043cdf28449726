"""Traces are bounded, by number and by bytes."""

from dataclasses import replace

from proxy.engine.ledger import Ledger
from proxy.engine.traces import SIGHTINGS, Trace, Traces
from proxy.rules.comparison import Sighting
from proxy.rules.labels import Labels
from tests.policy.cases import stored

TRACE = Trace(
    (),
    b"",
    stored("Cache-Control: max-age=60"),
    Labels((b"*",), b"api.test/thing"),
    Ledger().position,
    b"p",
)


def sighting(number: int) -> Sighting:
    return Sighting({"who": b"%d" % number}, b"p%d" % number, float(number))


def test_what_was_used_least_gives_way() -> None:
    traces = Traces(most=2)
    traces.put(b"a", (TRACE,))
    traces.put(b"b", (TRACE,))
    assert traces.get(b"a") == (TRACE,)
    traces.put(b"c", (TRACE,))
    assert [traces.get(key) for key in (b"a", b"b", b"c")] == [(TRACE,), (), (TRACE,)]
    assert len(traces) == 2
    assert traces.bytes == 2 * TRACE.cost


def test_bytes_are_counted_and_given_back() -> None:
    traces = Traces(limit=TRACE.cost * 2)
    traces.put(b"a", (TRACE, TRACE))
    traces.put(b"a", (TRACE,))
    assert traces.bytes == TRACE.cost
    traces.put(b"b", (replace(TRACE, labels=Labels((b"t" * 999,), b"")),))
    assert [len(traces.get(key)) for key in (b"a", b"b")] == [0, 1]
    traces.put(b"b", ())
    assert (len(traces), traces.bytes) == (0, 0)


def test_one_that_is_larger_than_the_bound_is_not_held() -> None:
    traces = Traces(limit=TRACE.cost - 1)
    traces.put(b"a", (TRACE,))
    assert (len(traces), traces.bytes) == (0, 0)


def test_a_sighting_costs_and_only_the_latest_stay() -> None:
    trace = TRACE
    for number in range(SIGHTINGS + 3):
        trace = trace.seen(sighting(number))
    assert [each.at for each in trace.sightings] == list(range(3, SIGHTINGS + 3))
    assert trace.cost > TRACE.cost + SIGHTINGS * 100


def test_a_repetition_takes_the_last_ones_place() -> None:
    one, again = sighting(1), replace(sighting(1), at=9.0)
    assert TRACE.seen(one).seen(again).sightings == (again,)
    assert TRACE.seen(one).seen(sighting(2)).seen(again).sightings == (one, sighting(2), again)
