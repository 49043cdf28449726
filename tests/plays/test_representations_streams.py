"""Bodies on their way through a coding: each piece can be read when it comes, and no later."""

import asyncio

import pytest

from tests.plays.decoding import CODINGS, Reading, decoded, encoded
from tests.plays.origin import written
from tests.plays.rawclient import Response, request
from tests.plays.representing import (
    EACH,
    LARGE,
    NOW,
    SMALL,
    Place,
    content,
    hit,
    place,
    read,
    resource,
    tag,
    taking,
    told,
)
from tests.plays.scripted import Step, chunk, response

PIECES = [b'{"n": %d, "name": "thing"}\n' % n for n in range(8)]
EVENTS = [b"data: %d\n\n" % n for n in range(5)]


async def piecewise(
    here: Place, coding: str, pieces: list[bytes], *lines: str, sent: list[bytes] | None = None
) -> Response:
    """Have each piece leave the origin when the one before has been read; return the answer.

    `sent` is what the origin says for each piece, where it codes them itself.
    """
    gates = [asyncio.Event() for _ in pieces]
    steps: list[Step] = [response("200 OK", *lines, "Transfer-Encoding: chunked")]
    for gate, piece in zip(gates, sent or pieces, strict=True):
        steps += [gate, chunk(piece)]
    here.origin.reply(*steps, b"0\r\n\r\n")
    reading, expected = Reading(coding), b""
    async with here.proxy.connect() as client:
        await client.send(request("/thing", taking(coding)))
        answer = await client.head()
        for gate, piece in zip(gates, pieces, strict=True):
            gate.set()
            expected += piece
            while reading.plain != expected:
                assert expected.startswith(reading.feed(await answer.piece()))
                assert not answer.complete
        await answer.rest()
    assert decoded(coding, answer.body) == b"".join(pieces)
    return answer


@pytest.mark.parametrize("control", ["no-store", "max-age=60", "no-cache"])
@pytest.mark.parametrize("coding", EACH)
async def test_json_that_comes_in_pieces(coding: str, control: str) -> None:
    lines = ("Content-Type: application/x-ndjson", f"Cache-Control: {control}", 'ETag: "v1"')
    async with place() as here:
        answer = await piecewise(here, coding, PIECES, *lines)
        given = None if coding == "identity" else coding
        assert told(answer, "content-encoding", "content-length") == (given, None)
        assert told(answer, "vary", "transfer-encoding") == ("Accept-Encoding", "chunked")
        assert (tag(answer) == '"v1"') is (coding == "identity")
        if control == "max-age=60":
            here.origin.resources.clear()
            later = await here.get(taking(coding))
            assert (hit(later), read(later)) == (True, b"".join(PIECES))


@pytest.mark.parametrize("accepts", ["identity", "br", "gzip, br, zstd", "*"])
@pytest.mark.parametrize("control", ["no-store", "no-cache", "max-age=60"])
async def test_events_are_neither_held_nor_coded(accepts: str, control: str) -> None:
    lines = ("Content-Type: text/event-stream", f"Cache-Control: {control}", 'ETag: "v1"')
    async with place() as here:
        gates = [asyncio.Event() for _ in EVENTS]
        steps: list[Step] = [response("200 OK", *lines, "Transfer-Encoding: chunked")]
        for gate, event in zip(gates, EVENTS, strict=True):
            steps += [gate, chunk(event)]
        here.origin.reply(*steps, b"0\r\n\r\n")
        async with here.proxy.connect() as client:
            await client.send(request("/thing", taking(accepts)))
            answer = await client.head()
            assert told(answer, "content-encoding", "vary") == (None, None)
            for gate, event in zip(gates, EVENTS, strict=True):
                gate.set()
                assert await answer.piece() == event
            assert await answer.rest() == b"".join(EVENTS)
        assert (tag(answer), here.made) == ('"v1"', 0)


@pytest.mark.parametrize("media", ["text/event-stream", "text/event-stream; charset=utf-8"])
@pytest.mark.parametrize("coding", CODINGS)
async def test_events_that_a_rule_names_are_coded_one_by_one(coding: str, media: str) -> None:
    lines = (f"Content-Type: {media}", "Cache-Control: no-store")
    async with place(compress={"types": ["text/event-stream"]}) as here:
        answer = await piecewise(here, coding, EVENTS, *lines)
        assert told(answer, "content-encoding") == (coding,)


@pytest.mark.parametrize("control", ["no-store", "max-age=60"])
async def test_what_the_upstream_codes_in_pieces_is_decoded_in_pieces(control: str) -> None:
    """Each as a gzip member of its own, the bluntest way to flush."""
    lines = ("Content-Type: application/x-ndjson", f"Cache-Control: {control}", 'ETag: "v1"')
    sent = [encoded("gzip", piece) for piece in PIECES]
    async with place() as here:
        answer = await piecewise(
            here, "identity", PIECES, *lines, "Content-Encoding: gzip", sent=sent
        )
        assert told(answer, "content-encoding", "vary") == (None, "Accept-Encoding")
        assert tag(answer) != '"v1"'


