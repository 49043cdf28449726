"""Plays of bodies: when they are stored, in parts, cut, or too large."""

import asyncio

import pytest

from proxy.errors import UpstreamBroken, UpstreamTimeout
from proxy.policy.reasons import Reason
from tests.engine.scripted import Play, ask, at, reply, settle

FRESH = "Cache-Control: max-age=60"


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
    assert (told.body, told.account.storing) == (b"x" * 50, Reason.TOO_LARGE)
    assert play.corridor.flights.marked(play.key().digest, play.clock.now())


@pytest.mark.interpreted
async def test_too_large_by_growth_holds_a_window_and_waits_for_its_reader(play: Play) -> None:
    play.under({"max_body": 1_000_000})
    chunk = b"x" * 100_000
    play.script(reply(200, FRESH, body=[chunk] * 60, length=False))
    answer = await play.open(ask())
    assert answer.stream is not None
    await settle(200)
    (feed,) = play.feeds
    held = [len(await feed.body())]
    size = 0
    async for piece in answer.stream:
        size += len(piece)
        await settle(5)
        held.append(len(await feed.body()))
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
