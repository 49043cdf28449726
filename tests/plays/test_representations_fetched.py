"""Ranges of what is not stored, exact bytes: no more is asked of the upstream than a rule wants."""

import asyncio
from itertools import pairwise

import pytest

from tests.plays.decoding import decoded
from tests.plays.origin import Resource
from tests.plays.representing import (
    EACH,
    LARGE,
    SMALL,
    content,
    hit,
    noise,
    place,
    read,
    resource,
    resumed,
    tag,
    taking,
    told,
)
from tests.plays.scripted import chunk, response

# --- Ranges of what is not stored. -------------------------------------------------------------


@pytest.mark.parametrize("said", ["bytes=100-199", "bytes=-5", "bytes=7-"])
@pytest.mark.parametrize("coding", EACH)
async def test_9110_14_2_a_range_is_passed_on_and_no_more_is_asked(coding: str, said: str) -> None:
    async with place(resource(LARGE)) as here:
        answer = await here.get(taking(coding), f"Range: {said}")
        assert here.heard == [(said.encode(), None, None, None)]
        assert (answer.status, tag(answer)) == (206, '"v1"')
        assert told(answer, "content-encoding") == (None,)
        assert answer.body == LARGE[_slice(said)]
        again = await here.get(taking(coding), f"Range: {said}")
        assert (again.status, again.body, hit(again)) == (206, answer.body, True)
        assert told(again, "etag", "content-range") == told(answer, "etag", "content-range")
        assert content(await here.get(taking(coding)))[::2] == (200, LARGE)


def _slice(said: str) -> slice:
    first, _, last = said.removeprefix("bytes=").partition("-")
    if not first:
        return slice(-int(last), None)
    return slice(int(first), int(last) + 1 if last else None)


@pytest.mark.parametrize("coding", EACH)
async def test_9110_15_3_7_3_a_part_that_is_everything_is_the_whole(coding: str) -> None:
    async with place(resource(LARGE)) as here:
        first = await here.get(taking(coding), "Range: bytes=0-")
        assert (first.status, first.body, tag(first)) == (206, LARGE, '"v1"')
        whole = await here.get(taking(coding))
        assert (read(whole), hit(whole)) == (LARGE, True)
        again = await here.get(taking(coding), "Range: bytes=0-")
        assert (again.status, again.body, tag(again)) == (206, whole.body, tag(whole))


@pytest.mark.parametrize("coding", EACH)
async def test_9110_15_3_7_a_part_of_the_upstream_varies_as_the_whole_would(coding: str) -> None:
    async with place(resource(LARGE)) as here:
        for _ in range(2):
            answer = await here.get(taking(coding), "Range: bytes=0-9")
            assert (answer.status, told(answer, "vary")) == (206, ("Accept-Encoding",))


@pytest.mark.parametrize("said", ["br, identity;q=0", "gzip, *;q=0"])
async def test_9110_12_5_3_a_range_is_no_reason_to_send_what_is_forbidden(said: str) -> None:
    async with place(resource(LARGE)) as here:
        accepts = f"Accept-Encoding: {said}"
        first = await here.get(accepts, "Range: bytes=0-9")
        assert first.status in {200, 206}
        whole = await here.get(accepts)
        assert read(whole) == LARGE
        if first.status == 206:
            assert (first.body, tag(first)) == (whole.body[:10], tag(whole))


# FAILS: 206, and plain
@pytest.mark.parametrize("said", ["identity;q=0", "*;q=0", "exi, identity;q=0"])
@pytest.mark.parametrize("media", ["application/json", "image/png"])
async def test_9110_15_5_7_a_range_does_not_make_acceptable_what_is_not(
    said: str, media: str
) -> None:
    async with place(resource(LARGE, media=media)) as here:
        accepts = f"Accept-Encoding: {said}"
        missed = await here.get(accepts, "Range: bytes=0-9")
        await here.get("Range: bytes=0-99")
        partly = await here.get(accepts, "Range: bytes=0-9")
        await here.filled()
        found = await here.get(accepts, "Range: bytes=0-9")
        assert [each.status for each in (missed, partly, found)] == [406, 406, 406]


