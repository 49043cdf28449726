"""Plays of sharing: one fetch for many, and what is never shared."""

import asyncio

import pytest

from proxy.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from proxy.policy.reasons import Reason
from tests.engine.scripted import Play, ask, failing, reply, settle

FRESH = "Cache-Control: max-age=60"


async def test_fifty_requests_share_one_fetch_and_stream_before_it_ends(play: Play) -> None:
    head, rest = asyncio.Event(), asyncio.Event()
    play.script(reply(200, FRESH, body=[b"hel", rest, b"lo"], waits=head))
    opening = [asyncio.create_task(play.open(ask())) for _ in range(50)]
    await settle()
    assert play.asked == 1
    head.set()
    answers = await asyncio.gather(*opening)
    streams = [aiter(answer.stream) for answer in answers if answer.stream is not None]
    assert [await anext(stream) for stream in streams] == [b"hel"] * 50
    assert not rest.is_set()
    assert not play.kept()
    rest.set()
    assert [await anext(stream) for stream in streams] == [b"lo"] * 50
    for answer in answers:
        assert answer.stream is not None
        await answer.stream.aclose()
    assert play.asked == 1
    assert [answer.account.collapsed for answer in answers] == [None] + [True] * 49


async def test_a_request_that_comes_while_the_body_grows_reads_from_its_first_byte(
    play: Play,
) -> None:
    rest = asyncio.Event()
    play.script(reply(200, FRESH, body=[b"hel", rest, b"lo"]))
    leader = play.begin()
    await settle()
    follower = play.begin()
    await settle()
    rest.set()
    assert [(await leader).body, (await follower).body] == [b"hello", b"hello"]


async def test_a_follower_gets_what_is_stored_with_an_age(play: Play) -> None:
    rest = asyncio.Event()
    play.under({"set_cookie": "strip"})
    play.script(reply(200, FRESH, "Set-Cookie: a=1", body=[b"hel", rest, b"lo"], length=False))
    leader = play.begin()
    await settle()
    play.later(7)
    follower = play.begin()
    await settle()
    rest.set()
    led, followed = await leader, await follower
    assert (led["set-cookie"], led["age"]) == ("a=1", None)
    assert (followed["set-cookie"], followed["age"]) == (None, "7")
    assert followed.how == "fwd=uri-miss; ttl=53; stored; collapsed; detail=uri-miss"
    assert (await play.get()).body == b"hello"


UNSHAREABLE = {
    "9111-5.2.2.7-private": ("Cache-Control: private, max-age=60", "private"),
    "9111-7.3-set-cookie": ("Set-Cookie: a=1", "set-cookie"),
    "9111-5.2.2.5-no-store": ("Cache-Control: no-store", "no-store"),
    "9111-4.1-vary-star": ("Vary: *", "vary-star"),
    "9111-3-no-lifetime": ("X: 1", "no-lifetime"),
}


@pytest.mark.parametrize(
    ("line", "detail"), [pytest.param(*row, id=name) for name, row in UNSHAREABLE.items()]
)
async def test_an_unshareable_answer_reaches_no_follower(
    play: Play, line: str, detail: str
) -> None:
    head = asyncio.Event()
    play.script(*(reply(200, line, body=b"caller %d" % n, waits=head) for n in range(5)))
    clients = [play.begin() for _ in range(5)]
    await settle()
    assert play.asked == 1
    head.set()
    told = [await client for client in clients]
    assert sorted(t.body for t in told) == [b"caller %d" % n for n in range(5)]
    assert play.asked == 5
    assert {t.account.storing for t in told} == {Reason(detail)}
    assert told[0].how.endswith(f"detail={detail}")
    assert "collapsed=?0" in told[1].how


async def test_after_an_unshareable_answer_requests_do_not_queue(play: Play) -> None:
    play.script(reply(200, "Cache-Control: private"))
    await play.get()
    heads = [asyncio.Event() for _ in range(3)]
    play.script(*(reply(200, "Cache-Control: private", waits=head) for head in heads))
    clients = [play.begin() for _ in range(3)]
    await settle()
    assert play.asked == 4
    for head in heads:
        head.set()
    await asyncio.gather(*clients)


async def test_a_mark_ends_with_its_time_and_with_an_answer_that_is_kept(play: Play) -> None:
    key = play.key().digest
    flights = play.corridor.flights
    play.script(reply(200, "Cache-Control: private"))
    await play.get()
    assert flights.marked(key, play.clock.now() + 119)
    assert not flights.marked(key, play.clock.now() + 120)
    play.script(reply(200, FRESH))
    await play.get()
    assert not flights.marked(key, play.clock.now())


async def test_a_write_leaves_no_mark(play: Play) -> None:
    play.script(reply(200, "Cache-Control: no-store"))
    await play.get(method="POST")
    for method in ("GET", "POST"):
        key = play.corridor.visit(ask(method=method)).boarded.key
        assert not play.corridor.flights.marked(key.digest, play.clock.now())


