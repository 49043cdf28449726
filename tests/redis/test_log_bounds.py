"""The purge log on real servers: what it costs, and how it forgets."""

from proxy.engine.purge import Mode, Purge
from tests.redis.stage import KEYS, Stage


async def test_a_purge_costs_the_same_whatever_is_stored(stage: Stage) -> None:
    costs = []
    for stored in (0, 1_000):
        for number in range(stored):
            stage.server.run("SET", f"n:{number}", "x")
        await stage.append(Purge((b"ta",)))
        stage.server.run("CONFIG", "RESETSTAT")
        await stage.append(Purge((b"ta",)))
        stats = stage.server.run("INFO", "commandstats")
        costs.append({name: value["calls"] for name, value in stats.items()})
    assert costs[0] == costs[1]
    assert sum(costs[0].values()) < 20


async def test_the_ledger_is_bounded_by_forgetting_the_oldest(stage: Stage) -> None:
    one = await stage.join("one", limit=40)
    for number in range(120):
        await one.publish(b"t%d" % number)
    await one.publish(b"t119", mode=Mode.SOFT)
    held = stage.ledger()
    assert len(held) <= 42
    assert stage.records() <= 41
    oldest = min(int(value) for name, value in held.items() if name.startswith(b"h:"))
    assert int(held[b"floor"]) == oldest - 1


async def test_a_tag_purged_again_outlives_its_older_record(stage: Stage) -> None:
    one = await stage.join("one", limit=40)
    await one.publish(b"ta", mode=Mode.SOFT)
    for number in range(60):
        await one.publish(b"ta", mode=(Mode.HARD, Mode.SOFT)[number % 2])
    held = stage.ledger()
    assert stage.records() <= 41
    assert held[b"h:ta"] == b"60"
    assert held[b"s:ta"].startswith(b"61:")


async def test_the_same_tags_again_and_again_do_not_grow_the_log(stage: Stage) -> None:
    one = await stage.join("one", limit=100, slots=40)
    tags = tuple(b"t%d" % number for number in range(20))
    for _ in range(30):
        await one.send(Purge(tags, (b"shop.example/*",)))
    held = stage.ledger()
    assert stage.records() == 5
    assert held[b"held"] == b"105"
    assert held[b"h:t0"] == b"30"
    assert held[b"floor"] == b"25"
    assert one.log.rebases == 1  # only the one by which it joined


async def test_tags_that_no_record_names_go_with_the_epoch(stage: Stage) -> None:
    one = await stage.join("one", limit=40)
    epoch = one.ledger.epoch
    for number in range(60):
        stage.server.run("HSET", KEYS.ledger, f"h:x{number}", 0)
    await one.publish(b"ta")
    assert one.ledger.epoch != epoch
    assert len(stage.ledger()) < 40
