"""The shelf: what the ledger lets be seen and kept, in memory and beyond it."""

from dataclasses import replace

import pytest

from proxy.engine.boarding import Boarded, board
from proxy.engine.entry import Entry, another
from proxy.engine.ledger import LEASE, Ledger
from proxy.engine.naive import NaiveFar, NaiveLog, NaiveNear
from proxy.engine.ports import Held
from proxy.engine.purge import Born, Mode, Purge
from proxy.engine.shelf import Shelf
from proxy.engine.snapshot import Snapshot
from proxy.rules import labels
from proxy.rules.keys import Key
from tests.engine.scripted import Clock, T, ask, ruleset
from tests.policy.cases import stored

SNAPSHOT = Snapshot(ruleset({}))
NOW = float(T)
TAG = labels.tag(b"one")


def boarded(variant: str = "", target: str = "/thing") -> Boarded:
    return board(ask(f"X: {variant}", target=target), SNAPSHOT)


def entry(body: bytes = b"hello", born: int = 0, epoch: bytes = b"") -> Entry:
    at = boarded(body.decode())
    kept = stored("Cache-Control: max-age=60", "Vary: X", request=at.outbound)
    kept = replace(kept, length=len(body), stale_if_error=60.0)
    labels = at.labels.plus([TAG])
    return Entry(at.key.text, kept, body, labels, Born(epoch, born), id=another())


def keep(shelf: Shelf, one: Entry, lease: Held | None = None) -> bool:
    return shelf.keep(boarded(one.body.decode()), one, NOW, lease)


def seen(shelf: Shelf, now: float = NOW, at: Boarded | None = None) -> list[bytes]:
    return [e.body for e in shelf.variants((at or boarded()).key, now)]


def test_what_is_kept_is_seen() -> None:
    shelf, one, two = Shelf(NaiveNear(), Ledger()), entry(b"one"), entry(b"two")
    assert keep(shelf, one)
    assert keep(shelf, two)
    assert shelf.variants(boarded().key, NOW) == (two, one)


def test_of_another_key_with_the_same_digest_nothing_is_seen() -> None:
    shelf = Shelf(NaiveNear(), Ledger())
    keep(shelf, entry())
    assert shelf.variants(Key(boarded().key.digest, b"other text"), NOW) == ()


def test_what_a_purge_has_overtaken_is_neither_seen_nor_kept() -> None:
    shelf = Shelf(NaiveNear(), Ledger())
    keep(shelf, entry(b"one"))
    shelf.ledger.purge(Purge((TAG,)), NOW)
    assert seen(shelf) == []
    assert not keep(shelf, entry(b"two"))
    assert keep(shelf, entry(b"three", born=1))
    assert seen(shelf) == [b"three"]


def test_what_is_softly_purged_is_stale_from_then_on() -> None:
    shelf = Shelf(NaiveNear(), Ledger())
    one = entry(b"one")
    keep(shelf, one)
    shelf.ledger.purge(Purge((TAG,), mode=Mode.SOFT), NOW + 5)
    for _ in range(2):  # the first look carries it out, the second finds it done
        (found,) = shelf.variants(boarded().key, NOW + 7)
        assert found.stored.ttl(NOW + 7) == -2
        assert shelf.usable(found, NOW + 7)
    newer = entry(b"one", born=1)
    assert shelf.swap(boarded("one"), found, newer, NOW + 7)
    assert shelf.variants(boarded().key, NOW + 7) == (newer,)


def test_an_entry_is_swapped_or_taken_away() -> None:
    shelf, one, two = Shelf(NaiveNear(), Ledger()), entry(b"one"), entry(b"two")
    keep(shelf, one)
    keep(shelf, two)
    newer = entry(b"new")
    assert shelf.swap(boarded(), one, newer, NOW)
    assert shelf.variants(boarded().key, NOW) == (newer, two)
    assert shelf.swap(boarded(), newer, None, NOW)
    assert shelf.variants(boarded().key, NOW) == (two,)
    assert shelf.swap(boarded(), two, None, NOW)
    assert seen(shelf) == []


def test_what_has_been_replaced_meanwhile_is_not_swapped() -> None:
    shelf, one = Shelf(NaiveNear(), Ledger()), entry(b"one")
    newer = entry(b"one")
    keep(shelf, one)
    keep(shelf, newer)
    assert not shelf.swap(boarded(), one, entry(b"late"), NOW)
    assert not shelf.swap(boarded(), one, None, NOW)
    assert shelf.variants(boarded().key, NOW) == (newer,)


def test_what_a_purge_has_overtaken_is_not_swapped_in() -> None:
    shelf, one = Shelf(NaiveNear(), Ledger()), entry(b"one")
    keep(shelf, one)
    shelf.ledger.purge(Purge((TAG,)), NOW)
    assert not shelf.swap(boarded(), one, entry(b"late"), NOW)
    assert seen(shelf) == []


def test_while_the_ledger_has_lapsed_nothing_is_seen() -> None:
    shelf, one = Shelf(NaiveNear(), Ledger(max_unverified=30.0)), entry(b"one")
    shelf.ledger.confirm(NOW)
    keep(shelf, one)
    assert seen(shelf, NOW + LEASE + 30) == [b"one"]
    assert seen(shelf, NOW + LEASE + 30.1) == []
    assert not shelf.usable(one, NOW + LEASE + 30.1)
    shelf.ledger.confirm(NOW + 60)
    assert seen(shelf, NOW + 60) == [b"one"]


