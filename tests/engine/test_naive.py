"""The naive ports: what the contracts leave to whoever implements them, and what plays rely on."""

from dataclasses import replace

import pytest

from proxy.engine.entry import Entry
from proxy.engine.ledger import Ledger, Standing, Trust
from proxy.engine.naive import NaiveFar, NaiveFollower, NaiveLog, NaiveNear
from proxy.engine.ports import Adrift, Held, Passing, Replica, Taken
from proxy.engine.purge import Born, Facts, Mode, Purge
from proxy.errors import StoreError
from proxy.policy.stored import Selecting
from proxy.rules import labels
from proxy.rules.labels import Labels
from tests.engine.scripted import Clock, T
from tests.policy.cases import ask, stored

KEY = b"digest"
TAG = labels.tag(b"one")
ONE = Labels((TAG,), b"api.test/thing")


def entry(variant: str, body: bytes = b"hello") -> Entry:
    request = ask(f"X: {variant}")
    kept = stored("Cache-Control: max-age=60", "Vary: X", request=request)
    return Entry(b"text", kept, body, ONE, Born(b"naive", 0))


def every(_: Selecting) -> bool:
    return True


class Shared:
    """A shared tier and its leases at one clock."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.far = NaiveFar(self.clock)
        self.leases = self.far.leases

    def put(self, one: Entry, *, limit: int = 9, lease: Held | None = None) -> None:
        self.far.put(KEY, one, seconds=10, limit=limit, lease=lease)

    async def bodies(self) -> list[bytes]:
        return [one.body for one in await self.far.get(KEY, every)]

    async def claimed(self) -> Held:
        claim = await self.leases.claim(KEY)
        assert isinstance(claim, Held)
        return claim


@pytest.fixture
def shared() -> Shared:
    return Shared()


def test_near_holds_what_was_put_last() -> None:
    near = NaiveNear()
    near.put(KEY, (entry("a"),))
    near.put(KEY, (entry("b"),))
    assert near.get(KEY) == (entry("b"),)
    near.drop(KEY)
    near.drop(KEY)
    assert near.get(KEY) == ()


async def test_far_shows_the_variants_that_are_wanted(shared: Shared) -> None:
    shared.put(entry("a"))
    shared.put(entry("b"))
    found = await shared.far.get(KEY, lambda selecting: dict(selecting)[b"x"] == b"a")
    assert found == (entry("a"),)
    assert await shared.far.get(b"another", every) == ()


async def test_far_keeps_the_latest_variants_each_once(shared: Shared) -> None:
    for variant, body in (("a", b"a"), ("b", b"b"), ("a", b"new")):
        shared.put(entry(variant, body))
    assert await shared.bodies() == [b"new", b"b"]
    shared.put(entry("c", b"c"), limit=2)
    assert await shared.bodies() == [b"c", b"new"]
    shared.far.drop(KEY, entry("c"))
    assert await shared.bodies() == [b"new"]


async def test_far_forgets_when_time_is_up(shared: Shared) -> None:
    shared.put(entry("a"))
    shared.clock.time += 9.9
    assert await shared.bodies() == [b"hello"]
    shared.clock.time += 0.1
    assert await shared.bodies() == []


async def test_one_at_a_time_holds_a_lease(shared: Shared) -> None:
    first = await shared.claimed()
    assert not first.stored
    assert await shared.leases.claim(KEY) == Taken()
    assert isinstance(await shared.leases.claim(b"another"), Held)
    shared.leases.release(KEY, first)
    second = await shared.claimed()
    assert second.token != first.token
    shared.leases.release(KEY, first)  # it is another's by now
    assert await shared.leases.claim(KEY) == Taken()


async def test_a_lease_ends_with_what_is_put_under_it(shared: Shared) -> None:
    lease = await shared.claimed()
    shared.put(entry("a"), lease=lease)
    assert await shared.bodies() == [b"hello"]
    assert (await shared.claimed()).stored


async def test_nothing_is_put_under_a_lost_lease(shared: Shared) -> None:
    lease = await shared.claimed()
    shared.leases.release(KEY, lease)
    other = await shared.claimed()
    shared.put(entry("a"), lease=lease)
    assert await shared.bodies() == []
    assert shared.leases.holds(KEY, other)


async def test_a_mark_ends_with_its_time(shared: Shared) -> None:
    lease = await shared.claimed()
    shared.leases.mark(KEY, replace(lease, token=b"another"), 5)
    assert await shared.leases.claim(KEY) == Taken()
    shared.leases.mark(KEY, lease, 5)
    assert await shared.leases.claim(KEY) == Passing()
    shared.clock.time += 5
    assert isinstance(await shared.leases.claim(KEY), Held)


async def test_out_of_reach_nobody_can_tell(shared: Shared) -> None:
    shared.leases.reachable = False
    assert await shared.leases.claim(KEY) == Adrift()


# The log


def following(log: NaiveLog, clock: Clock, name: str) -> NaiveFollower:
    ledger = Ledger(max_unverified=0.0)
    follower = log.follower(name, ledger)
    assert ledger.trust(clock.now()) is Trust.CONFIRMED
    return follower


async def test_a_purge_reaches_all_in_order() -> None:
    clock = Clock()
    log = NaiveLog(clock)
    one, two = following(log, clock, "one"), following(log, clock, "two")
    born = one.ledger.position
    assert [await one.publish(Purge((TAG,))), await two.publish(Purge())] == [
        (b"naive", 1),
        (b"naive", 2),
    ]
    assert one.ledger.standing(ONE, born) is Standing.PURGED
    assert two.ledger.standing(ONE, born) is Standing.PURGED
    assert await one.replicas() == (
        Replica("one", "", 1, 0.0, 1, b"naive"),
        Replica("two", "", 2, 0.0, 0, b"naive"),
    )
    newcomer = following(log, clock, "newcomer")
    assert newcomer.ledger.standing(ONE, born) is Standing.UNKNOWN
    assert newcomer.ledger.nonce == log.records[-1].nonce


async def test_the_log_tells_what_it_knows_of_tags() -> None:
    clock = Clock()
    log = NaiveLog(clock)
    one = following(log, clock, "one")
    assert await one.facts(ONE) == Facts(b"naive", 0)
    for mode in (Mode.HARD, Mode.SOFT, Mode.REFRESH):
        clock.time += 1
        await one.publish(Purge((TAG,), mode=mode))
    await one.publish(Purge((labels.tag(b"two"),)))
    assert await one.facts(ONE) == Facts(b"naive", 4, hard=1, soft=3, soft_at=T + 3)


async def test_cut_off_nothing_is_reached_or_heard() -> None:
    clock = Clock()
    log = NaiveLog(clock)
    one, two = following(log, clock, "one"), following(log, clock, "two")
    two.cut_off = True
    await one.publish(Purge())
    clock.time += 60
    two.catch_up()
    assert (two.ledger.sequence, two.ledger.trust(clock.now())) == (0, Trust.LAPSED)
    assert await two.facts(ONE) is None
    with pytest.raises(StoreError):
        await two.replicas()
    with pytest.raises(StoreError):
        await two.publish(Purge((TAG,)))
    assert two.ledger.minor == 1
    two.cut_off = False
    two.catch_up()
    one.catch_up()
    assert [one.ledger.sequence, two.ledger.sequence] == [2, 2]
    assert log.records[-1].purge == Purge((TAG,))