async def test_a_follower_whose_vary_differs_fetches_its_own(play: Play) -> None:
    head = asyncio.Event()
    play.script(
        reply(200, FRESH, "Vary: Accept-Language", body=b"english", waits=head),
        reply(200, FRESH, "Vary: Accept-Language", body=b"deutsch"),
    )
    english = play.begin("Accept-Language: en")
    await settle()
    german, other = play.begin("Accept-Language: de"), play.begin("Accept-Language: EN;q=1.0")
    await settle()
    assert play.asked == 1
    head.set()
    assert [(await t).body for t in (english, german, other)] == [
        b"english",
        b"deutsch",
        b"english",
    ]
    assert len(play.kept()) == 2


@pytest.mark.parametrize("line", ["Authorization: Basic YTpi", "Cookie: a=1"])
async def test_requests_with_credentials_neither_lead_nor_follow(play: Play, line: str) -> None:
    heads = [asyncio.Event() for _ in range(3)]
    play.script(*(reply(200, FRESH, body=b"%d" % n, waits=h) for n, h in enumerate(heads)))
    clients = [play.begin(line), play.begin(line), play.begin()]
    await settle()
    assert play.asked == 3
    for head in heads:
        head.set()
    told = [await client for client in clients]
    assert [t.body for t in told] == [b"0", b"1", b"2"]
    assert told[0].account.storing is Reason.CREDENTIALS
    assert (await play.get()).body == b"2"


async def test_requests_with_keyed_credentials_share(play: Play) -> None:
    play.under({"credentials": "key"})
    head = asyncio.Event()
    play.script(
        reply(200, FRESH, body=b"for a", waits=head), reply(200, FRESH, body=b"for b", waits=head)
    )
    clients = [play.begin(f"Authorization: Basic {who}") for who in "aabb"]
    await settle()
    assert play.asked == 2
    head.set()
    assert [(await c).body for c in clients] == [b"for a", b"for a", b"for b", b"for b"]


LEAVING_ALONE = {
    "9111-5.2.1.5-no-store": ("Cache-Control: no-store",),
    "9110-14.2-range": ("Range: bytes=0-1",),
    "9110-13.1.2-condition": ('If-None-Match: "x"',),
}


@pytest.mark.parametrize(
    "lines", [pytest.param(row, id=name) for name, row in LEAVING_ALONE.items()]
)
async def test_what_may_bring_less_than_all_need_is_not_followed(
    play: Play, lines: tuple[str, ...]
) -> None:
    heads = [asyncio.Event(), asyncio.Event()]
    play.script(*(reply(200, FRESH, waits=head) for head in heads))
    clients = [play.begin(*lines), play.begin()]
    await settle()
    assert play.asked == 2
    for head in heads:
        head.set()
    await asyncio.gather(*clients)


async def test_a_request_that_says_no_cache_does_not_follow_an_older_fetch(play: Play) -> None:
    head = asyncio.Event()
    play.script(*(reply(200, FRESH, body=b"%d" % n, waits=head) for n in range(3)))
    clients = [play.begin(), play.begin("Cache-Control: no-cache"), play.begin("Pragma: no-cache")]
    await settle()
    assert play.asked == 3
    head.set()
    assert [(await client).body for client in clients] == [b"0", b"1", b"2"]


FAILURES = {
    "9110-15.6.3-unreachable": (UpstreamUnreachable("refused"), 502, "upstream-unreachable"),
    "9110-15.6.3-broken": (UpstreamBroken("reset"), 502, "upstream-broken"),
    "9110-15.6.5-timeout": (UpstreamTimeout("slow"), 504, "upstream-timeout"),
}


@pytest.mark.parametrize(
    ("error", "status", "detail"), [pytest.param(*row, id=name) for name, row in FAILURES.items()]
)
async def test_a_failure_reaches_leader_and_followers(
    play: Play, error: Exception, status: int, detail: str
) -> None:
    head = asyncio.Event()
    play.script(failing(error, waits=head))
    clients = [play.begin() for _ in range(3)]
    await settle()
    head.set()
    for client in clients:
        told = await client
        assert (told.status, told["content-type"]) == (status, "application/problem+json")
        assert told.how == f"fwd=uri-miss; detail={detail}"
        assert told["cache-control"] == "no-store"
    assert play.asked == 1


async def test_an_error_status_is_not_shared(play: Play) -> None:
    head = asyncio.Event()
    play.script(*(reply(500, body=b"%d" % n, waits=head) for n in range(3)))
    clients = [play.begin() for _ in range(3)]
    await settle()
    head.set()
    assert sorted([(await client).body for client in clients]) == [b"0", b"1", b"2"]
