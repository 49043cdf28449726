"""The replicas: who follows the log, how far, and who need not be waited for."""

import pytest

from proxy.engine.ledger import LEASE
from proxy.errors import StoreError
from tests.redis.stage import KEYS, MAX_UNVERIFIED, Stage


async def test_replicas_show_how_far_they_are(stage: Stage) -> None:
    one, _ = await stage.join("one"), await stage.join("other")
    stage.age(LEASE)
    await one.publish(b"ta")
    await one.turn()
    found = {each.name: each for each in await one.log.replicas()}
    assert {name: (each.applied, each.lag) for name, each in found.items()} == {
        "one": (1, 0),
        "other": (0, 1),
    }
    assert found["other"].address == "other:9090"
    assert found["other"].seen >= LEASE


async def test_in_an_epoch_that_has_just_begun_nobody_counts(stage: Stage) -> None:
    one = await stage.join("one")
    await one.turn()
    assert [each.applied for each in await one.log.replicas()] == [None]
    stage.age(LEASE)
    assert [each.applied for each in await one.log.replicas()] == [0]


async def test_a_silent_replica_is_waited_for_until_it_serves_nothing(stage: Stage) -> None:
    one, _ = await stage.join("one"), await stage.join("other")
    await one.turn(2)
    stage.age(LEASE + MAX_UNVERIFIED)
    await one.turn()
    assert {each.name for each in await one.log.replicas()} == {"one", "other"}
    stage.age(1.1)
    await one.turn()
    assert {each.name for each in await one.log.replicas()} == {"one"}
    assert len(stage.server.run("HGETALL", KEYS.replicas)) == 2
    one.clock.time += 5.0  # now it looks who else is there, and clears up
    await one.turn()
    assert len(stage.server.run("HGETALL", KEYS.replicas)) == 1


async def test_a_replica_that_leaves_is_not_waited_for(stage: Stage) -> None:
    one, other = await stage.join("one"), await stage.join("other")
    await other.log.leave()
    assert {each.name for each in await one.log.replicas()} == {"one"}
    other.wire.cut = True
    await other.log.leave()  # as far as that can be told


async def test_how_many_there_are_is_known_without_asking(stage: Stage) -> None:
    """At each turn: whoever came, went, or has been silent for too long."""
    one, other = await stage.join("one"), await stage.join("other")
    await one.turn()
    assert one.log.present == 2
    one.wire.cut = True
    with pytest.raises(StoreError):
        await one.turn()
    assert one.log.present == 2  # as it was last heard
    one.wire.cut = False
    await other.log.leave()
    await one.turn()
    assert one.log.present == 1


async def test_who_comes_from_another_epoch_brings_the_others(stage: Stage) -> None:
    one, _ = await stage.join("one"), await stage.join("other")
    await one.turn(2)  # hears that somebody came, and who
    stage.server.run("FLUSHALL")
    newcomer = await stage.join("newcomer")
    stage.age(LEASE)
    await one.turn(2)
    found = {each.name: each.applied for each in await newcomer.log.replicas()}
    assert found == {"newcomer": 0, "one": 0, "other": None}


async def test_while_its_own_line_is_lost_nothing_is_proved(stage: Stage) -> None:
    one = await stage.join("one")
    stage.age(LEASE)
    stage.server.run("DEL", KEYS.replicas)
    assert [each.applied for each in await one.log.replicas()] == [None]


async def test_a_failover_counts_everybody_as_seen_now(stage: Stage) -> None:
    one, _ = await stage.join("one"), await stage.join("other")
    stage.age(LEASE + MAX_UNVERIFIED + 10.0)
    stage.server.run("HSET", KEYS.ledger, "replid", "x")
    await one.turn(2)
    assert {each.name for each in await one.log.replicas()} == {"one", "other"}


async def test_the_replicas_vanish_from_redis_with_the_last(stage: Stage) -> None:
    await stage.join("one")
    left = stage.server.run("PTTL", KEYS.replicas)
    assert 0 < left <= 2_000 * (LEASE + MAX_UNVERIFIED + 1.0)
