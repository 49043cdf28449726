"""Plays of tags: by what an answer can be purged, and that clients do not see it."""

import asyncio

import pytest

from proxy.engine.entry import MOST_TAGS
from proxy.engine.purge import Mode
from proxy.policy.reasons import Reason
from proxy.rules import labels
from proxy.rules.tags import MOST
from tests.engine.house import House
from tests.engine.scripted import Play, ask, reply, settle

FRESH = "Cache-Control: max-age=60"
JSON = (FRESH, "Content-Type: application/json; charset=utf-8")
RULE = {
    "match": {"path": "/shops/{shop}/**"},
    "tags": [
        "shop:{shop}",
        "page:{query.page}",
        "tongue:{request.accept-language}",
        "team:{response.x-team}",
    ],
    "tags_from_body": {"$.items[*].id": "item:{}"},
}
TARGET = "/shops/7/list?page=2"
BODY = b'{"items": [{"id": 1}, {"id": "b"}]}'
LINES = (
    *JSON,
    "X-Team: blue",
    "Surrogate-Key: s1 s2",
    "Cache-Tag: c 1,c2",
    "xkey: x1, x2",
    'Cache-Groups: "g"',
)
NAMES = (
    *("shop:7", "page:2", "tongue:de", "team:blue", "item:1", "item:b"),
    *("s1", "s2", "c 1", "c2", "x1", "x2", "g"),
)
"""What the answer below is called, by its path, query, request, head and body."""


async def listed(play: Play, body: bytes = BODY) -> None:
    play.under(RULE, {})
    play.script(reply(200, *LINES, body=body))
    told = await play.get("Accept-Language: de", target=TARGET)
    assert (told.body, told.how) == (body, "fwd=uri-miss; ttl=60; stored; detail=uri-miss")


@pytest.mark.parametrize("name", NAMES)
async def test_an_answer_is_purged_by_whatever_it_is_called(play: Play, name: str) -> None:
    await listed(play)
    await play.purge("shop:8", "page:", "item:2", "s", "c", "blue")
    assert play.kept(target=TARGET)
    await play.purge(name)
    assert not play.kept(target=TARGET)


async def test_what_an_answer_is_called_comes_with_it(house: House) -> None:
    house.under(RULE, {})
    house.script(reply(200, *LINES, body=BODY))
    await house.one.get("Accept-Language: de", target=TARGET)
    assert (await house.two.get("Accept-Language: de", target=TARGET)).reason == "fresh"
    await house.one.purge("item:b")
    house.catch_up()
    assert not house.two.kept(target=TARGET)


FIELDS = ("surrogate-key", "cache-tag", "xkey")


async def test_tag_fields_reach_no_client(play: Play) -> None:
    await listed(play)
    play.script(reply(200, "Cache-Control: no-store", *LINES[2:]), reply(200, *LINES[2:]))
    play.under(RULE, {"cache": "off"})
    told = [
        await play.get(target=TARGET),
        await play.get("Cache-Control: no-cache", target="/shops/8/x"),
        await play.get(target="/elsewhere"),
    ]
    assert [t.reason for t in told] == ["fresh", "uri-miss", "rule-off"]
    assert {t[field] for t in told for field in FIELDS} == {None}
    assert [t["cache-groups"] for t in told] == ['"g"'] * 3


async def test_tag_fields_reach_clients_where_the_rule_wants_it(play: Play) -> None:
    play.under({"send_tag_fields": True})
    play.script(reply(200, *LINES), reply(204, *LINES[2:], body=[]))
    told = [await play.get(), await play.get(), await play.get(method="PUT", target="/x")]
    assert [t["surrogate-key"] for t in told] == ["s1 s2"] * 3
    await play.purge("s1")
    assert not play.kept()


async def test_other_fields_may_hold_tags(play: Play) -> None:
    play.under({"tag_fields": ["x-tags"]})
    play.script(reply(200, FRESH, "X-Tags: a b,c", "Surrogate-Key: s1"))
    told = await play.get()
    assert (told["x-tags"], told["surrogate-key"]) == (None, "s1")
    await play.purge("s1")
    assert play.kept()
    await play.purge("b")
    assert not play.kept()


async def test_an_answer_with_too_many_tags_is_not_stored(play: Play) -> None:
    many = " ".join(f"t{n}" for n in range(MOST + 1))
    play.script(reply(200, FRESH, f"Surrogate-Key: {many}"), reply(200, FRESH, body=b"own"))
    told = await play.get()
    assert (told.body, told.how) == (b"hello", "fwd=uri-miss; detail=untaggable")
    assert (await play.get()).body == b"own"


