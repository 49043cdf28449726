"""The purge log on real servers: what is published arrives, everywhere and in one order."""

import asyncio

import pytest

from proxy.engine.ledger import Standing
from proxy.engine.purge import MOST_PATTERNS, MOST_TAGS, Born, Mode, Purge
from proxy.rules import patterns
from proxy.rules.labels import Labels
from tests.redis.servers import PATIENCE
from tests.redis.stage import A, B, C, Stage


async def test_a_purge_is_applied_by_all_in_one_order(stage: Stage) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    born = other.ledger.position
    assert await one.publish(b"ta") == 1
    assert await one.publish(b"tb", b"\xff:\n", mode=Mode.SOFT) == 2
    assert other.standing(A, born) is Standing.VALID
    await other.turn()
    assert other.ledger.position == one.ledger.position == Born(born.epoch, 2)
    assert other.standing(A, born) is Standing.PURGED
    assert other.standing(B, born) is Standing.SOFTENED
    assert other.standing(C, born) is Standing.VALID
    assert other.standing(Labels((b"\xff:\n",), b""), born) is Standing.SOFTENED
    assert other.log.applied == 2


async def test_news_are_waited_for_and_wake_whoever_waits(stage: Stage) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    waiting = asyncio.ensure_future(other.log.follower.turn(PATIENCE))
    await asyncio.sleep(0.05)  # so that it does wait; the outcome is the same if it does not
    await stage.append(Purge((b"ta",)))
    await waiting
    assert other.ledger.sequence == 1
    assert one.ledger.sequence == 0


async def test_many_records_are_read_in_batches(stage: Stage) -> None:
    other = await stage.join("other")
    for number in range(1_100):
        await stage.append(Purge((b"t%d" % number,)))
    await other.turn()
    assert other.ledger.sequence == 1_100
    assert other.log.rebases == 1  # only the one by which it joined


async def test_what_is_older_than_joining_is_asked_of_the_log(stage: Stage) -> None:
    one = await stage.join("one")
    await one.publish(b"ta")
    await one.publish(b"tb", mode=Mode.SOFT)
    late = await stage.join("late")
    born = Born(one.ledger.epoch, 0)
    assert late.standing(A, born) is Standing.UNKNOWN
    found = {}
    for labels in (A, B, C):
        facts = await late.log.facts(labels)
        assert facts is not None
        found[labels], _ = late.ledger.verified(labels, born, facts)
    assert found == {A: Standing.PURGED, B: Standing.SOFTENED, C: Standing.VALID}


async def test_times_are_told_in_the_clock_of_whoever_asks(stage: Stage) -> None:
    one = await stage.join("one")
    one.clock.time += 5.0
    await one.publish(b"ta", mode=Mode.SOFT)
    facts = await one.log.facts(A)
    assert facts is not None
    assert facts.soft_at == pytest.approx(one.clock.time, abs=PATIENCE)
    assert one.ledger.softened_at(A, Born(one.ledger.epoch, 0)) == pytest.approx(
        one.clock.time, abs=PATIENCE
    )


async def test_patterns_are_known_to_whoever_joins_later(stage: Stage) -> None:
    one = await stage.join("one")
    shop = patterns.prefix(b"shop.example/ta")
    await one.send(Purge(patterns=(shop,)))
    await one.send(Purge(patterns=(patterns.prefix(b"shop.example/tb"),), mode=Mode.SOFT))
    late = await stage.join("late")
    facts = [await late.log.facts(labels) for labels in (A, B, C)]
    born = Born(one.ledger.epoch, 0)
    found = [
        late.ledger.verified(labels, born, known)[0]
        for labels, known in zip((A, B, C), facts, strict=True)
        if known is not None
    ]
    assert found == [Standing.PURGED, Standing.SOFTENED, Standing.VALID]


async def test_of_too_many_patterns_the_oldest_raise_the_floor(stage: Stage) -> None:
    one = await stage.join("one", slots=2)
    for number in range(4):
        await one.send(Purge(patterns=(b"shop.example/%d*" % number,)))
    held = stage.ledger()
    assert held[b"floor"] == b"2"
    assert {held[b"p:0"].split(b":")[0], held[b"p:1"].split(b":")[0]} == {b"3", b"4"}


@pytest.mark.parametrize(
    "purge",
    [Purge(tuple(b"t%d" % n for n in range(1_001))), Purge(patterns=(b"a*",) * 65)],
    ids=["tags", "patterns"],
)
async def test_a_purge_that_names_too_much_is_refused(stage: Stage, purge: Purge) -> None:
    one = await stage.join("one")
    with pytest.raises(ValueError, match="at most 1000 tags and 64 patterns"):
        await one.log.publish(purge)
    assert one.ledger.minor == 0


async def test_the_largest_purge_is_taken(stage: Stage) -> None:
    one = await stage.join("one")
    tags = tuple(b"t" * 200 + b"%d" % n for n in range(MOST_TAGS))
    await one.send(Purge(tags, tuple(b"a%d*" % n for n in range(MOST_PATTERNS))))
    assert one.standing(Labels(tags[-1:], b""), Born(one.ledger.epoch, 0)) is Standing.PURGED
