"""Plays of a fleet: what one proxy has fetched serves the others, and who of them fetches.

Waiting proxies poll, so that these plays take some milliseconds.
"""

import asyncio

import pytest

from proxy.engine.fleet import LONGEST_WAIT
from proxy.errors import UpstreamUnreachable
from proxy.policy.reasons import Reason
from tests.engine.house import House, told
from tests.engine.scripted import failing, reply, settle

FRESH = "Cache-Control: max-age=60"
TAGGED = (FRESH, 'ETag: "1"')


async def test_what_one_fetches_is_a_hit_on_the_other(house: House) -> None:
    house.script(reply(200, FRESH))
    assert (await house.one.get()).how == "fwd=uri-miss; ttl=60; stored; detail=uri-miss"
    house.later(7)
    hit = await house.two.get()
    assert (hit.body, hit["age"], hit.how) == (b"hello", "7", "hit; ttl=53; detail=fresh")
    assert house.asked == 1
    house.far.entries.clear()
    assert (await house.two.get()).how == "hit; ttl=53; detail=fresh"  # from memory by now


async def test_head_is_answered_from_what_another_has_fetched(house: House) -> None:
    house.script(reply(200, FRESH))
    await house.one.get()
    hit = await house.two.get(method="HEAD")
    assert (hit.status, hit.body, hit["content-length"]) == (200, b"", "5")
    assert hit.how == "hit; ttl=60; detail=fresh"


async def test_a_range_is_cut_from_what_another_has_fetched(house: House) -> None:
    house.script(reply(200, FRESH))
    await house.one.get()
    hit = await house.two.get("Range: bytes=1-3")
    assert (hit.status, hit.body) == (206, b"ell")


async def test_9111_5_2_1_7_only_if_cached_finds_what_another_has_fetched(house: House) -> None:
    refused = await house.two.get("Cache-Control: only-if-cached")
    assert (refused.status, refused.how) == (504, "detail=only-if-cached")
    house.script(reply(200, FRESH))
    await house.one.get()
    hit = await house.two.get("Cache-Control: only-if-cached")
    assert (hit.body, hit.how) == (b"hello", "hit; ttl=60; detail=fresh")


async def test_the_upstream_is_asked_once_by_all(house: House) -> None:
    head = asyncio.Event()
    house.script(reply(200, FRESH, waits=head))
    leading = [house.one.begin() for _ in range(3)]
    await settle()
    following = [house.two.begin() for _ in range(3)]
    await settle()
    assert house.asked == 1
    head.set()
    first, *others = await told(*leading, *following)
    assert {t.body for t in (first, *others)} == {b"hello"}
    assert first.how == "fwd=uri-miss; ttl=60; stored; detail=uri-miss"
    assert [t.how for t in others[:2]] == [
        "fwd=uri-miss; ttl=60; stored; collapsed; detail=uri-miss"
    ] * 2
    assert [t.how for t in others[2:]] == ["fwd=uri-miss; ttl=60; collapsed; detail=uri-miss"] * 3


async def test_an_unshareable_answer_sends_all_others_at_once(house: House) -> None:
    head, own = asyncio.Event(), asyncio.Event()
    private = "Cache-Control: private"
    house.script(reply(200, private, body=b"0", waits=head))
    leader = house.one.begin()
    await settle()
    others = [house.two.begin() for _ in range(3)]
    await settle()
    house.script(*(reply(200, private, body=b"%d" % n) for n in (1, 2, 3)))
    head.set()
    bodies = [t.body for t in await told(leader, *others)]
    assert (bodies[0], sorted(bodies[1:])) == (b"0", [b"1", b"2", b"3"])
    house.script(*(reply(200, private, waits=own) for _ in range(4)))
    newcomers = [play.begin() for play in (*house.plays, *house.plays)]
    await settle()
    assert house.asked == 8  # nobody queues: the mark is the whole fleet's
    own.set()
    await told(*newcomers)
    assert house.shared() == []


async def test_another_proxys_mark_is_believed_for_a_while(house: House) -> None:
    house.script(reply(200, "Cache-Control: private"), reply(200, FRESH))
    await house.one.get()
    assert (await house.two.get()).account.storing is Reason.MAX_AGE
    assert not house.two.corridor.flights.marked(house.two.key().digest, house.clock.now())
    assert (await house.one.get()).reason == "fresh"


async def test_when_the_fetching_proxy_gives_up_the_next_takes_over(house: House) -> None:
    lease = await house.lease()
    house.script(reply(200, FRESH))
    client = house.one.begin()
    await settle()
    assert house.asked == 0
    house.release(lease)
    (answer,) = await told(client)
    assert answer.how == "fwd=uri-miss; ttl=60; stored; detail=uri-miss"
    assert house.shared() == [b"hello"]


async def test_when_the_fetch_fails_the_next_takes_over(house: House) -> None:
    head = asyncio.Event()
    house.script(failing(UpstreamUnreachable("refused"), waits=head), reply(200, FRESH))
    first = house.one.begin()
    await settle()
    second = house.two.begin()
    await settle()
    head.set()
    assert [t.status for t in await told(first, second)] == [502, 200]


