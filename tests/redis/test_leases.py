"""Leases: one holder, a short life, and nobody touches another's."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from proxy.engine.ports import Adrift, Held, Passing, Taken
from proxy.store.redis import leases as module
from proxy.store.redis.client import Client
from proxy.store.redis.keyspace import Keyspace
from proxy.store.redis.leases import RedisLeases
from proxy.store.redis.link import Link
from proxy.store.redis.scripts import Argument, Script
from proxy.store.redis.url import parse
from tests.redis.servers import RedisServer
from tests.redis.tier import DIGEST, Shared, Tier, entry, eventually, open_tier

KEYS = Keyspace("test")
LEASE = KEYS.lease(DIGEST)


@pytest.fixture(autouse=True)
def _lasting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no lease end by itself before a test has ended."""
    monkeypatch.setattr(module, "LIFE_MS", 60_000)


@pytest.fixture
async def other(server: RedisServer) -> AsyncIterator[Tier]:
    """Another replica."""
    async with open_tier(server.url) as opened:
        yield opened


async def claim(tier: Tier) -> Held:
    held = await tier.leases.claim(DIGEST)
    assert isinstance(held, Held)
    return held


async def test_one_replica_holds_it(tier: Tier, other: Tier) -> None:
    held = await claim(tier)
    assert not held.stored
    assert await other.leases.claim(DIGEST) == Taken()
    assert await tier.leases.claim(DIGEST) == Taken()
    assert isinstance(await other.leases.claim(bytes(16)), Held)


async def test_of_many_claims_one_is_granted(tier: Tier, other: Tier) -> None:
    claims = (each.leases.claim(DIGEST) for _ in range(20) for each in (tier, other))
    answers = await asyncio.gather(*claims)
    assert sum(isinstance(answer, Held) for answer in answers) == 1
    assert answers.count(Taken()) == 39


async def test_it_tells_that_something_is_stored(tier: Tier) -> None:
    await tier.put(entry())
    assert (await claim(tier)).stored


async def test_given_back_it_can_be_had_at_once(
    server: RedisServer, tier: Tier, other: Tier
) -> None:
    tier.leases.release(DIGEST, await claim(tier))
    await eventually(lambda: not server.run("EXISTS", LEASE))
    await claim(other)


async def test_marked_it_tells_everybody_not_to_wait(
    server: RedisServer, tier: Tier, other: Tier
) -> None:
    tier.leases.mark(DIGEST, await claim(tier), 30.0)
    await eventually(lambda: server.run("GET", LEASE) == b"pass")
    assert await other.leases.claim(DIGEST) == Passing()
    assert 0 < server.run("PTTL", LEASE) <= 30_000
    server.run("DEL", LEASE)
    await claim(other)


@pytest.mark.parametrize("verb", ["release", "mark"])
async def test_what_has_passed_to_another_is_left_alone(
    server: RedisServer, tier: Tier, other: Tier, verb: str
) -> None:
    lost = await claim(tier)
    server.run("DEL", LEASE)
    held = await claim(other)
    if verb == "release":
        tier.leases.release(DIGEST, lost)
    else:
        tier.leases.mark(DIGEST, lost, 30.0)
    await tier.leases.aclose()
    assert server.run("GET", LEASE) == held.token


async def test_it_ends_by_itself(server: RedisServer, tier: Tier) -> None:
    await claim(tier)
    assert 0 < server.run("PTTL", LEASE) <= module.LIFE_MS


