"""In which coding an answer comes, exact bytes: chosen by the client, made once, left alone."""

import asyncio
from itertools import product

import pytest

from tests.plays.decoding import CODINGS, decoded
from tests.plays.house import House
from tests.plays.rawclient import Response
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
    tag,
    taking,
    text,
    told,
)
from tests.plays.scripted import chunk, response

# --- Each coding is made once. -----------------------------------------------------------------

BODIES = {
    "small": (SMALL, True),
    "small-chunked": (SMALL, False),
    "large": (LARGE, True),
    "large-chunked": (LARGE, False),
    "just-below-16-KiB": (text(16_383), True),
    "just-16-KiB": (text(16_384), True),
    "empty-chunked": (b"", False),
    "1-byte-chunked": (b"1", False),
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("body", ["small", "small-chunked", "large", "large-chunked"])
async def test_9110_8_8_3_3_a_hit_is_the_miss_byte_by_byte(coding: str, body: str) -> None:
    whole, counted = BODIES[body]
    async with place(resource(whole, counted=counted)) as here:
        first = await here.get(taking(coding))
        made = here.made
        again = await here.get(taking(coding))
        assert content(first) == (200, coding, whole)
        assert again.body == first.body
        assert tag(again) == tag(first) != '"v1"'
        assert told(again, "content-length", "vary") == (str(len(first.body)), "Accept-Encoding")
        assert told(again, "content-encoding", "last-modified") == told(
            first, "content-encoding", "last-modified"
        )
        assert (hit(first), hit(again)) == (False, True)
        assert here.made == made == 1
        assert [heard.all("accept-encoding") for heard in here.origin.heard] == [[b"identity"]]


@pytest.mark.parametrize("body", BODIES)
async def test_9110_8_4_every_coding_of_one_body(body: str) -> None:
    """Whoever comes first, and in whatever order the others come."""
    whole, counted = BODIES[body]
    async with place(resource(whole, counted=counted)) as here:
        answers = [await here.get(taking(coding)) for coding in (*EACH, *reversed(EACH))]
        assert {read(answer) for answer in answers} == {whole}
        names = {(tag(answer), answer.body) for answer in answers}
        assert len({name for name, _ in names}) == len(names)
        assert len(here.origin.heard) == 1


async def test_each_coding_is_made_once_for_all_who_wait() -> None:
    async with place(resource(LARGE)) as here:
        await here.filled()
        answers = await asyncio.gather(*(here.get(taking(each)) for each in CODINGS * 4))
        assert {read(answer) for answer in answers} == {LARGE}
        assert len({tag(answer) for answer in answers}) == 3
        assert here.made == 3


async def test_all_who_read_along_get_their_coding() -> None:
    """One fetch, one encoding of each kind, while the body is still on its way."""
    hold = asyncio.Event()
    head = response(
        "200 OK",
        *("Content-Type: application/json", "Cache-Control: max-age=60", 'ETag: "v1"'),
        "Transfer-Encoding: chunked",
    )
    async with place() as here:
        here.origin.reply(head, chunk(LARGE[:50_000]), hold, chunk(LARGE[50_000:]), b"0\r\n\r\n")
        async with asyncio.TaskGroup() as group:
            clients = [group.create_task(here.get(taking(each))) for each in EACH * 3]
            await here.origin.arrival()
            await _all_in(here.proxy, len(clients))
            hold.set()
        answers = [client.result() for client in clients]
        assert {read(answer) for answer in answers} == {LARGE}
        assert len({(tag(answer), answer.body) for answer in answers}) == 4
        assert here.made == 3
        later = [await here.get(taking(each)) for each in EACH]
        assert {tag(answer) for answer in later} == {tag(answer) for answer in answers}
        assert here.made == 3
        assert len(here.origin.heard) == 1


async def _all_in(proxy: House, clients: int) -> None:
    while proxy.service.stats.in_flight < clients:  # noqa: ASYNC110 - polled
        await asyncio.sleep(0.001)


# --- What the client says. ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "coding"),
    [
        (None, None),
        ("", None),
        ("identity", None),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZip", "gzip"),
        ("zstd", "zstd"),
        ("br", "br"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.5, zstd;q=0.9", "gzip"),
        ("zstd;q=0.001", "zstd"),
        ("br;Q=0.8 ,\tgzip ; q=0.9", "gzip"),
        (",, gzip ,", "gzip"),
        ("*", "br"),
        ("*;q=0.5, br;q=0", "zstd"),
        ("br;q=0, gzip;q=0, *", "zstd"),
        ("identity, *;q=0.5", None),
        ("gzip;q=0", None),
        ("br;q=0.5, identity", None),
        ("compress, deflate, exi, dcb, dcz", None),
        ("dcz, dcb, gzip", "gzip"),
        ("gzip;q=1.5, br", "br"),
        ("*;q=0, zstd", "zstd"),
        ("gzip, identity;q=0", "gzip"),
        ("exi, " * 1_000 + "br", None),
    ],
)
async def test_9110_12_5_3_accept_encoding(said: str | None, coding: str | None) -> None:
    lines = () if said is None else (f"Accept-Encoding: {said}",)
    async with place(resource()) as here:
        for _ in range(2):
            answer = await here.get(*lines)
            assert content(answer) == (200, coding, SMALL)
            assert told(answer, "vary") == ("Accept-Encoding",)


async def test_9110_5_3_two_lines_are_one_list() -> None:
    async with place(resource()) as here:
        answer = await here.get("Accept-Encoding: br;q=0.1", "Accept-Encoding: zstd;q=0.2")
        assert content(answer) == (200, "zstd", SMALL)


@pytest.mark.parametrize(
    ("said", "media"),
    [
        ("identity;q=0", "application/json"),
        ("*;q=0", "application/json"),
        ("exi, identity;q=0", "application/json"),
        ("gzip;q=0, br;q=0, zstd;q=0, identity;q=0", "application/json"),
        ("br, identity;q=0", "image/png"),
        ("gzip, *;q=0", "image/png"),
    ],
)
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_9110_12_5_3_never_identity_for_who_forbids_it(
    said: str, media: str, body: bytes
) -> None:
    async with place(resource(body, media=media)) as here:
        missed = await here.get(f"Accept-Encoding: {said}")
        await here.filled()
        found = await here.get(f"Accept-Encoding: {said}")
        twin = await here.get(f"Accept-Encoding: {said}", method="HEAD")
        for answer in (missed, found, twin):
            assert answer.status == 406
            assert told(answer, "vary", "cache-control", "etag") == (
                *("Accept-Encoding", "no-store", None),
            )
            assert body not in answer.body
        assert content(await here.get()) == (200, None, body)


@pytest.mark.parametrize("body", [b"", b"x", text(255), noise(2_000)], ids=len)
async def test_9110_12_5_3_a_coding_that_does_not_pay_for_who_takes_nothing_else(
    body: bytes,
) -> None:
    async with place(resource(body)) as here:
        for _ in range(2):
            answer = await here.get("Accept-Encoding: zstd, identity;q=0")
            assert content(answer) == (200, "zstd", body)
        assert content(await here.get("Accept-Encoding: zstd")) == (200, None, body)


# --- What is left alone. -----------------------------------------------------------------------

LEFT_ALONE = [
    pytest.param("image/png", (), "max-age=86400", (), id="a-media-type-that-does-not-shrink"),
    pytest.param("multipart/mixed", (), "max-age=86400", (), id="a-media-type-nobody-lists"),
    pytest.param(None, (), "max-age=86400", (), id="no-media-type"),
    pytest.param("json", (), "max-age=86400", (), id="a-broken-media-type"),
    pytest.param("text/event-stream", (), "max-age=86400", (), id="an-event-stream"),
    pytest.param(
        *("text/css", (), "max-age=86400, No-Transform", ()), id="9111-5.2.2.6-no-transform"
    ),
    pytest.param(
        *("text/css", ("CDN-Cache-Control: max-age=86400, no-transform",), "no-store", ()),
        id="9213-2.2-no-transform-for-us-alone",
    ),
    pytest.param(
        *("text/css", (), "max-age=86400", ("Cache-Control: no-transform",)),
        id="9111-5.2.1.6-the-client-wants-no-transform",
    ),
    *(
        pytest.param(
            "text/css", (f"{name}: sha-256=:AAAA:",), "max-age=86400", (), id=f"9530-{name}"
        )
        for name in ("Content-Digest", "Repr-Digest", "Digest", "Content-MD5")
    ),
]


@pytest.mark.parametrize(("media", "lines", "control", "asking"), LEFT_ALONE)
@pytest.mark.parametrize("accepts", ["br", "br, zstd, gzip, *"])
async def test_9110_7_7_left_alone(
    media: str | None, lines: tuple[str, ...], control: str, asking: tuple[str, ...], accepts: str
) -> None:
    async with place(resource(SMALL, *lines, media=media, control=control)) as here:
        for _ in range(2):
            answer = await here.get(f"Accept-Encoding: {accepts}", *asking)
            assert content(answer) == (200, None, SMALL)
            assert told(answer, "etag", "vary") == ('"v1"', None)
            assert told(answer, "content-length") == (str(len(SMALL)),)
            for line in lines:
                name, _, value = line.partition(": ")
                assert told(answer, name.lower()) == (value,)
        assert here.made == 0


@pytest.mark.parametrize(
    ("media", "coded"),
    [
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/atom+xml;type=feed", True),
        ("text/html", True),
        ("text/x-anything", True),
        ("image/svg+xml", True),
        ("application/x-ndjson", True),
        ("application/wasm", True),
        ("application/octet-stream", False),
        ("application/zip", False),
        ("video/mp4", False),
        ("image/jpeg", False),
        ("font/woff2", False),
        ("application/jsonish", False),
    ],
)
async def test_media_types(media: str, *, coded: bool) -> None:
    async with place(resource(SMALL, media=media)) as here:
        answer = await here.get(taking("gzip"))
        assert content(answer) == (200, "gzip" if coded else None, SMALL)


@pytest.mark.parametrize(("size", "coding"), [(255, None), (256, "br"), (0, None), (1, None)])
async def test_a_short_body_stays_plain_though_it_could_be_coded(
    size: int, coding: str | None
) -> None:
    async with place(resource(text(size))) as here:
        for _ in range(2):
            answer = await here.get(taking("br"))
            assert content(answer) == (200, coding, text(size))
            assert told(answer, "vary") == ("Accept-Encoding",)


async def test_what_does_not_shrink_stays_plain() -> None:
    async with place(resource(noise(2_000))) as here:
        for _ in range(2):
            assert content(await here.get(taking("br"))) == (200, None, noise(2_000))


@pytest.mark.parametrize(
    ("compress", "said", "coding"),
    [
        ({"codings": ["gzip"]}, "br, zstd, gzip;q=0.1", "gzip"),
        ({"codings": ["gzip"]}, "br, zstd", None),
        ({"codings": ["zstd", "br"]}, "gzip, br, zstd", "zstd"),
        ({"codings": "zstd"}, "*", "zstd"),
        ({"types": ["text/csv"]}, "br", None),
        ({"types": ["application/*"]}, "br", "br"),
        ({"types": ["*+json"]}, "br", None),
        ({"min_size": "4KiB"}, "br", None),
        ({"min_size": 1}, "br", "br"),
        ("off", "br", None),
        ("on", "br", "br"),
    ],
)
async def test_a_rule_says_what_is_coded(compress: object, said: str, coding: str | None) -> None:
    async with place(resource(), compress=compress) as here:
        for _ in range(2):
            assert content(await here.get(f"Accept-Encoding: {said}")) == (200, coding, SMALL)


@pytest.mark.parametrize("status", ["404 Not Found", "203 Non-Authoritative", "410 Gone"])
async def test_whatever_has_content_is_coded(status: str) -> None:
    async with place() as here:
        head = ("Content-Type: text/html", "Cache-Control: max-age=60", 'ETag: "v1"')
        here.origin.reply(response(status, *head, f"Content-Length: {len(SMALL)}", body=SMALL))
        for _ in range(2):
            answer = await here.get(taking("zstd"))
            assert content(answer) == (int(status[:3]), "zstd", SMALL)


# --- HEAD. -------------------------------------------------------------------------------------


def lines_of(answer: Response) -> list[tuple[bytes, bytes]]:
    """Return what HEAD and GET have to tell alike (9110 §9.3.2)."""
    return sorted(line for line in answer.lines if line[0] not in {b"age", b"cache-status"})


@pytest.mark.parametrize(
    ("coding", "body"), [*product(EACH, [SMALL, LARGE])], ids=lambda each: str(each)[:8]
)
async def test_9110_9_3_2_the_head_of_what_is_stored_is_that_of_get(
    coding: str, body: bytes
) -> None:
    async with place(resource(body)) as here:
        await here.filled()
        for lines in [(), ("Range: bytes=0-9",), ('If-None-Match: "x"',)]:
            head = await here.get(taking(coding), *lines, method="HEAD")
            plain = await here.get(taking(coding))
            assert (head.status, head.body) == (200, b"")
            assert lines_of(head) == lines_of(plain)
            assert decoded(coding, plain.body) == body
        matching = f"If-None-Match: {tag(plain)}"
        heads = [await here.get(taking(coding), matching, method=m) for m in ("HEAD", "GET")]
        assert [head.status for head in heads] == [304, 304]
        assert lines_of(heads[0]) == lines_of(heads[1])


@pytest.mark.parametrize("coding", EACH)
async def test_9110_9_3_2_the_head_of_what_is_not_stored(coding: str) -> None:
    """It tells what a GET would, but for what is known only when there is a body."""
    async with place(resource(LARGE)) as here:
        head = await here.get(taking(coding), method="HEAD")
        plain = await here.get(taking(coding))
        assert (head.status, head.body, here.made) == (200, b"", int(coding != "identity"))
        passing = {b"etag", b"content-length", b"transfer-encoding"}
        assert [line for line in lines_of(head) if line[0] not in passing] == [
            line for line in lines_of(plain) if line[0] not in passing
        ]
        # the tag of what is coded on its way names bytes, and here are none
        assert told(head, "etag") == ('"v1"' if coding == "identity" else None,)
        length = str(len(LARGE)) if coding == "identity" else None
        assert told(head, "content-length") == (length,)
