"""The shared tier: what `Far` promises, on real servers, well and unwell."""

import asyncio
from dataclasses import replace
from typing import Any, Final

import pytest
from pydantic import ValidationError

from proxy.engine.entry import Coded, Entry
from proxy.engine.ports import Held
from proxy.http.codings import Coding
from proxy.http.ranges import ContentRange
from proxy.sections import RedisStore
from proxy.store.codec import encode, encode_index
from proxy.store.redis import leases, link, writes
from proxy.store.redis.keyspace import Keyspace
from tests.redis.servers import RedisServer
from tests.redis.tier import (
    DIGEST,
    LIFE,
    Tier,
    anything,
    entry,
    eventually,
    language,
    open_tier,
)

OTHER: Final = bytes(16)
KEYS: Final = Keyspace("test")
PRIMARY: Final = KEYS.primary(DIGEST).decode()
DE, EN, FR = map(language, (b"de", b"en", b"fr"))


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PROBE_SECONDS", 0.05)
    monkeypatch.setattr(leases, "LIFE_MS", 60_000)  # none ends by itself before a test has ended


# Kept and found


async def test_what_is_put_is_found_whole(tier: Tier) -> None:
    kept = entry(bytes(range(256)) * 40)
    await tier.put(kept)
    assert await tier.entries.get(DIGEST, anything) == (kept,)
    assert await tier.entries.get(OTHER, anything) == ()
    assert (tier.entries.stats.gets, tier.entries.stats.found) == (2, 1)


async def test_the_last_put_of_a_turn_stays(tier: Tier) -> None:
    await tier.put(*(entry(b"%d" % number) for number in range(20)))
    assert await tier.bodies() == {b"19"}


async def test_every_key_ends(server: RedisServer, tier: Tier) -> None:
    await tier.put(entry(), digest=OTHER)
    await tier.put(entry(selecting=DE))
    assert isinstance(await tier.leases.claim(DIGEST), Held)
    keys = [key.decode() for key in server.run("KEYS", "*")]
    assert len(keys) == 4
    assert all(0 < server.run("PTTL", key) <= LIFE * 1_000 for key in keys)


async def test_no_life_is_longer_than_thirty_days(server: RedisServer, tier: Tier) -> None:
    tier.entries.put(DIGEST, entry(), seconds=1e9, limit=1)
    await eventually(lambda: tier.entries.stats.puts)
    assert server.run("PTTL", PRIMARY) <= 30 * 86_400_000


async def test_times_travel_on_the_clock_of_redis(server: RedisServer, tier: Tier) -> None:
    """A replica whose clock is an hour behind reads the age that the writer meant."""
    tier.shared.offset = 10.0
    await tier.put(entry())
    async with open_tier(server.url) as behind:
        behind.shared.offset = 3_610.0
        (found,) = await behind.entries.get(DIGEST, anything)
    assert found.stored.response_time == entry().stored.response_time - 3_600.0


@pytest.mark.parametrize(
    ("kept", "seconds"),
    [
        (entry(), 0.0),
        (entry(), -1.0),
        (entry(b"x" * 1_001), LIFE),
        (replace(entry(), stored=replace(entry().stored, part=ContentRange(0, 3, 9))), LIFE),
        (entry(b"short", language(b"x" * 1_024)), LIFE),
    ],
    ids=["no-life", "past", "large", "part", "large-selecting"],
)
async def test_what_is_not_worth_it_is_not_put(
    valkey: RedisServer, kept: Entry, seconds: float
) -> None:
    async with open_tier(valkey.url, max_object=1_000) as tier:
        lease = await tier.leases.claim(DIGEST)
        assert isinstance(lease, Held)
        tier.entries.put(DIGEST, kept, seconds=seconds, limit=1, lease=lease)
        await eventually(lambda: not valkey.run("EXISTS", PRIMARY + ":lease"))
        assert await tier.bodies() == set()
        assert len(tier.leases) == 0


async def test_the_largest_object_that_can_be_set_is_shared(valkey: RedisServer) -> None:
    settings = {"url": valkey.url, "max_object": "16MiB"}
    largest = RedisStore.model_validate(settings).max_object
    async with open_tier(valkey.url, max_object=largest) as tier:
        await tier.put(entry(bytes(largest)))
        assert await tier.bodies() == {bytes(largest)}
    with pytest.raises(ValidationError, match="at most 16MiB"):
        RedisStore.model_validate(settings | {"max_object": largest + 1})


