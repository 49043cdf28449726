"""Plays without the log: for a while what is held is served with a mark, and then nothing of it."""

import asyncio

import pytest

from proxy.engine.ledger import LEASE
from proxy.errors import UpstreamUnreachable
from tests.engine.house import House
from tests.engine.scripted import failing, reply, settle

FRESH = "Cache-Control: max-age=600"
SIE = "Cache-Control: max-age=10, stale-if-error=600"
LAPSE = LEASE + House.MAX_UNVERIFIED + 0.1


def silent(house: House, seconds: float) -> None:
    """Let time pass in which nothing was heard of the log."""
    for follower in house.log.followers.values():
        follower.cut_off = True
    house.later(seconds)


def back(house: House) -> None:
    """Let the log be heard again."""
    for follower in house.log.followers.values():
        follower.cut_off = False
    house.catch_up()


SILENCE = {
    "confirmed": (LEASE, "hit; ttl=598; detail=fresh"),
    "unconfirmed": (LEASE + 0.1, "hit; ttl=597; detail=unverified"),
    "unconfirmed-to-the-end": (LAPSE - 0.1, "hit; ttl=568; detail=unverified"),
}


@pytest.mark.parametrize(("seconds", "how"), SILENCE.values(), ids=SILENCE)
async def test_what_is_held_is_served_for_a_while(house: House, seconds: float, how: str) -> None:
    await house.one.fill(FRESH)
    silent(house, seconds)
    told = await house.one.get()
    assert (told.body, told.how) == (b"hello", how)
    assert (await house.two.get()).how == how


async def test_after_that_nothing_is_served_that_is_held(house: House) -> None:
    await house.one.fill(FRESH)
    silent(house, LAPSE)
    for play in house.plays:
        house.script(reply(200, FRESH, body=b"new"))
        told = await play.get()
        assert (told.body, told.how) == (
            b"new",
            "fwd=miss; ttl=600; stored; detail=unverified",
        )
    refused = await house.one.get("Cache-Control: only-if-cached")
    assert (refused.status, refused.how) == (504, "detail=only-if-cached")


@pytest.mark.parametrize("meanwhile", [False, True], ids=["lapsed-before", "lapsed-meanwhile"])
async def test_nothing_that_is_held_stands_in_for_an_error(
    house: House, *, meanwhile: bool
) -> None:
    await house.one.fill(SIE)
    head = asyncio.Event()
    house.script(failing(UpstreamUnreachable(""), waits=head))
    silent(house, LAPSE - 1 if meanwhile else LAPSE)
    client = house.one.begin()
    await settle()
    house.later(1)
    head.set()
    assert (await client).status == 502


async def test_what_was_stale_when_it_lapsed_is_not_asked_about(house: House) -> None:
    await house.one.fill(SIE, 'ETag: "1"')
    silent(house, LAPSE)
    house.script(reply(200, SIE, body=b"new"))
    assert (await house.one.get()).body == b"new"
    assert b"if-none-match" not in house.upstream.sent[-1].fields


async def test_what_lapsed_while_one_waited_is_not_asked_about(house: House) -> None:
    await house.one.fill("Cache-Control: max-age=10", 'ETag: "1"')
    silent(house, LAPSE - 1)
    head = asyncio.Event()
    house.script(reply(304, "Cache-Control: no-store", waits=head), reply(200, FRESH, body=b"new"))
    leader, follower = house.one.begin(), house.one.begin()
    await settle()
    house.later(1)
    head.set()
    assert [(await leader).body, (await follower).body] == [b"hello", b"new"]
    assert b"if-none-match" not in house.upstream.sent[-1].fields


async def test_the_upstream_is_asked_once_at_a_time(house: House) -> None:
    silent(house, LAPSE)
    heads = [asyncio.Event(), asyncio.Event()]
    house.script(*(reply(200, FRESH, body=b"%d" % n, waits=head) for n, head in enumerate(heads)))
    first = house.one.begin()
    await settle()
    house.later(1)
    others = [house.one.begin() for _ in range(5)]
    await settle()
    assert house.asked == 1  # not served by what left before they came, and yet no stampede
    house.later(1)
    heads[0].set()
    assert (await first).body == b"0"
    await settle()
    assert house.asked == 2
    heads[1].set()
    told = [await other for other in others]
    assert {t.body for t in told} == {b"1"}
    assert [t.account.collapsed for t in told] == [None] + [True] * 4
    assert told[1].how == "fwd=miss; ttl=600; stored; collapsed; detail=unverified"


async def test_nobody_reads_along_with_what_left_before_it_came(house: House) -> None:
    silent(house, LAPSE)
    rest = asyncio.Event()
    house.script(reply(200, FRESH, body=[b"ol", rest, b"d"]), reply(200, FRESH, body=b"new"))
    first = house.one.begin()
    await settle()
    house.later(1)
    assert (await house.one.get()).body == b"new"
    rest.set()
    assert (await first).body == b"old"


async def test_who_came_together_share(house: House) -> None:
    silent(house, LAPSE)
    head = asyncio.Event()
    house.script(reply(200, FRESH, waits=head))
    clients = [house.one.begin() for _ in range(3)]
    await settle()
    head.set()
    assert [(await client).account.collapsed for client in clients] == [None, True, True]


async def test_who_cannot_believe_the_log_asks_for_no_lease(house: House) -> None:
    silent(house, LAPSE)
    lease = await house.lease()
    house.script(reply(200, FRESH))
    client = house.one.begin()
    await settle()
    assert house.asked == 1
    assert (await client).body == b"hello"
    house.release(lease)


async def test_when_the_log_is_back_what_was_held_is_served_again(house: House) -> None:
    await house.one.fill(FRESH, "Surrogate-Key: one")
    silent(house, LAPSE)
    back(house)
    assert (await house.one.get()).how == "hit; ttl=567; detail=fresh"
    assert (await house.two.get()).how == "hit; ttl=567; detail=fresh"


async def test_when_the_log_is_back_what_was_purged_meanwhile_is_void(house: House) -> None:
    await house.one.fill(FRESH, "Surrogate-Key: one")
    house.follower("one").cut_off = True
    house.later(LAPSE)
    await house.two.purge("one")
    back(house)
    house.script(reply(200, FRESH, body=b"new"))
    assert (await house.one.get()).body == b"new"


async def test_a_new_epoch_voids_all(house: House) -> None:
    await house.one.fill(FRESH)
    for follower in house.log.followers.values():
        follower.ledger.rebase(b"another", 0, b"")
    house.script(reply(200, FRESH, body=b"new"))
    assert (await house.one.get()).body == b"new"
    assert (await house.two.get()).body == b"new"
