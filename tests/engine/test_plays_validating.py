"""Plays of validation: 304 and what it changes, and HEAD."""

import asyncio

import pytest

from proxy.errors import UpstreamUnreachable
from proxy.policy.reasons import Reason
from tests.engine.scripted import Play, at, failing, reply, settle

FRESH = "Cache-Control: max-age=60"
TAGGED = (FRESH, 'ETag: "1"', "Last-Modified: " + at(-1000), "Date: " + at(0))


async def stale(play: Play, *lines: str) -> None:
    """Have a response stored and let its lifetime of 60 s pass by 10 s."""
    await play.fill(*(lines or TAGGED))
    play.later(70)


async def test_9111_4_3_1_validators_of_the_stored_response_are_sent(play: Play) -> None:
    await stale(play)
    play.script(reply(304))
    told = await play.get('If-None-Match: "other"', "Range: bytes=0-1")
    question = play.upstream.sent[-1].fields
    assert question.all(b"if-none-match") == (b'"1"',)
    assert question.all(b"if-modified-since") == (at(-1000).encode(),)
    assert b"range" not in question
    assert (told.status, told.body) == (206, b"he")


async def test_9111_4_3_4_304_freshens_fields_and_lifetime(play: Play) -> None:
    await stale(play)
    play.script(reply(304, "Cache-Control: max-age=300", 'ETag: "1"', "X: new", "Age: 5"))
    told = await play.get()
    assert (told.status, told.body, told["x"], told["age"]) == (200, b"hello", "new", "5")
    assert told.how == "fwd=stale; fwd-status=304; ttl=295; stored; detail=stale"
    play.later(100)
    hit = await play.get()
    assert (hit.body, hit["x"], hit["date"], hit.how) == (
        b"hello",
        "new",
        at(70),
        "hit; ttl=195; detail=fresh",
    )
    assert len(play.kept()) == 1


async def test_9111_4_3_4_304_with_another_tag_leads_to_an_unconditional_request(
    play: Play,
) -> None:
    await stale(play)
    play.script(reply(304, 'ETag: "2"'), reply(200, FRESH, 'ETag: "2"', body=b"new"))
    assert (await play.get()).body == b"new"
    assert b"if-none-match" not in play.upstream.sent[-1].fields
    assert (await play.get()).body == b"new"


async def test_an_unconditional_304_is_passed_on_without_a_body(play: Play) -> None:
    await stale(play)
    play.script(reply(304, 'ETag: "2"'), reply(304))
    told = await play.get()
    assert (told.status, told.body) == (304, b"")


async def test_9111_7_3_set_cookie_of_a_304_is_for_the_one_who_asked(play: Play) -> None:
    await stale(play)
    play.script(reply(304, FRESH, "Set-Cookie: a=1"))
    leader, follower = await asyncio.gather(play.get(), play.get())
    assert (leader["set-cookie"], follower["set-cookie"]) == ("a=1", None)
    assert b"set-cookie" not in play.stored().fields
    again = await play.get()
    assert (again.reason, again["set-cookie"]) == ("fresh", None)


@pytest.mark.parametrize("said", ["no-cache", "private"])
async def test_a_field_that_may_not_be_stored_is_for_the_one_who_validated(
    play: Play, said: str
) -> None:
    directive = f'Cache-Control: max-age=60, {said}="x-user"'
    await stale(play, directive, 'ETag: "1"', "X-User: first")
    play.script(reply(304, directive, "X-User: second"))
    assert (await play.get())["x-user"] == "second"
    assert (await play.get())["x-user"] is None


async def test_9110_15_3_7_3_a_206_that_lacks_nothing_is_stored_as_the_whole(play: Play) -> None:
    play.script(reply(206, *TAGGED, "Content-Range: bytes 0-4/5", body=b"hello"))
    await play.get("Range: bytes=0-")
    told = await play.get()
    assert (told.status, told.body, told.reason) == (200, b"hello", "fresh")


@pytest.mark.parametrize("said", ["no-store", "private"])
async def test_a_304_that_forbids_storing_removes_what_is_stored(play: Play, said: str) -> None:
    await stale(play)
    hop = ("Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Age: 3")
    play.script(reply(304, f"Cache-Control: {said}", *hop))
    told = await play.get()
    assert (told.status, told.body, told.account.storing) == (200, b"hello", Reason(said))
    assert (told["age"], told["x-hop"], told["connection"], told["keep-alive"]) == (
        "3",
        None,
        None,
        None,
    )
    assert told["content-length"] == "5"
    assert play.kept() == ()


OF_THE_REQUEST = {
    "9111-5.2.1.5-no-store": ("Cache-Control: no-store", "request-no-store"),
    "9111-3.5-credentials": ("Authorization: Basic YTpi", "credentials"),
}


@pytest.mark.parametrize(
    ("line", "detail"), [pytest.param(*row, id=name) for name, row in OF_THE_REQUEST.items()]
)
async def test_a_304_to_a_request_that_must_not_be_stored_leaves_what_is_stored(
    play: Play, line: str, detail: str
) -> None:
    await stale(play, "Cache-Control: public, max-age=60", 'ETag: "1"')
    play.script(reply(304, FRESH))
    told = await play.get(line)
    assert (told.body, told.account.storing) == (b"hello", Reason(detail))
    assert play.stored().ttl(play.clock.now()) == -10


