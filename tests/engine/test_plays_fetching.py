"""Plays of fetching: miss, hit, sharing one fetch, and what is never shared."""

import asyncio

import pytest

from proxy.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from proxy.policy.reasons import Reason
from tests.engine.scripted import Play, ask, at, failing, read, reply, settle

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


async def test_it_is_committed_before_the_last_chunk_can_be_read(play: Play) -> None:
    rest = asyncio.Event()
    play.script(reply(200, FRESH, body=[b"hel", rest, b"lo"]))
    answer = await play.open(ask())
    assert answer.stream is not None
    stream = aiter(answer.stream)
    assert await anext(stream) == b"hel"
    assert play.kept() == ()
    rest.set()
    assert await anext(stream) == b"lo"
    (entry,) = play.kept()
    assert entry.body == b"hello"
    await answer.stream.aclose()


async def test_a_body_of_unknown_length_is_committed_before_its_end_can_be_read(
    play: Play,
) -> None:
    play.script(reply(200, FRESH, body=[b"hel", b"lo"], length=False))
    assert (await play.get()).body == b"hello"
    assert play.stored().length == 5


async def test_a_hit_has_the_length_that_the_miss_had_not(play: Play) -> None:
    play.script(reply(200, FRESH, body=[b"hel", b"lo"], length=False))
    miss, hit = await play.get(), await play.get()
    assert (miss["content-length"], hit["content-length"]) == (None, "5")


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
    assert {t.account.kept for t in told} == {Reason(detail)}
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
    assert told[0].account.kept is Reason.CREDENTIALS
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


async def test_a_range_and_a_condition_are_answered_from_a_fill_under_way(play: Play) -> None:
    rest = asyncio.Event()
    play.script(reply(200, FRESH, 'ETag: "1"', body=[b"hel", rest, b"lo"]))
    leader = play.begin()
    await settle()
    condition = await play.get('If-None-Match: "1"')
    first = await play.get("Range: bytes=0-1")
    beyond = await play.get("Range: bytes=9-")
    assert (condition.status, condition.body) == (304, b"")
    assert (first.status, first.body, first["content-range"]) == (206, b"he", "bytes 0-1/5")
    assert (beyond.status, beyond["content-range"]) == (416, "bytes */5")
    middle = play.begin("Range: bytes=2-3")
    last = play.begin("Range: bytes=-1")
    await settle()
    rest.set()
    assert [(await t).body for t in (middle, last, leader)] == [b"ll", b"o", b"hello"]
    assert play.asked == 1


async def test_a_leader_gets_the_part_it_asked_for_of_a_whole_that_is_kept(play: Play) -> None:
    play.script(reply(200, FRESH, body=[b"hel", b"lo"]))
    told = await play.get("Range: bytes=3-3")
    assert (told.status, told.body, told["content-range"]) == (206, b"l", "bytes 3-3/5")
    await settle()
    assert (await play.get()).body == b"hello"


async def test_a_leader_whose_copy_holds_gets_304_and_the_whole_is_kept(play: Play) -> None:
    play.script(reply(200, FRESH, 'ETag: "1"', body=[b"hel", b"lo"]))
    assert (await play.get('If-None-Match: "1"')).status == 304
    await settle()
    assert (await play.get()).body == b"hello"


async def test_206_is_stored_and_joined_into_a_whole(play: Play) -> None:
    lines = (FRESH, 'ETag: "1"', "Date: " + at(0))
    play.script(
        reply(206, *lines, "Content-Range: bytes 0-2/5", body=b"hel"),
        reply(206, *lines, "Content-Range: bytes 3-4/5", body=b"lo"),
    )
    assert (await play.get("Range: bytes=0-2")).body == b"hel"
    assert play.stored().part is not None
    within = await play.get("Range: bytes=1-2")
    assert (within.status, within.body, within.reason) == (206, b"el", "fresh")
    beyond = await play.get("Range: bytes=3-")
    assert (beyond.status, beyond.body, beyond.reason) == (206, b"lo", "partial")
    whole = await play.get()
    assert (whole.status, whole.body, whole.reason) == (200, b"hello", "fresh")
    assert whole["content-range"] is None


async def test_a_206_shorter_than_its_range_is_not_stored(play: Play) -> None:
    play.script(
        reply(
            206, FRESH, "Content-Range: bytes 0-9/20", "Transfer-Encoding: chunked", body=b"short"
        )
    )
    assert (await play.get("Range: bytes=0-9")).body == b"short"
    assert play.kept() == ()