async def test_what_is_held_is_renewed_and_what_is_lost_forgotten(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    async with open_tier(server.url) as tier:
        await claim(tier)
        server.run("PEXPIRE", LEASE, 1_000)
        await eventually(lambda: server.run("PTTL", LEASE) > 1_000)
        server.run("SET", LEASE, "another's", "PX", 1_000)
        await eventually(lambda: len(tier.leases) == 0)
        assert server.run("PTTL", LEASE) <= 1_000


async def test_nothing_is_renewed_for_ever(
    valkey: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.1)
    async with open_tier(valkey.url) as tier:
        await claim(tier)
        await eventually(lambda: len(tier.leases) == 0)
        assert valkey.run("EXISTS", LEASE)


async def test_at_the_end_everything_is_given_back(valkey: RedisServer) -> None:
    async with open_tier(valkey.url) as tier:
        await claim(tier)
        await tier.leases.claim(bytes(16))
    assert valkey.run("DBSIZE") == 0


async def test_many_are_renewed_in_few_round_trips(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One by one, a slow link would take longer than a lease lives."""
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    digests = [b"%16d" % number for number in range(2 * module.GROUP + 1)]
    leases = [KEYS.lease(digest) for digest in digests]
    async with open_tier(server.url) as tier:
        granted = await asyncio.gather(*(tier.leases.claim(digest) for digest in digests))
        assert all(isinstance(each, Held) for each in granted)
        for lease in leases:
            server.run("PEXPIRE", lease, 30_000)
        before = tier.link.stats.operations
        await eventually(lambda: all(server.run("PTTL", lease) > 30_000 for lease in leases))
        rounds = server.calls("eval") / len(digests)
        assert tier.link.stats.operations - before < 3 * (rounds + 2)
        server.run("SET", leases[0], "another's", "PX", 1_000)
        server.run("DEL", leases[1])
        server.run("RPUSH", leases[1], "another's type")
        await eventually(lambda: len(tier.leases) == len(digests) - 2)


async def test_a_renewal_that_is_refused_forgets_nothing(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    async with open_tier(server.url) as tier:
        await claim(tier)
        server.run("REPLICAOF", "127.0.0.1", "1")
        await eventually(lambda: tier.link.stats.failures["refused"] > 1)
        assert len(tier.leases) == 1


async def test_a_bug_does_not_end_the_renewals(
    valkey: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    async with open_tier(valkey.url) as tier:
        await claim(tier)
        with monkeypatch.context() as bug:
            bug.setattr(module, "GROUP", "a bug")
            await eventually(lambda: "cannot be renewed" in caplog.text)
        valkey.run("PEXPIRE", LEASE, 1_000)
        await eventually(lambda: valkey.run("PTTL", LEASE) > 1_000)


async def test_who_leaves_while_claiming_holds_nothing(
    valkey: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.05)
    async with open_tier(valkey.url) as tier:
        tier.leases.release(DIGEST, await claim(tier))
        await eventually(lambda: not valkey.run("EXISTS", LEASE))
        valkey.run("CONFIG", "RESETSTAT")
        claiming = asyncio.create_task(tier.leases.claim(DIGEST))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        claiming.cancel()
        with pytest.raises(asyncio.CancelledError):
            await claiming
        await eventually(lambda: valkey.calls("set"))
        await eventually(lambda: not valkey.run("EXISTS", LEASE))
        assert len(tier.leases) == 0


class Straggler:
    """A claim that is given up at once, and is still on its way."""

    def __init__(self) -> None:
        self.token: Argument = b""

    async def run(self, client: Client, keys: Sequence[bytes], args: Sequence[Argument]) -> Any:  # noqa: ANN401 - as in `Script`
        """Take note of the token that will arrive."""
        del client, keys
        self.token = args[0]
        raise TimeoutError


async def test_a_claim_that_its_end_has_overtaken_is_ended_again(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    straggler = Straggler()
    monkeypatch.setattr(module, "_CLAIM", straggler)
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.05)
    async with open_tier(server.url) as tier:
        assert await tier.leases.claim(DIGEST) == Adrift()
        await eventually(lambda: server.calls("eval"))
        await eventually(lambda: server.calls("eval") > 1)  # ended twice, and it was not there
        assert isinstance(straggler.token, bytes)
        server.run("SET", LEASE, straggler.token, "PX", 60_000)
        await eventually(lambda: not server.run("EXISTS", LEASE))


async def test_an_end_that_is_never_due_is_let_go(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CLAIM", Straggler())
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    monkeypatch.setattr(module, "LIFE_MS", 100)
    async with open_tier(server.url) as tier:
        assert await tier.leases.claim(DIGEST) == Adrift()
        await eventually(lambda: not tier.leases._unended)  # noqa: SLF001 - nothing else shows it


async def test_out_of_reach_everybody_is_adrift(valkey: RedisServer) -> None:
    link = Link(parse(valkey.url))
    assert await RedisLeases(link, "test", Shared()).claim(DIGEST) == Adrift()
    async with open_tier(valkey.url) as tier:
        tier.shared.offset = None
        assert await tier.leases.claim(DIGEST) == Adrift()
        tier.shared.offset = 0.0
        valkey.run("HSET", LEASE, "a", "b")
        assert await tier.leases.claim(DIGEST) == Adrift()


async def test_a_lease_whose_grant_came_too_late_is_given_back(
    valkey: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.05)
    async with open_tier(valkey.url, deadline=0.2) as tier:
        tier.leases.release(DIGEST, await claim(tier))
        await eventually(lambda: not valkey.run("EXISTS", LEASE))
        valkey.run("CONFIG", "RESETSTAT")
        valkey.sigstop()
        assert await tier.leases.claim(DIGEST) == Adrift()
        valkey.sigcont()
        await eventually(lambda: valkey.calls("set"))
        await eventually(lambda: not valkey.run("EXISTS", LEASE))


async def test_scripts_are_learnt_again_by_a_server_that_forgot_them(tier: Tier) -> None:
    await claim(tier)
    await tier.link.call(lambda client: client.execute_command("SCRIPT FLUSH"))
    assert await tier.leases.claim(DIGEST) == Taken()


async def test_a_script_travels_once(valkey: RedisServer) -> None:
    script = Script("claim")
    async with open_tier(valkey.url) as tier:
        for _ in range(3):
            await tier.link.call(lambda client: script.run(client, (b"a", b"b"), (b"t", 1_000)))
    assert (valkey.calls("eval"), valkey.calls("evalsha")) == (1, 3)


async def test_what_could_not_be_ended_is_ended_later(
    server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others would wait for it until it ends by itself."""
    monkeypatch.setattr(module, "RENEWAL_SECONDS", 0.01)
    async with open_tier(server.url) as tier:
        held = await claim(tier)
        server.sigstop()
        tier.leases.release(DIGEST, held)
        await eventually(lambda: not tier.link.usable or tier.link.stats.failures.total() > 0)
        server.sigcont()
        await eventually(lambda: not server.run("EXISTS", LEASE))