async def test_drop(tier: Tier) -> None:
    await tier.put(entry(), digest=OTHER)
    await tier.put(entry(selecting=DE), entry(selecting=EN))
    tier.entries.drop(OTHER, entry())
    tier.entries.drop(DIGEST, entry(selecting=DE))
    await tier.entries.aclose()
    assert await tier.bodies(OTHER) == set()
    assert [e.stored.selecting for e in await tier.entries.get(DIGEST, anything)] == [EN]


# Variants


async def test_variants_lie_side_by_side_9111_4_1(tier: Tier) -> None:
    await tier.put(entry(b"de", DE), entry(b"en", EN))
    assert await tier.bodies() == {b"de", b"en"}
    assert await tier.bodies(selecting=EN) == {b"en"}
    assert await tier.bodies(selecting=FR) == set()


async def test_a_variant_takes_the_place_of_its_like(tier: Tier) -> None:
    await tier.put(entry(b"old", DE), entry(b"en", EN), entry(b"new", DE))
    assert await tier.bodies() == {b"new", b"en"}


async def test_absent_and_empty_fields_select_differently(tier: Tier) -> None:
    absent = ((b"accept-language", None),)
    await tier.put(entry(b"absent", absent), entry(b"empty", language(b"")))
    assert await tier.bodies(selecting=absent) == {b"absent"}


@pytest.mark.parametrize("leased", [False, True])
async def test_beyond_the_limit_the_oldest_goes(
    server: RedisServer, tier: Tier, *, leased: bool
) -> None:
    await tier.put(entry(b"de", DE), entry(b"en", EN), limit=2)
    lease = await tier.leases.claim(DIGEST) if leased else None
    assert lease is None or isinstance(lease, Held)
    tier.entries.put(DIGEST, entry(b"fr", FR), seconds=LIFE, limit=2, lease=lease)
    await eventually(lambda: tier.entries.stats.puts == 3)
    assert await tier.bodies() == {b"en", b"fr"}
    assert server.run("DBSIZE") == 3


async def test_the_index_lives_as_long_as_any_variant(server: RedisServer, tier: Tier) -> None:
    await tier.put(entry(b"de", DE))
    tier.entries.put(DIGEST, entry(b"en", EN), seconds=1.0, limit=8)
    await eventually(lambda: tier.entries.stats.puts == 2)
    assert server.run("PTTL", PRIMARY) > 1_000


async def test_with_and_without_vary_replace_each_other(tier: Tier) -> None:
    await tier.put(entry(b"plain"), entry(b"de", DE))
    assert await tier.bodies() == {b"de"}
    await tier.put(entry(b"plain"))
    assert await tier.bodies() == {b"plain"}


async def test_variants_that_have_gone_are_missing_only(server: RedisServer, tier: Tier) -> None:
    await tier.put(entry(b"de", DE), entry(b"en", EN))
    server.run("DEL", KEYS.variant(DIGEST, DE))
    assert await tier.bodies() == {b"en"}
    assert tier.entries.stats.unreadable == 0


# Under a lease


async def test_a_lease_ends_with_the_entry(server: RedisServer, tier: Tier) -> None:
    lease = await tier.leases.claim(DIGEST)
    assert isinstance(lease, Held)
    tier.entries.put(DIGEST, entry(selecting=DE), seconds=LIFE, limit=1, lease=lease)
    await eventually(lambda: tier.entries.stats.puts)
    assert not server.run("EXISTS", PRIMARY + ":lease")
    assert len(tier.leases) == 0


async def test_who_has_lost_the_lease_writes_nothing(server: RedisServer, tier: Tier) -> None:
    await tier.put(entry(b"theirs"))
    lease = await tier.leases.claim(DIGEST)
    assert isinstance(lease, Held)
    server.run("SET", PRIMARY + ":lease", "another's")
    tier.entries.put(DIGEST, entry(b"late"), seconds=LIFE, limit=1, lease=lease)
    await eventually(lambda: tier.entries.stats.outrun)
    assert await tier.bodies() == {b"theirs"}
    assert server.run("GET", PRIMARY + ":lease") == b"another's"


async def test_a_write_that_fails_gives_the_lease_back(valkey: RedisServer) -> None:
    async with open_tier(valkey.url) as tier:
        lease = await tier.leases.claim(DIGEST)
        assert isinstance(lease, Held)
        valkey.run("CONFIG", "SET", "maxmemory", "1")
        tier.entries.put(DIGEST, entry(), seconds=LIFE, limit=1, lease=lease)
        await eventually(lambda: tier.link.stats.failures["refused"])
        await eventually(lambda: not valkey.run("EXISTS", PRIMARY + ":lease"))


# One round trip a turn


