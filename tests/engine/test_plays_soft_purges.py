"""Plays of soft purges: what they leave is stale before its time, and usable as such."""

import asyncio

import pytest

from proxy.engine.purge import Mode
from proxy.errors import UpstreamUnreachable
from tests.engine.scripted import Play, failing, reply, settle

FRESH = "Cache-Control: max-age=60"
ONE = "Surrogate-Key: one"
TAGGED = (FRESH, 'ETag: "1"', ONE)
SWR = ("Cache-Control: max-age=60, stale-while-revalidate=30", 'ETag: "1"', ONE)
SIE = ("Cache-Control: max-age=60, stale-if-error=60", 'ETag: "1"', ONE)
SOFT = [Mode.SOFT, Mode.REFRESH]


@pytest.mark.parametrize("mode", SOFT, ids=lambda mode: mode.value)
async def test_what_is_softly_purged_is_stale_and_validated(play: Play, mode: Mode) -> None:
    await play.fill(*TAGGED)
    play.later(10)
    await play.purge("one", mode=mode)
    play.later(5)
    play.script(reply(304, FRESH))
    told = await play.get()
    assert play.upstream.sent[-1].fields.all(b"if-none-match") == (b'"1"',)
    assert told.how == "fwd=stale; fwd-status=304; ttl=60; stored; detail=soft-purged"
    hit = await play.get()
    assert (hit.body, hit.how) == (b"hello", "hit; ttl=60; detail=fresh")
    await play.purge("one", mode=mode)  # it is called as before
    play.script(reply(200, *TAGGED, body=b"new"))
    assert (await play.get()).body == b"new"


async def test_5861_3_what_is_softly_purged_is_served_while_it_is_refreshed(play: Play) -> None:
    await play.fill(*SWR)
    await play.purge("one", mode=Mode.SOFT)
    play.later(5)
    head = asyncio.Event()
    play.script(reply(200, *SWR, body=b"new", waits=head))
    told = [await play.get(), await play.get()]
    assert [(t.body, t.how) for t in told] == [
        (b"hello", "hit; ttl=-5; detail=stale-while-revalidate")
    ] * 2
    head.set()
    await settle()
    assert (await play.get()).body == b"new"


async def test_5861_4_what_is_softly_purged_stands_in_for_an_error(play: Play) -> None:
    await play.fill(*SIE)
    await play.purge("one", mode=Mode.SOFT)
    play.later(5)
    play.script(reply(503))
    assert (await play.get()).how == "hit; ttl=-5; detail=stale-if-error"


async def test_9111_4_2_4_what_is_softly_purged_stands_in_for_the_unreachable(play: Play) -> None:
    await play.fill(*TAGGED)
    await play.purge("one", mode=Mode.SOFT)
    play.script(failing(UpstreamUnreachable("")))
    assert (await play.get()).how == "hit; ttl=0; detail=stale-unreachable"


async def test_a_304_that_a_soft_purge_overtakes_is_asked_for_again(play: Play) -> None:
    await play.fill(*TAGGED)
    play.later(70)
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head), reply(304, FRESH))
    client = play.begin()
    await settle()
    await play.purge("one", mode=Mode.SOFT)
    head.set()
    assert (await client).body == b"hello"
    play.later(1)
    assert (await play.get()).how == "fwd=stale; fwd-status=304; ttl=60; stored; detail=soft-purged"


async def test_who_waited_for_a_304_that_a_soft_purge_overtakes_asks_for_itself(
    play: Play,
) -> None:
    await play.fill(*TAGGED)
    play.later(70)
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head), reply(200, *TAGGED, body=b"new"))
    leader, follower = play.begin(), play.begin()
    await settle()
    await play.purge("one", mode=Mode.SOFT)
    head.set()
    assert [(await leader).body, (await follower).body] == [b"hello", b"new"]
    assert [e.body for e in play.kept()] == [b"new"]
