"""Purging: receipts, from acceptance to the last replica; and writes, which wait for nobody."""

import asyncio
from dataclasses import replace

import pytest

from proxy.engine import receipts
from proxy.engine.ledger import Ledger, Standing
from proxy.engine.lonelog import LoneLog
from proxy.engine.naive import NaiveLog
from proxy.engine.purge import Born, Mode, Place, Purge
from proxy.engine.purging import Purging, Source, Wait
from proxy.engine.receipts import Confirmation, Receipt, State
from proxy.engine.stats import Stats
from proxy.errors import StoreError
from proxy.rules import labels
from proxy.rules.labels import Labels
from tests.engine.scripted import PATIENCE, Clock, T, settle

TAG = labels.tag(b"one")
ONE = Labels((TAG,), b"")
PURGE = Purge((TAG,))


class Town:
    """Three replicas behind one log, seen from the first."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.log = NaiveLog(self.clock)
        self.stats = Stats()
        for name in ("one", "two", "three"):
            self.log.follower(name, Ledger())
        self.ledger = self.log.followers["one"].ledger
        self.purging = Purging(self.ledger, self.log.followers["one"], self.clock, self.stats)

    async def purge(self, wait: Wait = Wait.LOCAL, within: float = 0.0) -> Receipt:
        return await self.purging.purge(PURGE, wait, within)

    def catch_up(self, *names: str) -> None:
        for name in names:
            self.log.followers[name].catch_up()


@pytest.fixture
def town() -> Town:
    return Town()


def states(receipt: Receipt | None) -> dict[str, str]:
    assert receipt is not None
    return {one.name: one.state for one in receipt.replicas}


async def test_alone_a_purge_is_complete_at_once() -> None:
    clock, ledger = Clock(), Ledger(b"epoch")
    log = LoneLog(ledger, clock, name="me", address="127.0.0.1:1")
    born = ledger.position
    receipt = await Purging(ledger, log, clock, Stats()).purge(PURGE, Wait.ALL, 0)
    assert ledger.standing(ONE, born) is Standing.PURGED
    assert receipt == Receipt(
        id="epoch-1",
        place=Place(b"epoch", 1),
        purge=PURGE,
        accepted=float(T),
        state=State.COMPLETE,
        replicas=(Confirmation("me", "127.0.0.1:1", "confirmed"),),
    )
    assert await log.facts(ONE) is None


async def test_a_purge_holds_here_before_it_is_acknowledged(town: Town) -> None:
    born = town.ledger.position
    receipt = await town.purge()
    assert town.ledger.standing(ONE, born) is Standing.PURGED
    assert receipt.state is State.PENDING
    assert states(receipt) == {"one": "confirmed", "two": "pending", "three": "pending"}


async def test_a_receipt_tells_how_far_a_purge_has_come(town: Town) -> None:
    name = (await town.purge()).id
    town.catch_up("two")
    receipt = await town.purging.receipt(name)
    assert states(receipt) == {"one": "confirmed", "two": "confirmed", "three": "pending"}
    town.catch_up("three")
    receipt = await town.purging.receipt(name)
    assert receipt is not None
    assert receipt.state is State.COMPLETE
    assert set(states(receipt).values()) == {"confirmed"}


async def test_whoever_has_vanished_is_gone(town: Town) -> None:
    name = (await town.purge()).id
    town.catch_up("two")
    del town.log.followers["three"]
    for _ in range(2):
        receipt = await town.purging.receipt(name)
        assert receipt is not None
        assert receipt.state is State.COMPLETE
        assert states(receipt) == {"one": "confirmed", "two": "confirmed", "three": "gone"}


async def test_whoever_comes_back_has_to_confirm(town: Town) -> None:
    name = (await town.purge()).id
    away = town.log.followers.pop("three")
    assert states(await town.purging.receipt(name))["three"] == "gone"
    town.log.followers["three"] = away
    assert states(await town.purging.receipt(name))["three"] == "pending"


async def test_whoever_waits_for_all_is_told_when_all_have_confirmed(town: Town) -> None:
    waiting = asyncio.create_task(town.purge(Wait.ALL, PATIENCE))
    await settle()
    assert town.log.records
    assert not waiting.done()
    town.catch_up("two", "three")
    async with asyncio.timeout(PATIENCE):
        assert (await waiting).state is State.COMPLETE


async def test_whoever_waits_for_all_waits_no_longer_than_he_said(town: Town) -> None:
    receipt = await town.purge(Wait.ALL, 0.001)
    assert receipt.state is State.PENDING
    assert states(receipt)["three"] == "pending"


async def test_a_replica_in_another_epoch_holds_a_purge_up(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    replicas = await town.log.followers["one"].replicas()
    odd = tuple(replace(one, applied=None) for one in replicas[1:])

    async def seen() -> object:
        return (replicas[0], *odd)

    monkeypatch.setattr(town.log.followers["one"], "replicas", seen)
    assert (await town.purge()).state is State.PENDING


async def test_a_new_epoch_voids_all_and_completes_every_purge(town: Town) -> None:
    name = (await town.purge()).id
    town.log.begin(b"another")
    town.catch_up("one", "two")
    assert set(states(await town.purging.receipt(name)).values()) == {"pending"}
    town.catch_up("three")
    receipt = await town.purging.receipt(name)
    assert receipt is not None
    assert receipt.state is State.COMPLETE


async def test_in_a_new_epoch_all_that_was_told_again_has_to_be_applied(town: Town) -> None:
    name = (await town.purge()).id
    town.log.begin(b"another")
    town.catch_up("one", "two", "three")
    await town.log.followers["one"].publish(PURGE)
    assert states(await town.purging.receipt(name))["three"] == "pending"
    await town.log.followers["two"].publish(OTHER)  # what comes after it is not waited for
    town.catch_up("three")
    town.log.followers["three"].catch_up()
    assert states(await town.purging.receipt(name))["three"] == "confirmed"


async def test_a_purge_is_not_taken_for_another_of_the_epoch_before(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that has begun anew can have a purge before the replica hears of the beginning."""
    earlier = await town.purge()
    town.catch_up("two", "three")
    assert (await town.purging.receipt(earlier.id) or earlier).state is State.COMPLETE
    one = town.log.followers["one"]

    async def early(purge: Purge) -> Place:
        town.log.begin(b"another")
        with monkeypatch.context() as patch:
            patch.setattr(one, "catch_up", lambda: None)
            return await type(one).publish(one, purge)

    monkeypatch.setattr(one, "publish", early)
    receipt = await town.purge()
    assert receipt.place == (b"another", earlier.place.sequence)
    assert receipt.id != earlier.id
    assert set(states(receipt).values()) == {"pending"}


