"""The purge log with connections of its own, by every way to Redis."""

import asyncio

import pytest

from proxy.engine.ledger import Ledger
from proxy.engine.purge import Purge
from proxy.engine.systemclock import SystemClock
from proxy.errors import StoreError
from proxy.store.redis.log import RedisLog
from proxy.store.redis.url import parse
from tests.redis.fleets import Cluster, SentinelFleet
from tests.redis.servers import PATIENCE, RedisServer
from tests.redis.stage import KEYS, MAX_UNVERIFIED, A, B, ask, open_logs, tell
from tests.redis.tier import eventually


async def test_running_logs_confirm_to_each_other(server: RedisServer) -> None:
    async with open_logs(server.url, "one", "other") as (one, other):
        await one.publish(Purge((b"ta",)))
        await eventually(lambda: other.applied == 1)
        async with asyncio.timeout(PATIENCE):
            while {each.applied for each in await one.replicas()} != {1}:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.005)
        assert sum(one.latency.counts) == 1
        await other.aclose()
        assert [each.name[:4] for each in await one.replicas()] == ["one-"]


async def test_an_heir_has_nobody_wait_for_those_before_it(valkey: RedisServer) -> None:
    """They have ended without a word; whose name is only similar is waited for."""
    async with open_logs(valkey.url, "one-more") as (other,):
        [line] = valkey.run("HGETALL", KEYS.replicas).values()
        seen, _, rest = line.partition(b":")  # so late that it does not vanish by itself
        later = b"%d:%b" % (int(seen) + 3_600_000, rest)
        valkey.run("HSET", KEYS.replicas, "one-00000000", later)
        ledger = Ledger(max_unverified=MAX_UNVERIFIED)
        heir = RedisLog(parse(valkey.url), "n", ledger, SystemClock(), name="one", heir=True)
        heir.start()
        present = {other.member.name, heir.member.name}
        try:
            await eventually(lambda: valkey.run("HGETALL", KEYS.replicas).keys() == present)
        finally:
            await heir.aclose()


async def test_redis_may_come_later_and_go_and_come_back(valkey: RedisServer) -> None:
    valkey.kill()
    clock = SystemClock()
    ledger = Ledger(max_unverified=MAX_UNVERIFIED)
    log = RedisLog(parse(valkey.url), "n", ledger, clock, name="one")
    log.start()
    with pytest.raises(StoreError):
        await log.publish(Purge((b"ta",)))
    assert not log.joined
    assert log.untold == 1
    valkey.start()
    await eventually(lambda: log.joined and not log.untold)
    epoch = ledger.epoch
    valkey.restart()
    await eventually(lambda: ledger.epoch != epoch)
    assert log.reconnects == 1
    sequence = await tell(log, b"tb")
    facts = await ask(log, B)
    assert facts.epoch == ledger.epoch
    assert facts.hard >= sequence
    await log.aclose()


async def test_a_server_that_hangs_is_left_and_found_again(valkey: RedisServer) -> None:
    async with open_logs(valkey.url, "one") as (one,):
        valkey.sigstop()
        with pytest.raises(StoreError):
            await one.publish(Purge((b"ta",)))
        valkey.sigcont()
        await eventually(lambda: not one.untold)


async def test_a_bug_does_not_end_the_following(
    valkey: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_logs(valkey.url, "one", "other") as (one, other):
        bugs = [ValueError("a bug")]

        def watcher(_: Purge) -> None:
            if bugs:
                raise bugs.pop()

        other._ledger.watch(watcher)  # noqa: SLF001 - nothing else of ours runs in a turn
        await one.publish(Purge((b"ta",)))
        await one.publish(Purge((b"tb",)))
        await eventually(lambda: other._ledger.sequence == 2)  # noqa: SLF001 - what a test may look at
    assert "cannot be followed" in caplog.text


async def test_through_sentinels_the_new_primary_is_followed(sentinels: SentinelFleet) -> None:
    async with open_logs(sentinels.url, "one", "other") as (one, other):
        await one.publish(Purge((b"ta",)))
        epoch = one._ledger.epoch  # noqa: SLF001 - what a test may look at
        sentinels.failover()
        await eventually(lambda: other._ledger.epoch != epoch != one._ledger.epoch)  # noqa: SLF001 - as above
        sequence = await tell(one, b"tb")
        await eventually(lambda: other._ledger.sequence >= sequence)  # noqa: SLF001 - as above


async def test_in_a_cluster_the_log_lies_in_one_slot(cluster: Cluster) -> None:
    async with open_logs(cluster.url, "one", "other") as (one, other):
        sequence = await tell(one, b"ta")
        await eventually(lambda: other._ledger.sequence >= sequence)  # noqa: SLF001 - as above
        assert (await ask(one, A)).hard >= sequence


async def test_by_a_unix_socket(valkey: RedisServer) -> None:
    async with open_logs(valkey.unix_url, "one") as (one,):
        assert await tell(one, b"ta") >= 1
