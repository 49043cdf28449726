"""What the log could not be told: it holds here, and is told later."""

import pytest

from proxy.engine.ledger import LEASE, Ledger, Standing
from proxy.engine.purge import Born, Mode, Place, Purge
from proxy.engine.purging import Purging, Wait
from proxy.engine.receipts import State
from proxy.engine.stats import Stats
from proxy.errors import StoreError
from proxy.rules.labels import EVERYTHING
from proxy.store.redis import outbox
from proxy.store.redis.outbox import Outbox
from tests.redis.stage import A, Stage


async def test_a_purge_that_cannot_be_told_holds_here_and_is_told_later(stage: Stage) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    born = one.ledger.position
    one.wire.cut = True
    with pytest.raises(StoreError):
        await one.log.publish(Purge((b"ta",)))
    assert one.standing(A, born) is Standing.PURGED
    assert one.log.untold == 1
    one.wire.cut = False
    await one.turn()
    assert one.log.untold == 0
    await other.turn()
    assert other.standing(A, born) is Standing.PURGED


async def test_nothing_is_confirmed_before_the_log_has_been_told(stage: Stage) -> None:
    one = await stage.join("one")
    one.wire.cut = True
    with pytest.raises(StoreError):
        await one.log.publish(Purge((b"ta",)))
    one.clock.time += 1.0
    with pytest.raises(StoreError):
        await one.turn()
    assert one.ledger.lag(one.clock.now()) == 1.0


async def test_what_comes_from_others_meanwhile_does_not_undo_it(stage: Stage) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    one.wire.deaf = True  # the log has it, and this replica does not know
    with pytest.raises(StoreError):
        await one.log.publish(Purge((b"ta",)))
    await other.turn()
    await one.turn()
    assert one.log.untold == 0
    assert one.ledger.sequence == 2  # told twice
    assert one.standing(A, Born(one.ledger.epoch, 1)) is Standing.PURGED


async def test_a_purge_that_does_not_come_back_in_time_holds_here_alone(stage: Stage) -> None:
    one = await stage.join("one")
    born = one.ledger.position
    log = one.log
    log._arrival = 0.0  # noqa: SLF001 - nobody follows meanwhile
    assert await log.publish(Purge((b"ta",))) == (one.ledger.epoch, 1)
    assert one.ledger.sequence == 0
    assert one.standing(A, born) is Standing.PURGED
    await one.turn(2)
    assert one.log.untold == 0
    assert one.standing(A, born) is Standing.PURGED


async def test_a_purge_in_a_new_epoch_is_not_confirmed_by_who_follows_the_old(
    stage: Stage,
) -> None:
    """Another starts the log anew, and a purge is in it before its own replica hears of that."""
    one, other = await stage.join("one"), await stage.join("other")
    clock, stats = one.clock, Stats()
    purging = Purging(one.ledger, one.log, clock, stats)
    await one.publish(b"tb")
    await other.turn(2)
    stage.age(LEASE)
    stage.server.run("FLUSHALL")
    one.log._arrival = 0.0  # noqa: SLF001 - nobody follows meanwhile
    receipt = await purging.purge(Purge((b"ta",)), Wait.LOCAL, 0.0)
    assert receipt.place.epoch != one.ledger.epoch
    assert {each.state for each in receipt.replicas} == {"pending"}
    await one.turn(4)
    await other.turn(4)
    stage.age(LEASE)
    told = await purging.receipt(receipt.id)
    assert told is not None
    assert told.state is State.COMPLETE


async def test_whoever_has_something_to_tell_has_confirmed_nothing(stage: Stage) -> None:
    one = await stage.join("one")
    stage.age(LEASE)
    await one.turn()
    assert [each.applied for each in await one.log.replicas()] == [0]
    one.wire.deaf = True
    with pytest.raises(StoreError):
        await one.log.publish(Purge((b"ta",)))
    assert [each.applied for each in await one.log.replicas()] == [None]
    await one.turn(2)
    assert [each.applied for each in await one.log.replicas()] == [2]


async def test_who_leaves_tells_before_what_was_not_told(stage: Stage) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    born = other.ledger.position
    one.wire.cut = True
    with pytest.raises(StoreError):
        await one.log.publish(Purge((b"ta",)))
    one.wire.cut = False
    await one.log.leave()
    await other.turn()
    assert other.standing(A, born) is Standing.PURGED
    assert {each.name for each in await other.log.replicas()} == {"other"}


async def test_who_leaves_and_cannot_tell_says_so(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    one = await stage.join("one")
    one.wire.cut = True
    with pytest.raises(StoreError):
        await one.log.publish(Purge((b"ta",)))
    await one.log.leave()
    assert "purges are lost" in caplog.text


# The outbox


def test_when_too_many_wait_they_become_one_of_everything() -> None:
    box, ledger = Outbox(), Ledger(b"e", max_unverified=0.0)
    for number in range(outbox.LIMIT + 1):
        box.hold(Purge((b"t%d" % number,)))
    assert len(box) == 1
    pledge = box.untold
    assert pledge is not None
    assert pledge.purge == Purge((EVERYTHING,))
    pledge.place = Place(b"e", 1)
    assert box.untold is None
    box.settle(lambda _: True, ledger, 0.0)
    assert len(box) == 0


def test_it_is_said_once_that_everything_is_purged(caplog: pytest.LogCaptureFixture) -> None:
    box = Outbox()
    for number in range(3 * outbox.LIMIT):
        box.hold(Purge((b"t%d" % number,)))
    assert caplog.text.count("one of everything") == 1


def test_the_same_purges_again_and_again_are_held_once() -> None:
    box = Outbox()
    for number in range(10 * outbox.LIMIT):
        box.hold(Purge((b"t%d" % (number % 10),)))
        box.hold(Purge((b"t%d" % (number % 10),), mode=Mode.SOFT))
    assert len(box) == 20


def test_what_is_being_told_does_not_stand_for_what_comes_meanwhile() -> None:
    box = Outbox()
    box.hold(Purge((b"ta",)))
    telling = box.untold
    assert telling is not None
    box.hold(Purge((b"ta",)))
    telling.place = Place(b"e", 1)
    assert len(box) == 1
    assert box.untold is not None


@pytest.mark.parametrize("labels", [1, 1_000])
def test_what_was_told_is_remembered_within_bounds(labels: int) -> None:
    box = Outbox()
    remembered = min(outbox.LIMIT, outbox.LABELS // labels)
    for number in range(remembered + 5):
        tags = tuple(b"t%d-%d" % (number, each) for each in range(labels))
        box.remember(Purge(tags), Place(b"old", number), 0.0)
        box.remember(Purge(tags), Place(b"old", number), 0.0)
    box.recall(b"new", 1.0)
    assert len(box) == remembered
    oldest = box.untold
    assert oldest is not None
    assert oldest.purge.tags[0] == b"t5-0"


def test_what_was_told_long_ago_is_not_told_again() -> None:
    box = Outbox()
    box.remember(Purge((b"ta",)), Place(b"old", 1), 0.0)
    box.remember(Purge((b"tb",)), Place(b"old", 2), outbox.MEMORY)
    box.remember(Purge((b"tc",)), Place(b"new", 1), outbox.MEMORY)
    box.recall(b"new", outbox.MEMORY + 1.0)
    pledge = box.untold
    assert len(box) == 1
    assert pledge is not None
    assert pledge.purge.tags == (b"tb",)
