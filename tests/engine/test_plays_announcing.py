"""Plays of announcing: what a write purges, on all proxies, whatever becomes of the log."""

import asyncio
from contextlib import suppress

import pytest

from proxy.engine.purge import Mode, Place, Purge
from proxy.engine.purging import Source
from proxy.errors import SidecacheError, StoreError, UpstreamBroken, UpstreamTimeout
from proxy.rules import labels
from tests.engine.house import House
from tests.engine.scripted import PATIENCE, Play, ask, failing, reply, settle

FRESH = "Cache-Control: max-age=60"
RULES: tuple[dict[str, object], ...] = (
    {
        "match": {"methods": ["PUT", "POST", "OPTIONS"]},
        "on_success": {"purge": ["one", "sent:{response.x-item}"]},
    },
    {},
)
TARGETS = ("/thing", "/listed", "/grouped", "/sent", "/other")


async def stocked(house: House) -> None:
    """Have answers in the memory of both proxies: one by URI, one by tag, one by group."""
    house.under(*RULES)
    for target, line in (
        ("/thing", "X: 1"),
        ("/listed", "Surrogate-Key: one two"),
        ("/grouped", 'Cache-Groups: "all"'),
        ("/sent", "Surrogate-Key: sent:7"),
        ("/other", "Surrogate-Key: other"),
    ):
        house.script(reply(200, FRESH, line))
        for play in house.plays:
            await play.get(target=target)
        await settle()


def lacking(play: Play) -> set[str]:
    return {target for target in TARGETS if not play.kept(target=target)}


@pytest.mark.parametrize("status", [200, 204, 303])
async def test_a_write_purges_on_all_proxies(house: House, status: int) -> None:
    await stocked(house)
    lines = ('Cache-Group-Invalidation: "all"', "X-Item: 7")
    house.script(reply(status, *lines, body=b""))
    await house.one.get(method="PUT")
    assert lacking(house.one) == {"/thing", "/listed", "/grouped", "/sent"}
    house.catch_up()
    assert lacking(house.two) == lacking(house.one)
    assert house.one.stats.purges == {
        ("hard", Source.WRITE.value): 1,
        ("hard", Source.GROUP.value): 1,
        ("hard", Source.RULE.value): 1,
    }


@pytest.mark.parametrize("status", [400, 409, 500])
async def test_a_write_that_failed_purges_only_what_its_answer_names(
    house: House, status: int
) -> None:
    await stocked(house)
    house.script(reply(status, 'Cache-Group-Invalidation: "all"', "X-Item: 7"))
    await house.one.get(method="PUT")
    assert lacking(house.one) == {"/grouped"}  # 9875 §3 does not look at the status


async def test_9110_9_2_1_a_safe_method_purges_nothing(house: House) -> None:
    await stocked(house)
    for method in ("OPTIONS", "GET"):
        house.script(reply(200, 'Cache-Group-Invalidation: "all"', "X-Item: 7"))
        await house.one.get("Cache-Control: no-store", method=method, target="/elsewhere")
    assert lacking(house.one) == set()
    assert house.log.records == []


async def test_9875_2_1_groups_are_an_origins_own(house: House) -> None:
    await stocked(house)
    house.script(reply(200, 'Cache-Group-Invalidation: "all"'))
    await house.one.tell(ask(method="PUT", host="other.test"))
    assert "/grouped" not in lacking(house.one)
    house.script(reply(200, 'Cache-Group-Invalidation: "all"'))
    await house.one.tell(ask(method="PUT", host="API.test:80", target="/x"))
    assert "/grouped" in lacking(house.one)


async def test_a_rule_may_purge_softly(play: Play) -> None:
    play.under({"match": {"methods": ["PUT"]}, "on_success": {"purge": "one", "mode": "soft"}}, {})
    await play.fill(FRESH, "Surrogate-Key: one", 'ETag: "1"')
    play.script(reply(204, body=[]), reply(304))
    await play.get(method="PUT", target="/elsewhere")
    assert (await play.get()).reason == "soft-purged"


async def test_a_rule_that_finds_nothing_to_name_purges_nothing(play: Play) -> None:
    play.under({"match": {"methods": ["PUT"]}, "on_success": {"purge": "sent:{response.x}"}}, {})
    play.script(reply(204, body=[]))
    await play.get(method="PUT")
    assert play.stats.purges == {("hard", Source.WRITE.value): 1}


UNANSWERED = {"broken": UpstreamBroken("cut"), "timeout": UpstreamTimeout("late")}


