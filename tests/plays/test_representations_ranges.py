"""Ranges in every coding, exact bytes: slices of what a plain GET gives, never glued from two."""

import pytest

from tests.plays.decoding import CODINGS, decoded, parts
from tests.plays.origin import written
from tests.plays.rawclient import request
from tests.plays.representing import (
    DAY,
    EACH,
    LARGE,
    NOW,
    SMALL,
    content,
    hit,
    place,
    resource,
    resumed,
    tag,
    taking,
    text,
    told,
)

OLD = written(NOW - DAY)

# --- From what is stored. ----------------------------------------------------------------------

IN_PARTS_TOO = (
    *("etag", "content-encoding", "content-type", "vary", "last-modified", "date"),
    *("cache-control", "accept-ranges"),
)


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("coding", EACH)
async def test_9110_14_2_one_range_is_a_slice_of_what_the_client_would_get(
    coding: str, body: bytes
) -> None:
    async with place(resource(body, "Accept-Ranges: bytes")) as here:
        await here.filled()
        whole = await here.get(taking(coding))
        size = len(whole.body)
        slices = {
            "0-0": slice(0, 1),
            "0-": slice(0, size),
            "100-199": slice(100, 200),
            f"{size - 1}-": slice(size - 1, size),
            "50-999999999": slice(50, size),
            "-10": slice(size - 10, size),
            "-999999999": slice(0, size),
            "0-9, 10-19": slice(0, 20),
            "20-, 5-30": slice(5, size),
            f"0-0, {size}-": slice(0, 1),
        }
        for said, wanted in slices.items():
            answer = await here.get(taking(coding), f"Range: bytes={said}")
            place_ = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
            assert (answer.status, answer.body) == (206, whole.body[wanted]), said
            assert told(answer, "content-range") == (place_,)
            assert told(answer, *IN_PARTS_TOO) == told(whole, *IN_PARTS_TOO)
            assert hit(answer)
        assert len(here.heard) == 1


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize(
    "said", ["{size}-", "{size}-{size}", "999999999-", "-0", "{size}-, -0", "{size}-9999999999"]
)
async def test_9110_15_5_17_nothing_can_be_satisfied(coding: str, said: str) -> None:
    async with place(resource()) as here:
        await here.filled()
        whole = await here.get(taking(coding))
        size = len(whole.body)
        answer = await here.get(taking(coding), f"Range: bytes={said.format(size=size)}")
        assert (answer.status, answer.body) == (416, b"")
        assert told(answer, "content-range", "cache-control") == (f"bytes */{size}", "no-store")
        assert told(answer, "content-encoding", "content-type") == (None, None)
        twin = await here.get(taking(coding), f"Range: bytes={size}-", method="HEAD")
        assert twin.status == 200


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize(
    "said",
    ["bytes=", "bytes=-", "bytes=9-0", "bytes=a-b", "bytes=0-1,x", "bytes 0-1", "lines=0-1", "0-1"],
)
async def test_9110_14_2_what_is_no_range_is_ignored(coding: str, said: str) -> None:
    async with place(resource()) as here:
        await here.filled()
        whole = await here.get(taking(coding))
        answer = await here.get(taking(coding), f"Range: {said}")
        assert (answer.status, answer.body, tag(answer)) == (200, whole.body, tag(whole))


@pytest.mark.parametrize("coding", EACH)
async def test_9110_14_2_an_empty_body_has_no_ranges(coding: str) -> None:
    async with place(resource(b"")) as here:
        await here.filled()
        for said in ("0-", "-1", "0-0", "1-"):
            answer = await here.get(taking(coding), f"Range: bytes={said}")
            assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize("coding", CODINGS)
async def test_9110_8_4_several_ranges_of_what_is_coded_are_the_whole(coding: str) -> None:
    """A client that undoes the coding of a multipart as one would get nothing."""
    async with place(resource(LARGE)) as here:
        await here.filled()
        answer = await here.get(taking(coding), "Range: bytes=900-999, 0-9")
        assert content(answer) == (200, coding, LARGE)