async def test_an_unknown_receipt_is_none(town: Town) -> None:
    assert await town.purging.receipt("unknown") is None


async def test_the_latest_receipts_are_listed_first_and_the_oldest_forgotten(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts, "MOST", 2)
    names = [(await town.purge()).id for _ in range(3)]
    await town.purging.receipt(names[1])  # to ask is not to renew
    assert [receipt.id for receipt in town.purging.receipts(9)] == [names[2], names[1]]
    assert [receipt.id for receipt in town.purging.receipts(1)] == [names[2]]
    assert await town.purging.receipt(names[0]) is None


async def test_cut_off_a_purge_holds_here_and_is_never_acknowledged(town: Town) -> None:
    town.log.followers["one"].cut_off = True
    born = town.ledger.position
    with pytest.raises(StoreError):
        await town.purge(Wait.ALL, PATIENCE)
    assert town.ledger.standing(ONE, born) is Standing.PURGED
    assert town.purging.receipts(9) == ()
    assert town.log.records == []
    town.log.followers["one"].cut_off = False
    town.catch_up("one")
    assert [record.purge for record in town.log.records] == [PURGE]


async def test_cut_off_nobody_can_say_how_far_a_purge_has_come(town: Town) -> None:
    name = (await town.purge()).id
    town.log.followers["one"].cut_off = True
    with pytest.raises(StoreError):
        await town.purging.receipt(name)


# Announcements

OTHER = Purge((labels.tag(b"two"),), mode=Mode.SOFT)
BOTH = [(PURGE, Source.WRITE), (OTHER, Source.RULE)]


async def test_an_announcement_tells_where_the_ledger_stands_after_it(town: Town) -> None:
    assert await town.purging.announce(BOTH) == Born(b"naive", 2)
    assert [record.purge for record in town.log.records] == [PURGE, OTHER]
    assert town.stats.purges == {("hard", "write"): 1, ("soft", "rule"): 1}


async def test_cut_off_an_announcement_holds_here(town: Town) -> None:
    town.log.followers["one"].cut_off = True
    born = town.ledger.position
    assert await town.purging.announce(BOTH) == Born(b"naive", 0, 2)
    assert town.ledger.standing(ONE, born) is Standing.PURGED


async def test_where_others_have_come_between_nobody_can_tell(town: Town) -> None:
    await town.log.followers["two"].publish(PURGE)
    assert await town.purging.announce(BOTH) is None
    town.log.followers["one"].cut_off = True
    telling = asyncio.create_task(town.purging.announce(BOTH))
    await asyncio.sleep(0)
    town.ledger.apply_alone(PURGE, T)
    assert await telling is None


async def test_a_new_epoch_between_is_noticed(town: Town) -> None:
    publish = town.log.followers["one"].publish

    async def published(purge: Purge) -> Place:
        place = await publish(purge)
        town.ledger.rebase(b"another", 9, b"")
        return place

    town.log.followers["one"].publish = published  # type: ignore[method-assign]  # a log that ends
    assert await town.purging.announce(BOTH[:1]) is None


async def test_a_log_that_is_silent_holds_no_write_up(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.engine.purging.ANNOUNCED_WITHIN", 0.001)
    publish, heard = town.log.followers["one"].publish, asyncio.Event()

    async def slowly(purge: Purge) -> Place:
        await heard.wait()
        return await publish(purge)

    monkeypatch.setattr(town.log.followers["one"], "publish", slowly)
    born = town.ledger.position
    assert await town.purging.announce(BOTH) == Born(b"naive", 0, 2)
    assert town.ledger.standing(ONE, born) is Standing.PURGED
    assert town.log.records == []
    heard.set()
    await settle()
    assert len(town.log.records) == 2


async def test_at_the_end_what_is_still_being_told_is_given_up(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(_: Purge) -> Place:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(town.log.followers["one"], "publish", never)
    born = town.ledger.position
    town.purging.announce_soon(PURGE, Source.WRITE)
    assert town.ledger.standing(ONE, born) is Standing.PURGED
    await town.purging.aclose()
    assert len(asyncio.all_tasks()) == 1
