"""Imprints are bounded, by number and by bytes."""

from dataclasses import replace

from proxy.engine.imprints import SIGHTINGS, Imprint, Imprints
from proxy.engine.ledger import Ledger
from proxy.rules.comparison import Sighting
from proxy.rules.labels import Labels
from tests.policy.cases import stored

TRACE = Imprint(
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
    imprints = Imprints(most=2)
    imprints.put(b"a", (TRACE,))
    imprints.put(b"b", (TRACE,))
    assert imprints.get(b"a") == (TRACE,)
    imprints.put(b"c", (TRACE,))
    assert [imprints.get(key) for key in (b"a", b"b", b"c")] == [(TRACE,), (), (TRACE,)]
    assert len(imprints) == 2
    assert imprints.bytes == 2 * TRACE.cost


def test_bytes_are_counted_and_given_back() -> None:
    imprints = Imprints(limit=TRACE.cost * 2)
    imprints.put(b"a", (TRACE, TRACE))
    imprints.put(b"a", (TRACE,))
    assert imprints.bytes == TRACE.cost
    imprints.put(b"b", (replace(TRACE, labels=Labels((b"t" * 999,), b"")),))
    assert [len(imprints.get(key)) for key in (b"a", b"b")] == [0, 1]
    imprints.put(b"b", ())
    assert (len(imprints), imprints.bytes) == (0, 0)


def test_one_that_is_larger_than_the_bound_is_not_held() -> None:
    imprints = Imprints(limit=TRACE.cost - 1)
    imprints.put(b"a", (TRACE,))
    assert (len(imprints), imprints.bytes) == (0, 0)


def test_a_sighting_costs_and_only_the_latest_stay() -> None:
    imprint = TRACE
    for number in range(SIGHTINGS + 3):
        imprint = imprint.seen(sighting(number))
    assert [each.at for each in imprint.sightings] == list(range(3, SIGHTINGS + 3))
    assert imprint.cost > TRACE.cost + SIGHTINGS * 100


def test_a_repetition_takes_the_last_ones_place() -> None:
    one, again = sighting(1), replace(sighting(1), at=9.0)
    assert TRACE.seen(one).seen(again).sightings == (again,)
    assert TRACE.seen(one).seen(sighting(2)).seen(again).sightings == (one, sighting(2), again)