async def test_9110_14_6_several_ranges_are_parts() -> None:
    async with place(resource(LARGE)) as here:
        await here.filled()
        whole = await here.get()
        size = len(whole.body)
        answer = await here.get("Range: bytes=900-999, 0-9, -5, 5-14")
        wanted = [(900, 999), (0, 14), (size - 5, size - 1)]
        assert (answer.status, told(answer, "content-range")) == (206, (None,))
        assert parts(answer.first("content-type") or b"", answer.body) == [
            ((first, last, size), b"application/json", whole.body[first : last + 1])
            for first, last in wanted
        ]
        assert told(answer, "content-length") == (str(len(answer.body)),)
        assert told(answer, "etag", "content-encoding") == told(whole, "etag", "content-encoding")
        again = await here.get("Range: bytes=900-999, 0-9, -5, 5-14")
        assert again.body == answer.body


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(", ".join(f"{n}-{n}" for n in range(0, 10, 2)), id="five"),
        pytest.param(",".join(f"{n * 2}-{n * 2}" for n in range(1_000)), id="1000"),
        pytest.param(",".join(["0-"] * 1_000), id="1000-times-everything"),
        pytest.param("0-, " + "," * 1_000, id="1000-times-nothing"),
        pytest.param("0-300, 302-", id="more-than-the-whole"),
    ],
)
async def test_9110_14_2_whoever_asks_too_much_gets_the_whole(coding: str, said: str) -> None:
    async with place(resource()) as here:
        await here.filled()
        whole = await here.get(taking(coding))
        answer = await here.get(taking(coding), f"Range: bytes={said}")
        assert (answer.status, answer.body) == (200, whole.body)
        assert told(answer, "etag", "content-range") == (tag(whole), None)


# --- If-Range. ---------------------------------------------------------------------------------

IF_RANGE = [
    pytest.param("{own}", (206, 206), id="current"),
    pytest.param("W/{own}", (200, 200), id="weak"),
    pytest.param('"v1"', (206, 200), id="the-upstreams"),
    pytest.param('"v0"', (200, 200), id="old"),
    pytest.param('"v0-sc.br.00ff"', (200, 200), id="old-coded"),
    pytest.param('"v1-sc.br.00ff"', (200, 200), id="other-bytes-of-the-same-version"),
    pytest.param("{other}", (200, 200), id="another-coding"),
    pytest.param("{own}, {own}", (200, 200), id="a-list"),
    pytest.param("*", (200, 200), id="any"),
    pytest.param("v1", (200, 200), id="no-tag"),
    pytest.param("", (200, 200), id="nothing"),
    # §8.8.2.2: two codings share it at one time, so that it is weak for what was made here
    pytest.param(OLD, (206, 200), id="date"),
    pytest.param(written(NOW), (200, 200), id="another-date"),
    pytest.param(written(NOW - 2 * DAY), (200, 200), id="an-older-date"),
    pytest.param("yesterday", (200, 200), id="no-date"),
]


@pytest.mark.parametrize(("said", "statuses"), IF_RANGE)
@pytest.mark.parametrize("coding", EACH)
async def test_9110_13_1_5_if_range(coding: str, said: str, statuses: tuple[int, int]) -> None:
    async with place(resource()) as here:
        await here.filled()
        whole, other = await here.get(taking(coding)), await here.get(taking(_next(coding)))
        condition = said.format(own=tag(whole), other=tag(other))
        status = statuses[coding != "identity"]
        answer = await here.get(taking(coding), "Range: bytes=5-", f"If-Range: {condition}")
        rest = whole.body[5:] if status == 206 else whole.body
        assert (answer.status, answer.body, tag(answer)) == (status, rest, tag(whole))
        beyond = await here.get(taking(coding), "Range: bytes=9999999-", f"If-Range: {condition}")
        assert beyond.status == {206: 416, 200: 200}[status]


