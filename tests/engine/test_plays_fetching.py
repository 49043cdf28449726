"""Plays of fetching: a miss, a hit, and what is passed on as it is."""

from proxy.policy.reasons import Reason
from tests.engine.scripted import Play, ask, at, read, reply

FRESH = "Cache-Control: max-age=60"


async def test_a_miss_is_stored_and_then_a_hit(play: Play) -> None:
    play.script(reply(200, FRESH, 'ETag: "1"', "Content-Type: text/plain"))
    miss = await play.get()
    play.later(10)
    hit = await play.get()
    assert (miss.status, miss.body, miss.how) == (
        200,
        b"hello",
        "fwd=uri-miss; ttl=60; stored; detail=uri-miss",
    )
    assert (hit.status, hit.body, hit.how) == (200, b"hello", "hit; ttl=50; detail=fresh")
    assert (hit["age"], hit["content-length"], hit["date"]) == ("10", "5", at(0))
    assert miss["via"] == hit["via"] == "1.1 sidecache"
    assert miss.account.hit is False
    assert hit.account.hit is True
    assert play.asked == 1


async def test_the_key_is_shown_where_the_snapshot_says_so(play: Play) -> None:
    play.under({}, show_key=True)
    play.script(reply(200, FRESH))
    assert "/thing" in (await play.get()).how
    assert "/thing" in (await play.get()).how


async def test_only_if_cached_is_504_without_asking(play: Play) -> None:
    told = await play.get("Cache-Control: only-if-cached")
    assert (told.status, told.account.failed) == (504, Reason.ONLY_IF_CACHED)
    assert play.asked == 0
    await play.fill(FRESH)
    assert (await play.get("Cache-Control: only-if-cached")).status == 200


async def test_9110_7_6_2_what_may_go_no_further_ends_here(play: Play) -> None:
    told = await play.get("Max-Forwards: 0", method="TRACE")
    assert (told.status, told.account.failed) == (501, Reason.MAX_FORWARDS)


async def test_nothing_is_kept_on_a_rule_that_is_off(play: Play) -> None:
    play.under({"cache": "off"})
    play.script(reply(200, FRESH), reply(200, FRESH))
    assert (await play.get()).how == "fwd=bypass; detail=rule-off"
    await play.get()
    assert play.kept() == ()


async def test_head_and_bodyless_answers_are_passed_on_without_a_body(play: Play) -> None:
    play.script(reply(200, "Content-Length: 5", FRESH, body=[]), reply(204, body=[]))
    head = await play.get(method="HEAD")
    assert (head.status, head.body, head["content-length"]) == (200, b"", "5")
    assert (await play.get(target="/other")).status == 204
    assert play.kept() == ()


async def test_204_with_a_lifetime_is_a_hit(play: Play) -> None:
    play.script(reply(204, FRESH, body=[]))
    assert [(await play.get()).status, (await play.get()).status] == [204, 204]


async def test_a_body_reaches_the_upstream(play: Play) -> None:
    play.script(reply(201))
    request = ask("Content-Length: 10", method="PUT", has_body=True)
    assert (await play.tell(request, b"0123456789")).status == 201
    assert play.upstream.uploads == [b"0123456789"]


async def test_an_answer_is_read_by_hand_as_well(play: Play) -> None:
    await play.fill(FRESH)
    visit = play.corridor.visit(ask())
    answer = play.corridor.answer_now(visit)
    assert answer is not None
    assert (await read(answer)).body == b"hello"