async def test_9110_12_5_3_nor_is_a_part_that_is_stored() -> None:
    async with place(resource(LARGE)) as here:
        await here.get("Range: bytes=0-99")
        answer = await here.get("Accept-Encoding: br, identity;q=0", "Range: bytes=0-9")
        assert answer.status in {200, 206}
        assert told(answer, "content-encoding") == ("br",)


async def test_9111_3_4_parts_become_a_whole_that_is_coded() -> None:
    async with place(resource(LARGE)) as here:
        for first, last in pairwise(range(0, 200_001, 50_000)):
            answer = await here.get(taking("br"), f"Range: bytes={first}-{last - 1}")
            assert (answer.status, answer.body) == (206, LARGE[first:last])
        for coding, answer in (await here.all()).items():
            assert (read(answer), hit(answer)) == (LARGE, True)
            assert (tag(answer) == '"v1"') is (coding == "identity")
        part = await here.get(taking("br"), "Range: bytes=0-9")
        assert part.body == (await here.get(taking("br"))).body[:10]
        assert len(here.heard) == 4


@pytest.mark.parametrize("said", ["bytes=900-999, 0-9", "bytes=0-0,2-2,4-4,6-6,8-8,10-10"])
async def test_9110_14_2_several_ranges_are_the_upstreams_affair(said: str) -> None:
    async with place(resource(LARGE)) as here:
        body = b"--x\r\nContent-Range: bytes 0-0/9\r\n\r\nx\r\n--x--\r\n"
        lines = ("Content-Type: multipart/byteranges; boundary=x", "Cache-Control: max-age=60")
        length = f"Content-Length: {len(body)}"
        here.origin.reply(response("206 Partial Content", *lines, length, body=body))
        answer = await here.get(taking("br"), f"Range: {said}")
        assert (answer.status, answer.body) == (206, body)
        assert told(answer, "content-encoding") == (None,)
        assert here.heard[0][0] == said.encode()
        assert not hit(await here.get(taking("br"), f"Range: {said}"))


# --- range_on_miss: whole. ---------------------------------------------------------------------

ALL, PART = (None, None, None, None), (b"bytes=100-199", None, None, None)


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("counted", [True, False], ids=["length", "chunked"])
async def test_range_on_miss_the_whole_is_fetched_and_kept(
    coding: str, body: bytes, *, counted: bool
) -> None:
    async with place(resource(body, counted=counted), range_on_miss="whole") as here:
        first = await here.get(taking(coding), "Range: bytes=100-199")
        await here.proxy.quiet()
        whole = await here.get(taking(coding))
        second = await here.get(taking(coding), "Range: bytes=100-199")
        assert here.heard == [ALL]
        assert (hit(first), hit(whole), hit(second)) == (False, True, True)
        assert read(whole) == body
        assert (second.status, second.body) == (206, whole.body[100:200])
        assert tag(first) == tag(second) == tag(whole)
        if first.status == 206:
            assert first.body == second.body
        else:  # its length is known when all of it has come
            assert (first.status, first.body) == (200, whole.body)
            assert not counted or body is LARGE


CANNOT_BE_KEPT = [
    pytest.param(resource(LARGE), {"max_body": "100KB"}, id="too-large"),
    pytest.param(resource(LARGE, control="no-store"), {}, id="no-store"),
    pytest.param(resource(LARGE, control="private"), {}, id="private"),
    pytest.param(resource(LARGE, "Set-Cookie: a=b"), {}, id="set-cookie"),
    pytest.param(resource(LARGE, "Vary: *"), {}, id="vary-star"),
]


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize(("thing", "rule"), CANNOT_BE_KEPT)
async def test_range_on_miss_what_cannot_be_kept_is_asked_for_in_part_after_all(
    coding: str, thing: Resource, rule: dict[str, object]
) -> None:
    async with place(thing, range_on_miss="whole", **rule) as here:
        answers = [await here.get(taking(coding), "Range: bytes=100-199") for _ in range(3)]
        for answer in answers:
            assert (answer.status, answer.body) == (206, LARGE[100:200])
            assert told(answer, "content-encoding", "etag") == (None, '"v1"')
        asked = [PART for answer in answers if not hit(answer)]  # a part may be small enough
        assert here.heard == [ALL, *asked]  # and then it is known
        assert len(asked) == (1 if "max_body" in rule else 3)