class Two:
    """Two shelves before one shared tier and one log."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.far = NaiveFar(self.clock)
        self.log = NaiveLog(self.clock)
        self.one, self.other = self.shelf("one"), self.shelf("other")

    def shelf(self, name: str) -> Shelf:
        ledger = Ledger(max_unverified=30.0)
        return Shelf(NaiveNear(), ledger, self.far, self.log.follower(name, ledger))

    def born(self, body: bytes) -> Entry:
        return entry(body, len(self.log.records), self.log.epoch)

    async def purge(self, mode: Mode = Mode.HARD) -> None:
        await self.log.followers["one"].publish(Purge((TAG,), mode=mode))
        self.log.followers["other"].catch_up()


@pytest.fixture
def two() -> Two:
    return Two()


async def test_what_one_keeps_the_other_finds(two: Two) -> None:
    keep(two.one, two.born(b"one"))
    assert seen(two.other) == []
    await two.other.look_further(boarded("one"), NOW)
    assert seen(two.other) == [b"one"]
    await two.other.look_further(boarded("two"), NOW)
    assert seen(two.other) == [b"one"]


async def test_alone_there_is_nothing_further() -> None:
    shelf = Shelf(NaiveNear(), Ledger())
    assert not shelf.shared
    await shelf.look_further(boarded(), NOW)
    assert seen(shelf) == []


async def test_what_lies_in_memory_gives_way_only_to_what_is_newer(two: Two) -> None:
    keep(two.one, two.born(b"one"))
    newer = two.born(b"one")
    newer = replace(newer, body=b"new", stored=replace(newer.stored, response_time=NOW + 5))
    keep(two.other, two.born(b"one"))
    two.far.put(boarded().key.digest, newer, seconds=9, limit=9)
    await two.other.look_further(boarded("one"), NOW + 6)
    assert seen(two.other) == [b"new"]
    two.far.put(boarded().key.digest, two.born(b"one"), seconds=9, limit=9)
    await two.other.look_further(boarded("one"), NOW + 6)
    assert seen(two.other) == [b"new"]


async def test_what_was_purged_is_not_found_either(two: Two) -> None:
    keep(two.one, two.born(b"one"))
    await two.purge()
    await two.other.look_further(boarded("one"), NOW)
    assert seen(two.other) == []


async def test_of_another_key_nothing_is_found(two: Two) -> None:
    two.far.put(boarded().key.digest, replace(two.born(b"one"), text=b"x"), seconds=9, limit=9)
    await two.one.look_further(boarded("one"), NOW)
    assert seen(two.one) == []


@pytest.mark.parametrize(
    ("mode", "left"), [(None, 60.0), (Mode.SOFT, 0.0), (Mode.HARD, None)], ids=str
)
async def test_a_newcomer_asks_the_log_about_what_is_older_than_it(
    two: Two, mode: Mode | None, left: float | None
) -> None:
    keep(two.one, two.born(b"one"))
    await two.log.followers["one"].publish(Purge((labels.tag(b"another"),)))
    if mode is not None:
        await two.purge(mode)
    newcomer = two.shelf("newcomer")
    await newcomer.look_further(boarded("one"), NOW)
    found = newcomer.variants(boarded().key, NOW)
    assert [e.stored.ttl(NOW) for e in found] == ([] if left is None else [left])
    assert all(e.born == newcomer.ledger.position for e in found)


async def test_what_the_log_cannot_tell_of_is_not_used(two: Two) -> None:
    keep(two.one, two.born(b"one"))
    await two.purge()
    newcomer = two.shelf("newcomer")
    two.log.followers["newcomer"].cut_off = True
    await newcomer.look_further(boarded("one"), NOW)
    assert seen(newcomer) == []


async def test_while_the_ledger_has_lapsed_nobody_looks_further(two: Two) -> None:
    keep(two.one, two.born(b"one"))
    two.clock.time += LEASE + 31
    await two.other.look_further(boarded("one"), two.clock.time)
    two.log.followers["other"].catch_up()
    assert seen(two.other, two.clock.time) == []


async def test_what_is_taken_away_is_gone_for_all(two: Two) -> None:
    one = two.born(b"one")
    keep(two.one, one)
    two.one.swap(boarded("one"), one, None, NOW)
    await two.other.look_further(boarded("one"), NOW)
    assert seen(two.other) == []


async def test_parts_are_not_shared(two: Two) -> None:
    whole = two.born(b"one")
    part = stored("Content-Range: bytes 0-4/9", "Cache-Control: max-age=60", status=206)
    keep(two.one, replace(whole, stored=part))
    assert two.far.entries == {}


async def test_what_is_kept_under_a_lost_lease_stays_here(two: Two) -> None:
    lease = await two.far.leases.claim(boarded().key.digest)
    assert isinstance(lease, Held)
    two.far.leases.release(boarded().key.digest, lease)
    assert keep(two.one, two.born(b"one"), lease)
    assert seen(two.one) == [b"one"]
    assert two.far.entries == {}


async def test_what_seems_to_come_from_the_future_is_not_used(two: Two) -> None:
    """The clock that replicas share was set back: nobody knows how old it is."""
    keep(two.one, two.born(b"one"))
    await two.other.look_further(boarded("one"), NOW - 60)
    assert seen(two.other) == []
