"""Plays of purging: what a purge meets on its way, in memory and in flight."""

import asyncio

import pytest

from proxy.engine.purge import Mode
from proxy.errors import UpstreamUnreachable
from tests.engine.house import House
from tests.engine.scripted import Play, ask, failing, reply, settle

FRESH = "Cache-Control: max-age=60"
ONE = "Surrogate-Key: one"
TAGGED = (FRESH, 'ETag: "1"', ONE)
SWR = ("Cache-Control: max-age=60, stale-while-revalidate=30", 'ETag: "1"', ONE)
SIE = ("Cache-Control: max-age=60, stale-if-error=60", 'ETag: "1"', ONE)

MODES = pytest.mark.parametrize("mode", Mode, ids=lambda mode: mode.value)


async def test_what_is_purged_is_fetched_anew(play: Play) -> None:
    await play.fill(*TAGGED)
    await play.purge("another")
    assert (await play.get()).reason == "fresh"
    await play.purge("one")
    play.script(reply(200, *TAGGED, body=b"new"))
    told = await play.get()
    assert (told.body, told.how) == (b"new", "fwd=uri-miss; ttl=60; stored; detail=uri-miss")
    assert (await play.get()).how == "hit; ttl=60; detail=fresh"


@MODES
async def test_a_purge_between_fetch_and_store_wins(play: Play, mode: Mode) -> None:
    rest = asyncio.Event()
    play.script(reply(200, *TAGGED, body=[b"ol", rest, b"d"]))
    client = play.begin()
    await settle()
    await play.purge("one", mode=mode)
    rest.set()
    assert (await client).body == b"old"
    assert play.kept() == ()


@MODES
async def test_a_purge_before_the_head_has_come_wins(play: Play, mode: Mode) -> None:
    head = asyncio.Event()
    play.script(reply(200, *TAGGED, body=b"old", waits=head))
    client = play.begin()
    await settle()
    await play.purge("one", mode=mode)
    head.set()
    assert (await client).body == b"old"
    assert play.kept() == ()


@MODES
async def test_who_comes_after_a_purge_does_not_wait_for_an_older_fetch(
    play: Play, mode: Mode
) -> None:
    head = asyncio.Event()
    play.script(reply(200, *TAGGED, body=b"old", waits=head), reply(200, *TAGGED, body=b"new"))
    leader = play.begin()
    await settle()
    await play.purge(mode=mode)
    assert (await play.get()).body == b"new"
    head.set()
    assert (await leader).body == b"old"


@MODES
async def test_who_comes_after_a_purge_does_not_follow_an_older_fetch(
    play: Play, mode: Mode
) -> None:
    rest = asyncio.Event()
    play.script(reply(200, *TAGGED, body=[b"ol", rest, b"d"]), reply(200, *TAGGED, body=b"new"))
    leader = play.begin()
    await settle()
    await play.purge("one", mode=mode)
    assert (await play.get()).body == b"new"
    rest.set()
    assert (await leader).body == b"old"
    assert [e.body for e in play.kept()] == [b"new"]


@MODES
async def test_who_followed_before_a_purge_is_not_given_what_it_outdates(
    play: Play, mode: Mode
) -> None:
    head = asyncio.Event()
    play.script(reply(200, *TAGGED, body=b"old", waits=head), reply(200, *TAGGED, body=b"new"))
    leader, follower = play.begin(), play.begin()
    await settle()
    await play.purge("one", mode=mode)  # that it is called so, only the head will tell
    head.set()
    assert (await leader).body == b"old"
    told = await follower
    assert (told.body, told.how) == (
        b"new",
        "fwd=uri-miss; ttl=60; stored; collapsed=?0; detail=uri-miss",
    )
    assert [e.body for e in play.kept()] == [b"new"]


@MODES
async def test_a_background_refresh_that_a_purge_overtakes_brings_nothing(
    play: Play, mode: Mode
) -> None:
    await play.fill(*SWR)
    play.later(70)
    head = asyncio.Event()
    play.script(reply(200, *SWR, body=b"old", waits=head))
    assert (await play.get()).reason == "stale-while-revalidate"
    await settle()
    await play.purge("one", mode=mode)
    head.set()
    await settle()
    if mode is Mode.HARD:
        assert play.kept() == ()
    else:
        assert play.stored().ttl(play.clock.now()) == -10


async def test_a_304_that_a_hard_purge_overtakes_blesses_nothing(play: Play) -> None:
    await play.fill(*TAGGED)
    play.later(70)
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head))
    client = play.begin()
    await settle()
    await play.purge("one")
    head.set()
    told = await client
    assert (told.body, told.how) == (
        b"hello",
        "fwd=stale; fwd-status=304; ttl=60; detail=outdated",
    )
    assert play.kept() == ()