UNREADABLE = {
    "no-json": b"{",
    "too-many": b'{"items": [%s]}' % b",".join(b'{"id": %d}' % n for n in range(MOST + 1)),
    "rounded": b'{"items": [{"id": 1e300}]}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_answer_whose_tags_cannot_be_read_is_not_stored(play: Play, body: bytes) -> None:
    await listed(play, body)
    assert not play.kept(target=TARGET)


async def test_a_body_of_another_kind_tells_no_tags(play: Play) -> None:
    play.under(RULE, {})
    play.script(reply(200, FRESH, "Content-Type: text/html", body=b"{"))
    await play.get(target=TARGET)
    assert play.kept(target=TARGET)


async def test_while_a_body_may_tell_tags_any_purge_counts_for_who_follows(play: Play) -> None:
    play.under(RULE, {})
    rest = asyncio.Event()
    play.script(reply(200, *JSON, body=[b'{"items"', rest, b": []}"]), reply(200, *JSON, body=BODY))
    leader = play.begin(target=TARGET)
    await settle()
    await play.purge("item:1")
    assert (await play.get(target=TARGET)).body == BODY  # whether the first names it, who knows
    rest.set()
    assert (await leader).body == b'{"items": []}'


STALE = (FRESH, 'ETag: "1"', "Surrogate-Key: one")


@pytest.mark.parametrize("mode", [Mode.HARD, Mode.SOFT], ids=lambda mode: mode.value)
@pytest.mark.parametrize("name", ["one", "two"])
async def test_9111_4_3_4_a_304_adds_what_it_is_called(play: Play, name: str, mode: Mode) -> None:
    await play.fill(*STALE)
    play.later(70)
    play.script(reply(304, FRESH, "Surrogate-Key: two"))
    told = await play.get()
    assert (told["surrogate-key"], told.reason) == (None, "stale")
    assert play.stored().ttl(play.clock.now()) == 60
    await play.purge(name, mode=mode)
    assert [e.stored.ttl(play.clock.now()) for e in play.kept()] == [0][: mode is Mode.SOFT]


async def test_a_304_whose_name_was_purged_meanwhile_blesses_nothing(play: Play) -> None:
    await play.fill(*STALE)
    play.later(70)
    head = asyncio.Event()
    play.script(reply(304, FRESH, "Surrogate-Key: two", waits=head))
    client = play.begin()
    await settle()
    await play.purge("two")
    head.set()
    assert (await client).account.storing is Reason.OUTDATED
    assert play.stored().ttl(play.clock.now()) == -10


async def test_a_304_with_too_many_tags_takes_away_what_is_stored(play: Play) -> None:
    await play.fill(*STALE)
    play.later(70)
    many = " ".join(f"t{n}" for n in range(MOST + 1))
    play.script(reply(304, FRESH, f"Surrogate-Key: {many}"))
    told = await play.get()
    assert (told.body, told.account.storing) == (b"hello", Reason.UNTAGGABLE)
    assert not play.kept()


async def test_304s_do_not_add_tags_for_ever(play: Play) -> None:
    await play.fill(*STALE)
    for turn in range(9):
        play.later(70)
        names = " ".join(f"t{turn}-{n}" for n in range(100))
        play.script(reply(304, FRESH, f"Surrogate-Key: {names}"))
        if (await play.get()).account.storing is Reason.UNTAGGABLE:
            break
    assert not play.kept()


async def test_a_part_keeps_what_it_is_called_when_it_is_completed(play: Play) -> None:
    tagged = (FRESH, 'ETag: "1"')
    play.script(
        reply(206, *tagged, "Surrogate-Key: one", "Content-Range: bytes 0-1/5", body=b"he"),
        reply(206, *tagged, "Surrogate-Key: two", "Content-Range: bytes 2-4/5", body=b"llo"),
    )
    await play.get("Range: bytes=0-1")
    assert (await play.get()).body == b"hello"
    assert {labels.tag(b"one"), labels.tag(b"two")} < set(play.kept()[0].labels.tags)
    await play.purge("one")
    assert not play.kept()


async def test_parts_that_join_keep_what_each_is_called(play: Play) -> None:
    tagged = (FRESH, 'ETag: "1"')
    play.script(
        reply(206, *tagged, "Surrogate-Key: one", "Content-Range: bytes 0-1/9", body=b"he"),
        reply(206, *tagged, "Surrogate-Key: two", "Content-Range: bytes 2-4/9", body=b"llo"),
    )
    await play.get("Range: bytes=0-1")
    await play.get("Range: bytes=2-4")
    assert [e.body for e in play.kept()] == [b"hello"]
    await play.purge("one")
    assert not play.kept()


async def test_parts_with_too_many_tags_do_not_join(play: Play) -> None:
    for n in range(6):
        names = " ".join(f"t{n}-{m}" for m in range(100))
        place = f"Content-Range: bytes {n}-{n}/9"
        play.script(
            reply(206, FRESH, 'ETag: "1"', place, f"Surrogate-Key: {names}", body=b"%d" % n)
        )
        await play.get(f"Range: bytes={n}-{n}")
    assert [e.body for e in play.kept()] == [b"5"]
    assert len(play.kept()[0].labels.tags) <= MOST_TAGS


async def test_every_answer_has_the_names_of_its_place(play: Play) -> None:
    await play.fill(FRESH)
    (entry,) = play.kept()
    assert set(entry.labels.tags) == {
        labels.EVERYTHING,
        labels.rule_tag("default"),
        labels.host_tag(b"api.test"),
        labels.uri_tag(b"http", b"api.test", b"/thing"),
        labels.target_tag(b"/thing"),
    }
    assert entry.labels.location == b"api.test/thing"


async def test_what_post_brings_is_called_as_the_get_is(play: Play) -> None:
    play.under({"match": {"methods": ["GET"]}, "tags": ["read"]}, {"tags": ["write"]})
    play.script(reply(200, FRESH, "Content-Location: /thing"))
    await play.tell(ask(method="POST"))
    await play.purge("write")
    assert play.kept()
    await play.purge("read")
    assert not play.kept()