WAITS = {"of-its-own": ({}, LONGEST_WAIT), "the-rules": ({"first_byte": "1s"}, 1.0)}


@pytest.mark.parametrize(("timeouts", "bound"), WAITS.values(), ids=WAITS)
async def test_past_its_bound_nobody_waits(
    house: House, timeouts: dict[str, str], bound: float
) -> None:
    house.under({"timeouts": timeouts})
    lease = await house.lease()
    client = house.one.begin()
    await settle()
    house.later(bound - 0.1)
    await settle()
    assert house.asked == 0
    house.script(reply(200, FRESH))
    house.later(0.1)
    (answer,) = await told(client)
    assert answer.how == "fwd=uri-miss; ttl=60; stored; detail=uri-miss"
    assert (await house.two.get()).reason == "fresh"
    house.release(lease)


async def test_where_nobody_can_tell_each_fetches_alone(house: House) -> None:
    house.far.leases.reachable = False
    head = asyncio.Event()
    house.script(reply(200, FRESH, waits=head), reply(200, FRESH, waits=head))
    clients = [play.begin() for play in house.plays]
    await settle()
    assert house.asked == 2
    head.set()
    assert [t.body for t in await told(*clients)] == [b"hello"] * 2


async def test_a_stale_answer_is_validated_once_by_all(house: House) -> None:
    await house.fill(*TAGGED)
    house.later(70)
    head = asyncio.Event()
    house.script(reply(304, FRESH, waits=head))
    first = house.one.begin()
    await settle()
    second = house.two.begin()
    await settle()
    head.set()
    assert [(t.body, t.how) for t in await told(first, second)] == [
        (b"hello", "fwd=stale; fwd-status=304; ttl=60; stored; detail=stale"),
        (b"hello", "fwd=stale; ttl=60; collapsed; detail=stale"),
    ]
    assert house.asked == 2
    assert (await house.two.get()).how == "hit; ttl=60; detail=fresh"


SWR = ("Cache-Control: max-age=60, stale-while-revalidate=30", 'ETag: "1"')


async def test_5861_3_a_stale_answer_is_refreshed_once_by_all(house: House) -> None:
    await house.fill(*SWR)
    house.later(70)
    head = asyncio.Event()
    house.script(reply(304, SWR[0], waits=head))
    stale = "hit; ttl=-10; detail=stale-while-revalidate"
    assert [(await play.get()).how for play in house.plays] == [stale, stale]
    await settle()
    assert house.asked == 2
    assert len(house.two.corridor.tasks) == 0  # it lets the other do it and does not wait
    head.set()
    await settle()
    assert (await house.one.get()).how == "hit; ttl=60; detail=fresh"
    assert (await house.two.get()).how == stale
    await settle()  # its own refresh finds that the other has done it
    assert (await house.two.get()).how == "hit; ttl=60; detail=fresh"
    assert house.asked == 2


async def test_an_early_refresh_takes_place_though_the_answer_is_fresh(house: House) -> None:
    house.under({"early_refresh": 1})

    def slow(_: object) -> object:
        house.later(2)
        return reply(200, *TAGGED)

    house.script(slow)  # type: ignore[arg-type]  # a step that lets time pass
    await house.one.get()
    house.later(57)
    house.clock.chance = 0.9
    house.script(reply(304, FRESH))
    assert (await house.one.get()).reason == "fresh"
    await settle()
    assert house.asked == 2
    assert house.one.stored().ttl(house.clock.now()) == 60


async def test_what_is_older_than_memory_is_not_taken(house: House) -> None:
    house.script(reply(200, *TAGGED, body=b"old"))
    await house.one.get()
    (older,) = house.one.kept()
    house.later(1)
    house.script(reply(200, *TAGGED, body=b"new"))
    await house.two.get("Cache-Control: no-cache")
    house.far.put(house.one.key().digest, older, seconds=600, limit=9)
    house.later(70)
    house.script(reply(304))
    assert (await house.two.get()).body == b"new"


async def test_who_finds_another_variant_fetches_its_own(house: House) -> None:
    head = asyncio.Event()
    varied = (FRESH, "Vary: X")
    house.script(reply(200, *varied, body=b"1", waits=head), reply(200, *varied, body=b"2"))
    first = house.one.begin("X: 1")
    await settle()
    second = house.two.begin("X: 2")
    await settle()
    head.set()
    assert [t.body for t in await told(first, second)] == [b"1", b"2"]


async def test_who_followed_one_that_waited_and_finds_another_variant(house: House) -> None:
    head = asyncio.Event()
    varied = (FRESH, "Vary: X")
    house.script(reply(200, *varied, body=b"1", waits=head), reply(200, *varied, body=b"2"))
    first = house.one.begin("X: 1")
    await settle()
    others = [house.two.begin("X: 1"), house.two.begin("X: 2")]
    await settle()
    head.set()
    answers = await told(first, *others)
    assert [t.body for t in answers] == [b"1", b"1", b"2"]
    assert answers[2].how == "fwd=vary-miss; ttl=60; stored; collapsed=?0; detail=vary-miss"