async def test_what_a_hard_purge_took_while_one_waited_is_not_asked_about(play: Play) -> None:
    await play.fill(*TAGGED)
    play.later(70)
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head), reply(200, *TAGGED, body=b"new"))
    leader, follower = play.begin(), play.begin()
    await settle()
    await play.purge("one")
    head.set()
    assert [(await leader).body, (await follower).body] == [b"hello", b"new"]
    assert b"if-none-match" not in play.upstream.sent[-1].fields
    assert [e.body for e in play.kept()] == [b"new"]


async def test_a_part_that_a_hard_purge_took_while_one_waited_is_not_completed(play: Play) -> None:
    play.script(reply(206, *TAGGED, "Content-Range: bytes 0-1/5", body=b"he"))
    await play.get("Range: bytes=0-1")
    head = asyncio.Event()
    play.script(reply(500, ONE, waits=head, body=b"no"), reply(200, *TAGGED, body=b"world"))
    leader, follower = play.begin(), play.begin()
    await settle()
    await play.purge("one")
    head.set()
    assert [(await leader).body, (await follower).body] == [b"no", b"world"]
    assert b"range" not in play.upstream.sent[-1].fields


@pytest.mark.parametrize("error", [None, UpstreamUnreachable("")], ids=["5861-4", "9111-4.2.4"])
async def test_what_is_hard_purged_stands_in_for_no_error(
    play: Play, error: Exception | None
) -> None:
    await play.fill(*SIE)
    play.later(70)
    await play.purge("one")
    play.script(reply(503, body=b"down") if error is None else failing(error))
    assert (await play.get()).status in {502, 503}


async def test_what_is_hard_purged_meanwhile_stands_in_for_no_error(play: Play) -> None:
    await play.fill(*SIE)
    play.later(70)
    head = asyncio.Event()
    play.script(failing(UpstreamUnreachable(""), waits=head))
    client = play.begin()
    await settle()
    await play.purge("one")
    head.set()
    assert (await client).status == 502


async def test_a_hard_purge_takes_what_a_soft_one_has_left(play: Play) -> None:
    await play.fill(*SWR)
    await play.purge("one", mode=Mode.SOFT)
    await play.purge("one")
    play.script(reply(200, *SWR, body=b"new"))
    assert (await play.get()).body == b"new"


@MODES
async def test_a_purge_reaches_what_another_proxy_has_kept(house: House, mode: Mode) -> None:
    house.script(reply(200, *TAGGED))
    await house.one.get()
    await house.two.get()
    await house.one.purge("one", mode=mode)
    assert (await house.two.get()).reason == "fresh"  # it has not heard of it yet
    house.catch_up()
    house.later(1)
    house.script(reply(200, *TAGGED, body=b"new"))
    told = await house.two.get()
    assert (told.body, told.reason) == (b"new", "uri-miss" if mode is Mode.HARD else "soft-purged")
    assert (await house.one.get()).body == b"new"
    assert house.shared() == [b"new"]


async def test_what_a_proxy_shares_that_lags_is_void_where_the_purge_is_known(
    house: House,
) -> None:
    head = asyncio.Event()
    house.script(reply(200, *TAGGED, body=b"old", waits=head))
    late = house.two.begin()
    await settle()
    await house.one.purge("one")
    head.set()
    assert (await late).body == b"old"
    assert house.shared() == [b"old"]  # it does not know better
    house.script(reply(200, *TAGGED, body=b"new"))
    assert (await house.one.get()).body == b"new"
    house.catch_up()
    assert (await house.two.get()).body == b"new"


async def test_everything_is_purged_everywhere(house: House) -> None:
    for target in ("/a", "/b"):
        house.script(reply(200, FRESH))
        await house.one.get(target=target)
        await house.two.get(target=target)
    await house.two.purge()
    house.catch_up()
    assert not any(play.kept(target=target) for play in house.plays for target in ("/a", "/b"))


@MODES
async def test_those_on_both_sides_of_a_purge_share_one_fetch_each(play: Play, mode: Mode) -> None:
    """By a tag that only the answer tells: nobody knows it before the answer is there."""
    head = asyncio.Event()
    play.script(
        reply(200, *TAGGED, body=b"old", waits=head), reply(200, *TAGGED, body=b"new", waits=head)
    )
    before = [play.begin() for _ in range(10)]
    await settle()
    await play.purge("one", mode=mode)
    after = [play.begin() for _ in range(10)]
    await settle()
    head.set()
    assert {(await client).body for client in after} == {b"new"}
    assert {(await client).body for client in before} <= {b"old", b"new"}
    assert play.asked == 2
    assert [entry.body for entry in play.kept()] == [b"new"]


async def test_a_purge_overtakes_the_answer_to_a_write_as_well(play: Play) -> None:
    head = asyncio.Event()
    lines = (FRESH, ONE, "Content-Location: /thing")
    play.script(reply(200, *lines, body=b"old", waits=head))
    writing = asyncio.create_task(
        play.tell(ask("Content-Length: 4", method="POST", has_body=True), b"form")
    )
    await settle()
    await play.purge("one")
    head.set()
    assert (await writing).body == b"old"
    assert play.kept() == ()
