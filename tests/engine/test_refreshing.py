"""Refreshing: after a refresh purge the hottest is fetched again, once, and not all at once."""

import asyncio

import pytest

from proxy.engine import refreshing
from proxy.engine.journey import Journey, current, travelling
from proxy.engine.purge import Mode, Purge
from proxy.engine.purging import Wait
from proxy.engine.refreshing import Refreshing, asking_for
from proxy.http.message import Request
from proxy.rules import patterns
from proxy.store.memory import MemoryStore
from tests.engine.house import House
from tests.engine.scripted import PATIENCE, Play, Reply, reply, settle

FRESH = "Cache-Control: max-age=60"
pytestmark = pytest.mark.interpreted  # see `quickly`

TAGGED = (FRESH, 'ETag: "1"', "Surrogate-Key: one")


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "A_SECOND", 10_000.0)
    monkeypatch.setattr(refreshing, "APART", 0.0)


def watching(play: Play) -> Refreshing:
    assert isinstance(play.near, MemoryStore)
    return Refreshing(play.corridor, play.near)


def asked_for(play: Play) -> list[str]:
    return [request.target.decode() for request in play.upstream.sent]


async def idle() -> None:
    """Wait until nothing is under way any more."""
    async with asyncio.timeout(PATIENCE):
        while under_way := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(under_way)


async def test_the_hottest_is_fetched_again_first_and_once(play: Play) -> None:
    watching(play)
    for target, hits in (("/cold", 0), ("/hot", 3), ("/warm", 1)):
        play.script(reply(200, *TAGGED))
        for _ in range(hits + 1):
            await play.get(target=target)
        await settle()
    play.script(*(reply(304, FRESH) for _ in range(3)))
    await play.purge("one", mode=Mode.REFRESH)
    await idle()
    assert asked_for(play)[3:] == ["/hot", "/warm", "/cold"]
    assert (await play.get(target="/hot")).how == "hit; ttl=60; detail=fresh"


async def test_what_it_fetches_is_not_for_whoever_has_purged(play: Play) -> None:
    """Neither in their trace, nor in what their client is told of the upstream's time."""
    watching(play)
    await play.fill(*TAGGED)
    seen: list[Journey | None] = []

    def fetched(_: Request) -> Reply:
        seen.append(current())
        return reply(304, FRESH)

    play.script(fetched)
    with travelling(Journey(None)):
        await play.purge("one", mode=Mode.REFRESH)
    await idle()
    assert seen == [None]


async def test_what_was_not_purged_is_left_alone(play: Play) -> None:
    watching(play)
    await play.fill(*TAGGED)
    await play.purge("two", mode=Mode.REFRESH)
    await play.purge("one", mode=Mode.SOFT)
    await idle()
    assert play.asked == 1


async def test_what_lies_where_a_pattern_points_is_fetched_again(play: Play) -> None:
    watching(play)
    for target in ("/a/1", "/b/1"):
        play.script(reply(200, *TAGGED))
        await play.get(target=target)
    play.script(reply(304))
    purge = Purge((), (patterns.prefix(b"api.test/a"),), Mode.REFRESH)
    await play.purging.purge(purge, Wait.LOCAL, 0)
    await idle()
    assert asked_for(play)[2:] == ["/a/1"]


async def test_what_a_refresh_brings_takes_the_place_of_the_old(play: Play) -> None:
    watching(play)
    await play.fill(*TAGGED)
    play.script(reply(200, *TAGGED, body=b"new"))
    await play.purge("one", mode=Mode.REFRESH)
    await idle()
    assert (await play.get()).body == b"new"


async def test_fetches_start_at_a_capped_rate(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    watching(play)
    for target in ("/a", "/b"):
        play.script(reply(200, *TAGGED))
        await play.get(target=target)
    monkeypatch.setattr(refreshing, "A_SECOND", 1 / 3600)
    play.script(reply(304))
    for _ in range(2):  # several purges share the rate
        await play.purge("one", mode=Mode.REFRESH)
    await settle()
    assert play.asked == 3
    await play.corridor.tasks.aclose()


async def test_so_many_and_no_more_are_fetched_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "MOST", 2)
    watching(play)
    for n in range(4):
        play.script(reply(200, *TAGGED))
        await play.get(target=f"/{n}")
    play.script(reply(304), reply(304))
    await play.purge("one", mode=Mode.REFRESH)
    await idle()
    assert play.asked == 6


async def stocked(play: Play, *targets: str, tag: str = "one") -> None:
    for target in targets:
        play.script(reply(200, FRESH, f"Surrogate-Key: {tag}"))
        await play.get(target=target)
    await settle()


async def test_many_purges_are_the_work_of_one(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refreshing, "_HEARD", 8)
    watching(play)
    await stocked(play, "/a", "/b")
    play.script(reply(200, *TAGGED), reply(200, *TAGGED))
    for number in range(20):
        await play.purge("one" if number == 0 else f"other {number}", mode=Mode.REFRESH)
    assert len(play.corridor.tasks) == 1
    await idle()
    assert play.asked == 4


async def test_who_finds_no_room_to_wait_is_left_until_it_is_asked_for(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "WAITING", 2)
    watching(play)
    await stocked(play, "/a", "/b", "/c")
    play.script(reply(200, *TAGGED), reply(200, *TAGGED))
    await play.purge("one", mode=Mode.REFRESH)
    await idle()
    assert asked_for(play)[3:] == ["/a", "/b"]