@pytest.mark.parametrize("coding", EACH)
async def test_range_on_miss_what_turns_out_too_large_arrives_whole(coding: str) -> None:
    thing = resource(LARGE, counted=False)
    async with place(thing, range_on_miss="whole", max_body="100KB") as here:
        first = await here.get(taking(coding), "Range: bytes=100-199")
        assert content(first) == (200, None if coding == "identity" else coding, LARGE)
        second = await here.get(taking(coding), "Range: bytes=100-199")
        assert (second.status, second.body) == (206, LARGE[100:200])
        assert here.heard == [ALL, PART]


async def test_range_on_miss_one_fetch_for_all_ranges() -> None:
    async with place(resource(noise(150_000), media="image/png"), range_on_miss="whole") as here:
        places = range(0, 150_000, 15_000)
        lines = [f"Range: bytes={at}-{at + 14_999}" for at in places]
        answers = await asyncio.gather(*map(here.get, lines))
        assert [answer.status for answer in answers] == [206] * 10
        assert b"".join(answer.body for answer in answers) == noise(150_000)
        assert here.heard == [ALL]


@pytest.mark.parametrize(
    ("lines", "heard"),
    [
        (('If-Range: "v1"',), (None, None)),
        (('If-Range: "v0"',), (None, None)),
        (('If-None-Match: "v0"',), (b"bytes=100-199", b'"v0"')),
    ],
)
async def test_range_on_miss_with_a_condition(
    lines: tuple[str, ...], heard: tuple[bytes | None, ...]
) -> None:
    async with place(resource(LARGE), range_on_miss="whole") as here:
        answer = await here.get("Range: bytes=100-199", *lines)
        assert here.heard[0][::2] == heard
        expected = (200, LARGE) if lines == ('If-Range: "v0"',) else (206, LARGE[100:200])
        assert (answer.status, answer.body) == expected


async def test_range_on_miss_an_error_is_told_once() -> None:
    async with place(range_on_miss="whole") as here:
        here.origin.reply(response("404 Not Found", "Content-Length: 4", body=b"none"))
        here.origin.reply(response("404 Not Found", "Content-Length: 4", body=b"none"))
        answer = await here.get("Range: bytes=100-199")
        assert (answer.status, answer.body) == (404, b"none")


async def test_range_on_miss_what_is_read_along_ends_where_the_range_does() -> None:
    """The head and the part leave while the rest is still to come; all of it is kept."""
    hold = asyncio.Event()
    body = noise(100_000)
    lines = ("Cache-Control: max-age=60", "Content-Type: image/png", 'ETag: "v1"')
    head = response("200 OK", *lines, f"Content-Length: {len(body)}")
    async with place(range_on_miss="whole") as here:
        here.origin.reply(head, body[:50_000], hold, body[50_000:])
        answer = await here.get("Range: bytes=100-199")
        assert (answer.status, answer.body) == (206, body[100:200])
        hold.set()
        await here.proxy.quiet()
        later = await here.get("Range: bytes=-10")
        assert (later.status, later.body, hit(later)) == (206, body[-10:], True)


async def test_9110_14_2_a_part_that_breaks_off_is_cut() -> None:
    """Of what is being kept in chunks of unknown length nobody gets a part that is not there."""
    lines = ("Cache-Control: max-age=60", "Content-Type: image/png", "Transfer-Encoding: chunked")
    async with place(range_on_miss="whole") as here:
        here.origin.reply(response("200 OK", *lines), chunk(SMALL), b"0\r\n\r\n")
        answer = await here.get("Range: bytes=0-9")
        assert (answer.status, answer.body) == (200, SMALL)


@pytest.mark.parametrize("coding", EACH)
async def test_9110_14_2_a_range_of_what_is_never_kept(coding: str) -> None:
    async with place(resource(LARGE, control="no-store")) as here:
        answer = await here.get(taking(coding), "Range: bytes=5-14")
        assert (answer.status, answer.body, tag(answer)) == (206, LARGE[5:15], '"v1"')
        whole = await here.get(taking(coding))
        assert read(whole) == LARGE
        again = await resumed(here, whole, whole.body[:99], taking(coding))
        assert decoded(coding, again) == LARGE