@pytest.mark.parametrize("coding", CODINGS)
async def test_8_8_3_3_what_is_coded_on_its_way_never_has_the_same_tag_twice(coding: str) -> None:
    async with place(resource(control="no-store")) as here:
        answers = [await here.get(taking(coding)) for _ in range(3)]
        assert [content(answer) for answer in answers] == [(200, coding, SMALL)] * 3
        assert len({tag(answer) for answer in answers}) == 3
        for answer in answers:
            again = await here.get(taking(coding), f"If-None-Match: {tag(answer)}")
            assert (again.status, tag(again)) == (304, tag(answer))
            part = await here.get(taking(coding), "Range: bytes=9-", f"If-Range: {tag(answer)}")
            assert content(part) == (200, coding, SMALL)


@pytest.mark.parametrize("coding", CODINGS)
async def test_what_is_coded_on_its_way_promises_no_ranges(coding: str) -> None:
    async with place(resource(SMALL, "Accept-Ranges: bytes", control="no-store")) as here:
        coded, plain = await here.get(taking(coding)), await here.get()
        assert told(coded, "accept-ranges", "content-length") == (None, None)
        assert told(plain, "accept-ranges", "content-length") == ("bytes", str(len(SMALL)))


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize("control", ["no-store", "max-age=60"])
async def test_the_head_leaves_before_there_is_a_body(coding: str, control: str) -> None:
    hold = asyncio.Event()
    lines = ("Content-Type: application/json", f"Cache-Control: {control}")
    async with place() as here:
        head = response("200 OK", *lines, f"Content-Length: {len(LARGE)}")
        here.origin.reply(head, hold, LARGE)
        async with here.proxy.connect() as client:
            await client.send(request("/thing", taking(coding)))
            answer = await client.head()
            assert answer.status == 200
            hold.set()
            assert decoded(coding, await answer.rest()) == LARGE


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_the_answer_to_a_post_is_coded_as_it_comes(coding: str, body: bytes) -> None:
    """9110 §8.8.3: the tag in it need not be that of its content, and stays as it is."""
    async with place(resource(body, control="no-store")) as here:
        answer = await here.get(taking(coding), "Content-Length: 0", method="POST")
        assert content(answer) == (200, coding, body)
        assert told(answer, "vary", "etag") == ("Accept-Encoding", '"v1"')


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_the_answers_to_other_methods_pass_as_they_are(method: str) -> None:
    async with place(resource(control="no-store")) as here:
        answer = await here.get(taking("br"), "Content-Length: 0", method=method)
        assert (content(answer), tag(answer)) == ((200, None, SMALL), '"v1"')


@pytest.mark.parametrize("coding", EACH)
async def test_a_client_that_leaves_lets_what_is_kept_be_coded_to_its_end(coding: str) -> None:
    hold = asyncio.Event()
    lines = ("Content-Type: application/json", "Cache-Control: max-age=60", 'ETag: "v1"')
    async with place() as here:
        head = response("200 OK", *lines, "Transfer-Encoding: chunked")
        here.origin.reply(head, chunk(LARGE[:90_000]), hold, chunk(LARGE[90_000:]), b"0\r\n\r\n")
        async with here.proxy.connect() as client:
            await client.send(request("/thing", taking(coding)))
            first = await client.head()
            await first.piece()
        hold.set()
        await here.proxy.quiet()
        made = here.made
        again = await here.get(taking(coding))
        assert (hit(again), read(again), tag(again)) == (True, LARGE, tag(first))
        assert again.body.startswith(first.body)
        assert here.made == made


JOINING = [
    pytest.param("identity", "Range: bytes=10-19", 206, LARGE[10:20], id="a-range"),
    pytest.param("identity", "Range: bytes=-5", 206, LARGE[-5:], id="a-suffix"),
    pytest.param("identity", "Range: bytes=0-0, 9-9", 200, LARGE, id="two-ranges"),
    pytest.param("identity", "Range: bytes=999999-", 416, b"", id="a-range-beyond-the-end"),
    pytest.param("identity", 'If-None-Match: "v1"', 304, b"", id="the-current-tag"),
    pytest.param("identity", 'If-None-Match: "v1-sc.br.00"', 200, LARGE, id="another-coding"),
    pytest.param("identity", f"If-Modified-Since: {written(NOW)}", 304, b"", id="a-date"),
    pytest.param("br", 'If-None-Match: "v1-sc.br.00"', 304, b"", id="the-current-tag-coded"),
    pytest.param("br", 'If-None-Match: "v1"', 200, LARGE, id="the-tag-of-the-plain-body"),
    pytest.param("br", "Range: bytes=10-19", 200, LARGE, id="a-range-of-what-is-being-coded"),
    pytest.param("br, identity;q=0", "Range: bytes=9-", 200, LARGE, id="a-range-and-never-plain"),
    pytest.param("*;q=0", "Range: bytes=10-19", 406, None, id="nothing"),
]