async def test_the_look_ups_of_a_turn_are_one_command(server: RedisServer, tier: Tier) -> None:
    digests = [bytes([number]) * 16 for number in range(64)]
    for digest in digests:
        await tier.put(entry(digest), digest=digest)
    server.run("CONFIG", "RESETSTAT")
    found = await asyncio.gather(*(tier.bodies(digest) for digest in digests))
    assert found == [{digest} for digest in digests]
    assert server.calls("mget") == 1
    assert server.calls("get") == 0


async def test_a_turn_of_many_is_a_few_commands(server: RedisServer, tier: Tier) -> None:
    server.run("CONFIG", "RESETSTAT")
    await asyncio.gather(*(tier.bodies(b"%16d" % number) for number in range(129)))
    assert server.calls("mget") == 3


async def test_the_same_key_is_asked_for_once(server: RedisServer, tier: Tier) -> None:
    await tier.put(entry(b"x" * 100_000))
    before = server.run("INFO", "stats")["total_net_output_bytes"]
    found = await asyncio.gather(*(tier.bodies() for _ in range(50)))
    assert all(found)
    assert server.run("INFO", "stats")["total_net_output_bytes"] - before < 200_000


async def test_variants_cost_two_round_trips(server: RedisServer, tier: Tier) -> None:
    await tier.put(entry(b"de", DE), entry(b"en", EN))
    server.run("CONFIG", "RESETSTAT")
    assert await tier.bodies() == {b"de", b"en"}
    assert server.calls("mget") == 2


async def test_who_leaves_takes_nothing_from_the_others(tier: Tier) -> None:
    await tier.put(entry())
    leaving, staying = (asyncio.create_task(tier.bodies()) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == {b"body"}
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert tier.link.usable


# What others have left there

VALUE: Final = encode(entry(), 0.0)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"foreign",
        VALUE[:-1],
        VALUE + b"x",
        VALUE[:-1] + bytes([VALUE[-1] ^ 1]),
        b"SCE2" + VALUE[4:],
        encode_index((DE,))[:-1],
    ],
    ids=["empty", "foreign", "short", "long", "flipped", "magic", "index"],
)
async def test_what_cannot_be_read_is_nothing(valkey: RedisServer, value: bytes) -> None:
    async with open_tier(valkey.url) as tier:
        valkey.run("SET", PRIMARY, value)
        assert await tier.bodies() == set()
        assert tier.entries.stats.unreadable == 1
        await tier.put(entry(b"again"), entry(b"de", DE))
        assert await tier.bodies() == {b"de"}


async def test_a_key_of_another_type_is_nothing(server: RedisServer, tier: Tier) -> None:
    server.run("HSET", PRIMARY, "a", "b")
    await tier.put(entry(b"other"), digest=OTHER)
    nothing, other = await asyncio.gather(tier.bodies(), tier.bodies(OTHER))
    assert (nothing, other) == (set(), {b"other"})
    await tier.put(entry(b"again"))
    assert await tier.bodies() == {b"again"}


async def test_an_index_that_points_elsewhere_gives_only_what_is_wanted(
    valkey: RedisServer,
) -> None:
    async with open_tier(valkey.url) as tier:
        valkey.run("SET", PRIMARY, encode_index((DE,)))
        valkey.run("SET", KEYS.variant(DIGEST, DE), encode(entry(b"en", EN), 0.0))
        assert await tier.bodies(selecting=DE) == set()


# When Redis is unwell


async def test_before_the_clock_is_known_nothing_is_shared(server: RedisServer, tier: Tier) -> None:
    await tier.put(entry())
    tier.shared.offset = None
    assert await tier.bodies() == set()
    tier.entries.put(OTHER, entry(), seconds=LIFE, limit=1)
    tier.entries.drop(DIGEST, entry())
    await tier.entries.aclose()
    assert server.run("DBSIZE") == 1


async def test_a_clock_that_is_lost_meanwhile(valkey: RedisServer) -> None:
    async with open_tier(valkey.url) as tier:
        await tier.put(entry())
        reading = asyncio.create_task(tier.bodies())
        tier.entries.put(OTHER, entry(), seconds=LIFE, limit=1)
        await asyncio.sleep(0)
        tier.shared.offset = None
        assert await reading == set()
        assert tier.entries.stats.unreadable == 0