async def test_a_head_that_validates_freshens_what_get_left(play: Play) -> None:
    await stale(play)
    play.script(reply(304, FRESH))
    head = await play.get(method="HEAD")
    assert (head.status, head.body, head["content-length"]) == (200, b"", "5")
    assert (await play.get()).how == "hit; ttl=60; detail=fresh"


async def test_200_replaces_what_was_asked_about(play: Play) -> None:
    await stale(play)
    play.script(reply(200, FRESH, 'ETag: "2"', body=b"new"))
    assert (await play.get()).how == "fwd=stale; ttl=60; stored; detail=stale"
    assert [e.body for e in play.kept()] == [b"new"]


async def test_one_validation_serves_all_who_wait(play: Play) -> None:
    await stale(play)
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head))
    clients = [play.begin() for _ in range(5)]
    await settle()
    assert play.asked == 2
    head.set()
    told = [await client for client in clients]
    assert {t.body for t in told} == {b"hello"}
    assert told[1].how == "fwd=stale; fwd-status=304; ttl=60; stored; collapsed; detail=stale"


async def test_who_waited_for_a_validation_that_may_not_be_kept_asks_for_itself(
    play: Play,
) -> None:
    await stale(play)
    head = asyncio.Event()
    play.script(reply(304, "Cache-Control: private", waits=head), reply(200, FRESH, body=b"own"))
    clients = [play.begin(), play.begin()]
    await settle()
    head.set()
    assert [(await client).body for client in clients] == [b"hello", b"own"]


async def test_validations_side_by_side_leave_one_entry(play: Play) -> None:
    await stale(play)
    head = asyncio.Event()
    play.script(*(reply(304, FRESH, waits=head) for _ in range(3)))
    clients = [play.begin("Cache-Control: no-cache") for _ in range(3)]
    await settle()
    assert play.asked == 4
    head.set()
    await asyncio.gather(*clients)
    assert len(play.kept()) == 1


async def test_9111_5_2_1_4_no_cache_validates_what_is_fresh(play: Play) -> None:
    await play.fill(*TAGGED)
    play.script(reply(304))
    assert (await play.get("Cache-Control: no-cache")).how.startswith("fwd=request; fwd-status=304")


async def test_9111_5_2_2_4_no_cache_is_validated_on_each_use(play: Play) -> None:
    await play.fill("Cache-Control: no-cache", 'ETag: "1"')
    play.script(reply(304), reply(304))
    assert [(await play.get()).reason, (await play.get()).reason] == ["no-cache", "no-cache"]


async def test_9111_4_3_5_head_is_answered_from_what_get_left(play: Play) -> None:
    await play.fill(*TAGGED)
    told = await play.get(method="HEAD")
    assert (told.status, told.body, told["content-length"]) == (200, b"", "5")
    assert told.reason == "fresh"


async def test_9111_4_3_5_head_that_agrees_updates_what_is_stored(play: Play) -> None:
    await stale(play)
    play.script(
        reply(200, "Cache-Control: max-age=90", 'ETag: "1"', "X: new", body=[], length=False)
    )
    told = await play.get(method="HEAD")
    assert (told.status, told["x"]) == (200, "new")
    hit = await play.get()
    assert (hit.body, hit["x"], hit.how) == (b"hello", "new", "hit; ttl=90; detail=fresh")


DISAGREEING = {
    "etag": (FRESH, 'ETag: "2"'),
    "length": (FRESH, 'ETag: "1"', "Content-Length: 6"),
    "may-not-be-kept": ("Cache-Control: no-store", 'ETag: "1"'),
}


@pytest.mark.parametrize("name", DISAGREEING)
async def test_9111_4_3_5_head_that_disagrees_makes_what_is_stored_doubtful(
    play: Play, name: str
) -> None:
    await stale(play)
    play.script(reply(200, *DISAGREEING[name], body=[], length=False))
    await play.get(method="HEAD")
    assert play.stored().overdue
    play.script(failing(UpstreamUnreachable("")))
    assert (await play.get()).status == 502
    play.script(reply(304, FRESH))
    assert (await play.get()).body == b"hello"
    assert (await play.get()).reason == "fresh"


async def test_head_heeds_only_the_variant_it_matches(play: Play) -> None:
    play.script(reply(200, *TAGGED, "Vary: X"), reply(200, *TAGGED, "Vary: X"))
    await play.get("X: 1")
    await play.get("X: 2")
    play.later(70)
    play.script(reply(200, FRESH, 'ETag: "2"', body=[], length=False))
    await play.get("X: 1", method="HEAD")
    assert sorted((dict(e.stored.selecting)[b"x"], e.stored.overdue) for e in play.kept()) == [
        (b"1", True),
        (b"2", False),
    ]


async def test_a_head_on_a_rule_that_is_off_touches_nothing(play: Play) -> None:
    await play.fill(*TAGGED)
    play.under({"name": "default", "cache": "off"})
    play.script(reply(200, 'ETag: "2"', body=[], length=False))
    await play.get(method="HEAD")
    assert not play.stored().overdue


async def test_at_most_max_variants_stay(play: Play) -> None:
    play.under({"max_variants": 2})
    play.script(*(reply(200, FRESH, "Vary: X", body=b"%d" % n) for n in range(3)))
    for n in range(3):
        await play.get(f"X: {n}")
    assert [e.body for e in play.kept()] == [b"2", b"1"]