async def test_a_follower_of_a_part_gets_it_only_if_it_suffices(play: Play) -> None:
    head = asyncio.Event()
    part = (FRESH, "Content-Range: bytes 0-2/5")
    play.script(reply(206, *part, body=b"hel", waits=head), reply(200, FRESH, body=b"hello"))
    leader = play.begin()  # an upstream that answers 206 to a request without Range
    await settle()
    follower = play.begin()
    await settle()
    head.set()
    assert [(await leader).body, (await follower).body] == [b"hel", b"hello"]


CUTS = {
    "9112-8-broken-off": ([b"hel", UpstreamBroken("cut")], "10"),
    "9112-8-timed-out": ([b"hel", UpstreamTimeout("slow")], "10"),
    "9112-8-broken-off-chunked": ([b"hel", UpstreamBroken("cut")], None),
    "9112-8-shorter-than-announced": ([b"hel", b"lo"], "10"),
    "9112-8-longer-than-announced": ([b"hel", b"lo"], "3"),
    "9112-8-longer-within-a-chunk": ([b"hel", b"lo"], "4"),
}


@pytest.mark.parametrize(
    ("body", "length"), [pytest.param(*row, id=name) for name, row in CUTS.items()]
)
async def test_a_body_that_is_not_whole_is_cut_for_every_reader_and_not_stored(
    play: Play, body: list[bytes | Exception], length: str | None
) -> None:
    head = asyncio.Event()
    framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    play.script(reply(200, FRESH, framing, body=body, waits=head))
    clients = [play.begin() for _ in range(3)]
    await settle()
    head.set()
    told = [await client for client in clients]
    assert all(t.cut is not None and t.body in b"hello" for t in told)
    assert play.kept() == ()
    play.script(reply(200, FRESH))
    assert (await play.get()).body == b"hello"


async def test_9112_6_3_a_length_beside_a_transfer_coding_does_not_count(play: Play) -> None:
    both = ("Content-Length: 2", "Transfer-Encoding: chunked")
    play.script(reply(200, FRESH, *both, body=[b"hel", b"lo"]))
    miss, hit = await play.get(), await play.get()
    assert (miss.body, miss.cut, miss["content-length"]) == (b"hello", None, None)
    assert (hit.body, hit["content-length"]) == (b"hello", "5")


async def test_too_large_by_its_length_is_passed_on_as_the_client_takes_it(play: Play) -> None:
    play.under({"max_body": 10})
    play.script(*(reply(200, FRESH, body=[b"x" * 10] * 5) for _ in range(2)))
    answer = await play.open(ask())
    await settle()
    assert play.upstream.inbounds[0].taken == 0
    assert answer.stream is not None
    assert await anext(aiter(answer.stream)) == b"x" * 10
    await settle()
    assert play.upstream.inbounds[0].taken == 10
    await answer.stream.aclose()
    assert play.upstream.inbounds[0].over
    assert play.kept() == ()
    told = await play.get()
    assert (told.body, told.account.kept) == (b"x" * 50, Reason.TOO_LARGE)
    assert play.corridor.flights.marked(play.key().digest, play.clock.now())


async def test_too_large_by_growth_holds_a_window_and_waits_for_its_reader(play: Play) -> None:
    play.under({"max_body": 1_000_000})
    chunk = b"x" * 100_000
    play.script(reply(200, FRESH, body=[chunk] * 60, length=False))
    answer = await play.open(ask())
    assert answer.stream is not None
    await settle(200)
    (feed,) = play.feeds
    held = [len(feed.body())]
    size = 0
    async for piece in answer.stream:
        size += len(piece)
        await settle(5)
        held.append(len(feed.body()))
    await answer.stream.aclose()
    assert size == 6_000_000
    assert max(held) <= 1_048_576 + len(chunk)
    assert play.kept() == ()
    assert play.corridor.flights.marked(play.key().digest, play.clock.now())


async def test_too_large_by_growth_ends_when_its_last_reader_leaves(play: Play) -> None:
    play.under({"max_body": 1_000_000})
    play.script(reply(200, FRESH, body=[b"x" * 100_000] * 60, length=False))
    answer = await play.open(ask())
    assert answer.stream is not None
    await anext(aiter(answer.stream))
    await settle(200)
    taken = play.upstream.inbounds[0].taken
    assert taken < 6_000_000
    await answer.stream.aclose()
    await settle()
    assert play.upstream.inbounds[0].over
    assert play.upstream.inbounds[0].taken <= taken + 100_000


async def test_nobody_joins_a_body_that_is_no_longer_kept(play: Play) -> None:
    play.under({"max_body": 4})
    rest = asyncio.Event()
    play.script(
        reply(200, FRESH, body=[b"hel", b"lo ", rest, b"world"], length=False),
        reply(200, FRESH, body=[b"another"], length=False),
    )
    leader = play.begin()
    await settle()
    assert (await play.get()).body == b"another"
    rest.set()
    assert (await leader).body == b"hello world"


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