async def test_what_is_under_way_already_costs_no_pause(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching(play)
    await stocked(play, "/hot", "/cold")
    await play.get(target="/hot")
    await play.purge("one", mode=Mode.SOFT)
    head = asyncio.Event()
    play.script(reply(200, *TAGGED, waits=head), reply(200, *TAGGED))
    client = play.begin(target="/hot")
    await settle()
    monkeypatch.setattr(refreshing, "A_SECOND", 1 / 3600)
    await play.purge("one", mode=Mode.REFRESH)
    await settle()
    assert asked_for(play)[2:] == ["/hot", "/cold"]
    head.set()
    await client
    await play.corridor.tasks.aclose()


async def test_looks_are_apart(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    watching(play)
    await stocked(play, "/a")
    await stocked(play, "/b", tag="two")
    monkeypatch.setattr(refreshing, "APART", 0.1)
    play.script(reply(200, *TAGGED), reply(200, *TAGGED))
    await play.purge("one", mode=Mode.REFRESH)
    await settle()
    await play.purge("two", mode=Mode.REFRESH)
    await idle()
    assert asked_for(play)[2:] == ["/a", "/b"]


async def test_what_was_fetched_before_the_look_is_not_fetched_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching(play)
    await stocked(play, "/a")
    await stocked(play, "/b", tag="two")
    monkeypatch.setattr(refreshing, "APART", 0.1)
    play.script(reply(200, *TAGGED), reply(200, FRESH, "Surrogate-Key: two"))
    await play.purge("one", mode=Mode.REFRESH)
    await settle()
    await play.purge("two", mode=Mode.REFRESH)
    await play.get(target="/b")
    await idle()
    assert play.asked == 4


async def test_a_large_memory_is_looked_at_in_slices(play: Play) -> None:
    watching(play)
    await play.fill(*TAGGED)
    near = play.near
    assert isinstance(near, MemoryStore)
    [(_, entries)] = near.items()
    for number in range(2_000):
        near.put(b"%d" % number, entries)
    play.script(reply(304, FRESH))
    await play.purge("one", mode=Mode.REFRESH)
    turns = 0
    while play.asked == 1:
        await asyncio.sleep(0)
        turns += 1
    assert turns > 20
    await idle()


async def test_what_has_become_fresh_meanwhile_is_not_fetched_again(
    play: Play, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refreshing, "A_SECOND", 200.0)
    watching(play)
    for target in ("/a", "/b"):
        play.script(reply(200, *TAGGED))
        await play.get(target=target)
    play.script(reply(304, FRESH), reply(304, FRESH))
    await play.purge("one", mode=Mode.REFRESH)
    await settle()
    (other,) = {"/a", "/b"} - {asked_for(play)[-1]}
    await play.get(target=other)
    await idle()
    assert play.asked == 4


async def test_every_proxy_refreshes_what_it_holds_and_the_upstream_is_asked_once(
    house: House,
) -> None:
    house.script(reply(200, *TAGGED))
    for play in house.plays:
        watching(play)
        await play.get()
    house.later(1)
    head = asyncio.Event()
    house.script(reply(304, FRESH, waits=head))
    await house.one.purge("one", mode=Mode.REFRESH)
    await settle()
    house.catch_up()
    await settle()
    head.set()
    await idle()
    assert house.asked == 2


RULES = {
    "nothing": ({}, [FRESH], [], True),
    "vary": ({}, [FRESH, "Vary: Accept-Language"], ["Accept-Language: de"], True),
    "vary-on-absence": ({}, [FRESH, "Vary: Accept-Language"], [], True),
    "keyed-field": ({"key": {"headers": ["x-tenant"]}}, [FRESH], ["X-Tenant: a"], True),
    "keyed-cookie": ({"key": {"cookies": ["id"]}}, [FRESH], ["Cookie: id=7"], False),
    "keyed-credentials": ({"credentials": "key"}, [FRESH], ["Authorization: Basic YTpi"], False),
    "vary-on-a-cookie": (
        {},
        ["Cache-Control: public, max-age=60", "Vary: Cookie"],
        ["Cookie: id=7"],
        False,
    ),
    "vary-on-no-cookie": ({}, [FRESH, "Vary: Cookie"], [], True),
}


@pytest.mark.parametrize(("rule", "said", "sent", "may"), RULES.values(), ids=RULES)
async def test_only_what_takes_no_secret_is_asked_for(
    play: Play, rule: dict[str, object], said: list[str], sent: list[str], *, may: bool
) -> None:
    play.under(rule)
    play.script(reply(200, *said))
    await play.get(*sent)
    (entry,) = play.kept(*sent)
    request = asking_for(entry)
    assert (request is not None) is may
    if request is not None:
        visit = play.corridor.visit(request)
        assert visit.boarded.key.text == entry.text
        assert visit.entry is entry


async def test_what_takes_a_secret_is_left_to_its_caller(play: Play) -> None:
    watching(play)
    play.under({"credentials": "key"})
    line = "Authorization: Basic YTpi"
    play.script(reply(200, *TAGGED), reply(304))
    await play.get(line)
    await play.purge("one", mode=Mode.REFRESH)
    await idle()
    assert play.asked == 1
    assert (await play.get(line)).reason == "soft-purged"


async def test_what_is_fresh_or_unknown_is_not_refreshed(play: Play) -> None:
    await play.fill(*TAGGED)
    play.corridor.refresh(play.upstream.sent[0])
    await play.purge("one")
    play.corridor.refresh(play.upstream.sent[0])
    await settle()
    assert play.asked == 1