def _next(coding: str) -> str:
    return EACH[(EACH.index(coding) + 1) % len(EACH)]


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize("etag", ['W/"v1"', None])
async def test_9110_13_1_5_without_a_strong_tag_nothing_coded_is_resumed(
    coding: str, etag: str | None
) -> None:
    async with place(resource(etag=etag)) as here:
        await here.filled()
        for condition in ('W/"v1"', '"v1"', '"v1-sc.br.00ff"'):
            answer = await here.get(taking(coding), "Range: bytes=5-", f"If-Range: {condition}")
            assert content(answer)[::2] == (200, SMALL)


async def test_9110_8_8_2_2_a_date_that_may_have_passed_twice_is_weak() -> None:
    async with place(resource(modified=NOW)) as here:
        await here.filled()
        answer = await here.get("Range: bytes=5-", f"If-Range: {written(NOW)}")
        assert (answer.status, answer.body) == (200, SMALL)


async def test_9110_13_2_2_who_holds_it_needs_no_part() -> None:
    async with place(resource()) as here:
        await here.filled()
        whole = await here.get(taking("br"))
        range_, if_range = "Range: bytes=5-", f"If-Range: {tag(whole)}"
        same = await here.get(taking("br"), range_, if_range, f"If-None-Match: {tag(whole)}")
        assert (same.status, told(same, "content-range")) == (304, (None,))
        other = await here.get(taking("br"), range_, if_range, 'If-None-Match: "v0"')
        assert (other.status, other.body) == (206, whole.body[5:])


# --- Resumed downloads. ------------------------------------------------------------------------


@pytest.mark.parametrize("counted", [True, False], ids=["length", "chunked"])
@pytest.mark.parametrize("stored", [True, False], ids=["stored", "on-its-way"])
@pytest.mark.parametrize("coding", EACH)
async def test_9110_14_2_a_download_is_resumed(coding: str, *, stored: bool, counted: bool) -> None:
    """In one coding throughout, though the first answer may have been coded as it came."""
    async with place(resource(LARGE, counted=counted)) as here:
        if stored:
            await here.filled()
        async with here.proxy.connect() as client:
            await client.send(request("/thing", taking(coding)))
            first = await client.head()
            while len(first.body) < 2_000:
                await first.piece()
        await here.proxy.quiet()
        whole = await resumed(here, first, first.body[:2_000], taking(coding))
        assert decoded(coding, whole) == LARGE
        answer = await here.get(taking(coding), "Range: bytes=7-", f"If-Range: {tag(first)}")
        assert answer.status == 206
        assert len(here.heard) == 1


@pytest.mark.parametrize("coding", CODINGS)
async def test_9110_13_1_5_what_has_been_coded_anew_is_not_resumed(coding: str) -> None:
    """What is asked for often becomes other, fewer bytes: an old tag brings the whole of them."""
    async with place(resource(text(60_000))) as here:
        await here.filled()
        first = await here.get(taking(coding))
        for _ in range(20):
            await here.get(taking(coding))
        await here.proxy.quiet()
        best = await here.get(taking(coding))
        assert tag(best) != tag(first)
        assert len(best.body) < len(first.body)
        whole = await resumed(here, first, first.body[:100], taking(coding))
        assert whole == best.body
        known = await here.get(taking(coding), f"If-None-Match: {tag(first)}")
        assert (known.status, tag(known)) == (304, tag(first))


@pytest.mark.parametrize("coding", EACH)
async def test_9110_13_1_5_another_version_is_not_glued_to_the_one_before(coding: str) -> None:
    other = text(3_000, seed=1)
    async with place(resource(control="no-cache")) as here:
        first = await here.get(taking(coding))
        here.has(resource(other, etag='"v2"', control="no-cache"))
        whole = await resumed(here, first, first.body[:100], taking(coding))
        assert decoded(coding, whole) == other


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_9110_13_1_5_what_was_coded_here_and_is_gone_is_fetched_whole(
    coding: str, body: bytes
) -> None:
    """Its parts are nothing that the upstream could give."""
    async with place(resource(body)) as here:
        first = await here.get(taking(coding))
    async with place(resource(body)) as here:
        whole = await resumed(here, first, first.body[:100], taking(coding))
        assert decoded(coding, whole) == body
        assert here.heard == [(None, None, None, None)]