async def test_a_hung_server_costs_deadlines_and_then_nothing(server: RedisServer) -> None:
    async with open_tier(server.url, deadline=0.1) as tier:
        await tier.put(entry())
        server.sigstop()
        for _ in range(3):
            assert await tier.bodies() == set()
        operations = tier.link.stats.operations
        for _ in range(1_000):
            assert await tier.bodies() == set()
            tier.entries.put(DIGEST, entry(), seconds=LIFE, limit=1)
            tier.entries.drop(DIGEST, entry())
        assert tier.link.stats.operations == operations
        server.sigcont()
        await eventually(lambda: tier.link.usable)
        assert await tier.bodies() == {b"body"}


async def test_a_killed_server_comes_back_empty_and_is_used_again(server: RedisServer) -> None:
    async with open_tier(server.url) as tier:
        await tier.put(entry())
        server.kill()
        while tier.link.usable:
            assert await tier.bodies() == set()
        server.start()
        await eventually(lambda: tier.link.usable)
        assert await tier.bodies() == set()
        await tier.put(entry(b"again"))
        assert await tier.bodies() == {b"again"}


UNWRITABLE: Final[dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]]] = {
    "OOM": (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
    "READONLY": (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
}


@pytest.mark.parametrize("refusal", UNWRITABLE)
async def test_a_server_that_takes_no_writes_is_still_read(
    server: RedisServer, tier: Tier, refusal: str
) -> None:
    await tier.put(entry())
    unwell, well = UNWRITABLE[refusal]
    server.run(*unwell)
    tier.entries.put(OTHER, entry(), seconds=LIFE, limit=1)
    await eventually(lambda: tier.link.stats.failures["refused"])
    assert await tier.bodies() == {b"body"}
    assert await tier.bodies(OTHER) == set()
    server.run(*well)
    await tier.put(entry(b"later"), digest=OTHER)
    assert await tier.bodies(OTHER) == {b"later"}


async def test_writes_beyond_the_bound_are_shed(
    valkey: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writes, "PARTING_SECONDS", 0.1)
    async with open_tier(valkey.url, deadline=5.0) as tier:
        valkey.sigstop()
        for number in range(50):
            tier.entries.put(b"%16d" % number, entry(b"x" * 1_000_000), seconds=LIFE, limit=1)
        assert tier.entries.stats.shed == 50 - 33
        valkey.sigcont()


# Codings

BR: Final = Coded(Coding.BR, b"br", b"0f")
OWN: Final = b"0123456789abcdef"


async def test_a_coding_comes_beside_its_entry_for_the_rest_of_its_life(
    server: RedisServer, tier: Tier
) -> None:
    for kept in (entry(), entry(b"de", DE)):
        own = replace(kept, id=OWN)
        await tier.put(own)
        place = KEYS.place(DIGEST, own.stored.selecting)
        server.run("PEXPIRE", place, 30_000)
        tier.entries.recode(DIGEST, own.with_coded(BR))
        await eventually(lambda: not tier.entries.waiting)
        assert await tier.entries.get(DIGEST, anything) == (own.with_coded(BR),)
        assert 0 < server.run("PTTL", place) <= 30_000


@pytest.mark.parametrize("own", [b"another", b""], ids=["another", "none"])
async def test_a_coding_of_what_is_no_longer_there_is_lost(tier: Tier, own: bytes) -> None:
    await tier.put(replace(entry(), id=OWN))
    tier.entries.recode(DIGEST, replace(entry(b"old"), id=own).with_coded(BR))
    tier.entries.recode(OTHER, replace(entry(), id=OWN).with_coded(BR))
    await eventually(lambda: not tier.entries.waiting)
    assert await tier.entries.get(DIGEST, anything) == (replace(entry(), id=OWN),)
    assert await tier.bodies(OTHER) == set()


async def test_a_coding_of_what_is_too_large_to_be_shared_stays_here(server: RedisServer) -> None:
    async with open_tier(server.url, max_object=3) as tier:
        tier.entries.recode(DIGEST, replace(entry(b"four"), id=OWN).with_coded(BR))
        assert tier.entries.waiting == 0


async def test_codings_that_are_too_large_to_be_shared_stay_here(server: RedisServer) -> None:
    async with open_tier(server.url, max_object=9) as tier:
        own = replace(entry(), id=OWN)
        for each in (b"0123456789", b"01234"):
            tier.entries.recode(DIGEST, own.with_coded(replace(BR, body=each)))
            assert (tier.entries.waiting > 0) is (len(each) <= 9)


async def test_a_coding_that_redis_does_not_take_fails_nobody(
    server: RedisServer, tier: Tier
) -> None:
    own = replace(entry(), id=OWN)
    await tier.put(own)
    server.kill()
    tier.entries.recode(DIGEST, own.with_coded(BR))
    await eventually(lambda: not tier.entries.waiting)
