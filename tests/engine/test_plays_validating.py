"""Plays of validation: 304 and what it changes, answers past their lifetime, HEAD."""

import asyncio

import pytest

from proxy.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from proxy.policy.reasons import Reason
from tests.engine.scripted import Play, Told, at, failing, reply, settle

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


async def test_9111_7_3_set_cookie_of_a_304_is_not_merged(play: Play) -> None:
    await stale(play)
    play.script(reply(304, FRESH, "Set-Cookie: a=1"))
    assert (await play.get())["set-cookie"] is None
    assert b"set-cookie" not in play.stored().fields
    assert (await play.get()).reason == "fresh"


@pytest.mark.parametrize("said", ["no-store", "private"])
async def test_a_304_that_forbids_storing_removes_what_is_stored(play: Play, said: str) -> None:
    await stale(play)
    hop = ("Connection: X-Hop", "X-Hop: 1", "Keep-Alive: timeout=5", "Age: 3")
    play.script(reply(304, f"Cache-Control: {said}", *hop))
    told = await play.get()
    assert (told.status, told.body, told.account.kept) == (200, b"hello", Reason(said))
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
    assert (told.body, told.account.kept) == (b"hello", Reason(detail))
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


async def test_5861_3_stale_while_revalidate_answers_at_once_and_asks_once(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-while-revalidate=30", 'ETag: "1"')
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head))
    told = [await play.get(), await play.get(), await play.get("Range: bytes=0-1", method="HEAD")]
    assert {t.how for t in told} == {"hit; ttl=-10; detail=stale-while-revalidate"}
    await settle()
    assert play.asked == 2
    assert play.upstream.sent[-1].method == "GET"
    head.set()
    await settle()
    assert (await play.get()).how == "hit; ttl=60; detail=fresh"


async def test_a_refresh_stores_a_new_answer(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-while-revalidate=30")
    play.script(reply(200, FRESH, body=[b"n", b"ew"]))
    assert (await play.get("Range: bytes=0-1")).body == b"he"
    await settle()
    assert b"range" not in play.upstream.sent[-1].fields
    assert (await play.get()).body == b"new"


UNWANTED = {
    "unshareable": reply(200, "Cache-Control: private", body=[b"a", b"b"]),
    "error": reply(503, body=[b"a", b"b"]),
    "unreachable": failing(UpstreamUnreachable("refused")),
    "cut": reply(200, FRESH, "Content-Length: 9", body=[b"a", UpstreamBroken("cut")]),
    "unforeseen": failing(ZeroDivisionError("a bug")),
}


@pytest.mark.parametrize("name", UNWANTED)
async def test_a_refresh_that_brings_nothing_leaves_what_is_stored(play: Play, name: str) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-while-revalidate=30")
    play.script(UNWANTED[name], reply(304, FRESH))
    assert (await play.get()).body == b"hello"
    await settle()
    assert (await play.get()).reason == "stale-while-revalidate"
    await settle()
    assert (await play.get()).body == b"hello"


async def test_who_comes_past_the_window_follows_the_refresh_under_way(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-while-revalidate=30", 'ETag: "1"')
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head))
    await play.get()
    play.later(60)
    follower = play.begin()
    await settle()
    head.set()
    assert (await follower).account.collapsed is True


async def test_early_refresh_comes_before_expiry(play: Play) -> None:
    play.under({"early_refresh": 1})

    def slow(_: object) -> object:
        play.later(2)
        return reply(200, FRESH, 'ETag: "1"')

    play.script(slow)  # type: ignore[arg-type]  # a step that lets time pass
    await play.get()
    play.later(50)
    play.clock.chance = 0.9
    assert (await play.get()).reason == "fresh"
    await settle()
    assert play.asked == 1
    play.later(7)
    play.script(reply(304, FRESH))
    assert (await play.get()).reason == "fresh"
    await settle()
    assert play.asked == 2
    assert play.stored().ttl(play.clock.now()) == 60


async def test_jitter_takes_off_a_share_of_the_rules_own_lifetime(play: Play) -> None:
    play.under({"ttl": 100, "jitter": 0.5})
    play.clock.chance = 0.5
    play.script(reply(200))
    assert (await play.get()).account.ttl == 75


@pytest.mark.parametrize(
    ("window", "answer"), [(10, "stale-if-error"), (9, None)], ids=["5861-4-within", "5861-4-past"]
)
async def test_9111_4_3_3_a_5xx_is_passed_on_or_replaced_within_its_window(
    play: Play, window: int, answer: str | None
) -> None:
    await stale(play, f"Cache-Control: max-age=60, stale-if-error={window}", 'ETag: "1"')
    play.script(reply(503, body=[b"do", b"wn"]))
    told = await play.get()
    if answer is None:
        assert (told.status, told.body, told.how) == (503, b"down", "fwd=stale; detail=status")
    else:
        assert (told.status, told.body) == (200, b"hello")
        assert told.how == "hit; ttl=-10; detail=stale-if-error"


async def test_5861_4_stale_if_error_serves_those_who_wait_as_well(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-if-error=60", 'ETag: "1"')
    head = asyncio.Event()
    play.script(reply(503, waits=head))
    clients = [play.begin() for _ in range(3)]
    await settle()
    head.set()
    assert {(await client).body for client in clients} == {b"hello"}


async def test_a_purge_takes_the_stale_answer_away_as_well(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-if-error=60", 'ETag: "1"')
    head = asyncio.Event()
    play.script(reply(503, body=b"down", waits=head))
    client = play.begin()
    await settle()
    play.ledger.purge(play.kept()[0].tags)
    head.set()
    assert (await client).body == b"down"


DISCONNECTED: dict[str, tuple[str, Exception, int, str]] = {
    "9111-4.2.4-unreachable": ("", UpstreamUnreachable(""), 200, "stale-unreachable"),
    "9111-4.2.4-broken": ("", UpstreamBroken(""), 200, "stale-unreachable"),
    "9111-4.2.4-timeout": ("", UpstreamTimeout(""), 200, "stale-unreachable"),
    "9111-5.2.2.2-must-revalidate": (
        ", must-revalidate",
        UpstreamUnreachable(""),
        504,
        "upstream-unreachable",
    ),
    "9111-5.2.2.8-proxy-revalidate": (
        ", proxy-revalidate",
        UpstreamTimeout(""),
        504,
        "upstream-timeout",
    ),
    "9111-5.2.2.10-s-maxage": (", s-maxage=60", UpstreamBroken(""), 504, "upstream-broken"),
}


@pytest.mark.parametrize(
    ("said", "error", "status", "detail"),
    [pytest.param(*row, id=name) for name, row in DISCONNECTED.items()],
)
async def test_an_upstream_that_cannot_be_reached(
    play: Play, said: str, error: Exception, status: int, detail: str
) -> None:
    await stale(play, FRESH + said, 'ETag: "1"')
    head = asyncio.Event()
    play.script(failing(error, waits=head))
    clients = [play.begin() for _ in range(2)]
    await settle()
    head.set()
    for client in clients:
        told: Told = await client
        assert (told.status, told.how.rpartition("detail=")[2]) == (status, detail)


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