@pytest.mark.parametrize(("accepts", "line", "status", "body"), JOINING)
async def test_who_joins_while_it_is_on_its_way(
    accepts: str, line: str, status: int, body: bytes | None
) -> None:
    """Its length is told, so that conditions and ranges are answered as if it were here."""
    hold = asyncio.Event()
    lines = ("Content-Type: application/json", "Cache-Control: max-age=3600", 'ETag: "v1"')
    dates = (f"Date: {written(NOW)}", f"Last-Modified: {written(NOW - 9)}")
    async with place() as here:
        head = response("200 OK", *lines, *dates, f"Content-Length: {len(LARGE)}")
        here.origin.reply(head, LARGE[:90_000], hold, LARGE[90_000:])
        async with here.proxy.connect() as client, here.proxy.connect() as joining:
            await client.send(request("/thing"))
            first = await client.head()
            await joining.send(request("/thing", taking(accepts), line))
            answer = await joining.head()
            hold.set()
            await answer.rest()
            assert answer.status == status
            assert body is None or (body == answer.body if status != 200 else body == read(answer))
            assert status != 304 or answer.complete
            assert await first.rest() == LARGE
        assert len(here.heard) == 1


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize("control", ["no-cache", "max-age=0"])
async def test_9111_5_2_2_4_nobody_joins_what_has_to_be_validated_on_each_use(
    control: str, coding: str
) -> None:
    """Its head came before the request did: it may have changed since."""
    hold = asyncio.Event()
    lines = ("Content-Type: application/json", f"Cache-Control: {control}", 'ETag: "v1"')
    async with place(resource(SMALL, etag='"v2"')) as here:
        head = response("200 OK", *lines, "Transfer-Encoding: chunked")
        here.origin.reply(head, chunk(LARGE), hold, b"0\r\n\r\n")
        async with here.proxy.connect() as client, here.proxy.connect() as joining:
            await client.send(request("/thing", taking(coding)))
            first = await client.head()
            await first.piece()
            await joining.send(request("/thing", taking(coding)))
            second = await joining.head()
            hold.set()
            assert decoded(coding, await first.rest()) == LARGE
            assert decoded(coding, await second.rest()) == SMALL


async def test_all_ranges_and_codings_at_once() -> None:
    """Whoever comes while one fetch is under way, and whoever comes after."""
    async with place(resource(LARGE), range_on_miss="whole") as here:
        ranges = ["bytes=0-99", "bytes=-99", "bytes=100000-", "bytes=5-9, 100-199"]
        wishes = [(coding, said) for coding in EACH for said in (None, *ranges)]
        for _ in range(3):
            answers = await asyncio.gather(
                *(here.get(taking(c), *([] if s is None else [f"Range: {s}"])) for c, s in wishes)
            )
            wholes = {tag(answer): answer.body for answer in answers if answer.status == 200}
            assert {read(answer) for answer in answers if answer.status == 200} == {LARGE}
            for answer in answers:
                place_ = answer.first("content-range")
                if answer.status == 206 and place_ is not None:
                    first, _, last = place_[6:].partition(b"/")[0].partition(b"-")
                    assert answer.body == wholes[tag(answer)][int(first) : int(last) + 1]
                assert answer.status in {200, 206, 416}
        assert len(here.heard) == 1


@pytest.mark.parametrize("coding", CODINGS)
async def test_9111_5_2_1_7_what_still_has_to_be_coded_is_in_the_cache(coding: str) -> None:
    async with place(resource(LARGE)) as here:
        await here.filled()
        answer = await here.get(taking(coding), "Cache-Control: only-if-cached")
        assert (content(answer), hit(answer)) == ((200, coding, LARGE), True)


@pytest.mark.parametrize("coding", EACH)
@pytest.mark.parametrize("control", ["no-store", "max-age=60"])
async def test_9112_6_3_an_old_client_reads_to_the_end_of_the_connection(
    coding: str, control: str
) -> None:
    old = request("/thing", taking(coding)).replace(b"HTTP/1.1", b"HTTP/1.0")
    async with place(resource(LARGE, control=control)) as here:
        for _ in range(2):
            async with here.proxy.connect() as client:
                await client.send(old)
                head, _, body = (await client.ended()).partition(b"\r\n\r\n")
            assert b"chunked" not in head
            assert decoded(coding, body) == LARGE


@pytest.mark.parametrize("coding", CODINGS)
async def test_a_client_that_leaves_what_is_not_kept_ends_it(coding: str) -> None:
    lines = ("Content-Type: application/json", "Cache-Control: no-store")
    async with place() as here:
        head = response("200 OK", *lines, "Transfer-Encoding: chunked")
        here.origin.reply(head, chunk(LARGE[:90_000]), asyncio.Event())
        async with here.proxy.connect() as client:
            await client.send(request("/thing", taking(coding)))
            await (await client.head()).piece()
        async with asyncio.timeout(10):
            await here.origin.heard[0].gone.wait()


@pytest.mark.parametrize("coding", CODINGS)
async def test_what_grows_too_large_to_keep_arrives_whole(coding: str) -> None:
    async with place(resource(LARGE, counted=False), max_body="100KB") as here:
        for _ in range(2):
            answer = await here.get(taking(coding))
            assert (content(answer), hit(answer)) == ((200, coding, LARGE), False)