@pytest.mark.parametrize("error", UNANSWERED.values(), ids=UNANSWERED)
async def test_a_write_without_an_answer_purges_at_once_and_is_told(
    house: House, error: SidecacheError
) -> None:
    await stocked(house)
    house.script(failing(error))
    assert (await house.one.get(method="PUT")).status in {502, 504}
    assert lacking(house.one) == {"/thing", "/listed"}
    await settle()
    house.catch_up()
    assert lacking(house.two) == {"/thing", "/listed"}


async def test_a_write_whose_client_leaves_purges_when_it_is_answered(house: House) -> None:
    await stocked(house)
    head = asyncio.Event()
    house.script(reply(204, body=[], waits=head))
    client = house.one.begin(method="PUT")
    await settle()
    client.cancel()
    await settle()
    assert lacking(house.one) == set()
    head.set()
    await settle()
    assert lacking(house.one) == {"/thing", "/listed"}
    house.catch_up()
    assert lacking(house.two) == {"/thing", "/listed"}


async def test_cut_off_from_the_log_a_write_purges_here_and_is_told_on_return(
    house: House,
) -> None:
    await stocked(house)
    house.follower("one").cut_off = True
    house.script(reply(204, body=[]))
    assert (await house.one.get(method="PUT")).status == 204
    assert lacking(house.one) == {"/thing", "/listed"}
    house.script(reply(200, FRESH, body=b"new"))
    house.far.entries.clear()
    assert (await house.one.get()).body == b"new"
    house.catch_up()
    assert lacking(house.two) == set()
    house.follower("one").cut_off = False
    house.catch_up()
    house.catch_up()
    assert lacking(house.two) == {"/thing", "/listed"}


async def test_cut_off_from_the_log_an_operator_is_told_so(house: House) -> None:
    await stocked(house)
    house.follower("one").cut_off = True
    with pytest.raises(StoreError):
        await house.one.purge("one")
    assert lacking(house.one) == {"/listed"}
    house.follower("one").cut_off = False
    house.catch_up()
    house.catch_up()
    assert lacking(house.two) == {"/listed"}


POSTED = (FRESH, "Content-Location: /thing")


async def test_9110_9_3_3_what_post_brings_is_not_outdated_by_its_own_purge(house: House) -> None:
    await stocked(house)
    house.script(reply(200, *POSTED, "X-Item: 7", body=b"new"))
    told = await house.one.get(method="POST")
    assert told.how == "fwd=method; ttl=60; stored; detail=method"
    assert (await house.one.get()).body == b"new"
    house.catch_up()
    assert (await house.two.get()).body == b"new"


async def test_what_post_brings_is_outdated_by_a_purge_since_it_left(house: House) -> None:
    await stocked(house)
    head = asyncio.Event()
    house.script(reply(200, *POSTED, body=b"old", waits=head))
    client = house.one.begin(method="POST")
    await settle()
    await house.two.purge()  # of which the first has not heard
    head.set()
    assert (await client).body == b"old"
    assert lacking(house.one) == set(TARGETS)


async def test_cut_off_from_the_log_what_post_brings_is_kept(house: House) -> None:
    await stocked(house)
    house.follower("one").cut_off = True
    house.script(reply(200, *POSTED, body=b"new"))
    await house.one.get(method="POST")
    assert (await house.one.get()).body == b"new"


async def test_a_client_that_leaves_while_the_log_is_told_holds_no_purge_up(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stocked(house)
    follower, slow = house.follower("one"), asyncio.Event()
    publish = follower.publish

    async def slowly(purge: Purge) -> Place:
        await slow.wait()
        return await publish(purge)

    monkeypatch.setattr(follower, "publish", slowly)
    house.script(reply(200, 'Cache-Group-Invalidation: "all"', "X-Item: 7"))
    client = house.one.begin(method="PUT")
    await settle()
    client.cancel()
    with suppress(asyncio.CancelledError):
        await client
    async with asyncio.timeout(PATIENCE):
        while lacking(house.one) != {"/thing", "/listed", "/grouped", "/sent"}:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.005)
    slow.set()
    await settle()
    house.catch_up()
    assert lacking(house.two) == lacking(house.one)


async def test_purges_by_tag_do_not_reach_a_tag_of_another_kind(play: Play) -> None:
    await play.fill(FRESH, 'Cache-Groups: "all"')
    for word in ("rdefault", "hapi.test", labels.EVERYTHING.decode()):
        await play.purge(word, mode=Mode.HARD)
    assert play.kept()
    await play.purge("all")  # a group is a tag, too
    assert not play.kept()
