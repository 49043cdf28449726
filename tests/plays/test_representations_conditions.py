"""Conditions in every coding, exact bytes: who holds what is current gets a 304 and no more."""

import pytest

from tests.plays.decoding import CODINGS
from tests.plays.origin import written
from tests.plays.representing import (
    DAY,
    EACH,
    LARGE,
    NOW,
    SMALL,
    content,
    hit,
    place,
    read,
    resource,
    tag,
    taking,
    text,
    told,
)
from tests.plays.scripted import ok, response

OLD = written(NOW - DAY)


# --- From what is stored. ----------------------------------------------------------------------


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("coding", EACH)
async def test_9110_15_4_5_a_304_tells_what_guides_caches_and_nothing_else(
    coding: str, method: str, body: bytes
) -> None:
    lines = ("Content-Language: en", "Content-Location: /there", "Expires: 0", "Accept-Ranges: 1")
    async with place(resource(body, *lines, "X-A: b")) as here:
        first = await here.get(taking(coding))
        answer = await here.get(taking(coding), f"If-None-Match: {tag(first)}", method=method)
        assert (answer.status, answer.body, hit(answer)) == (304, b"", True)
        assert sorted(name.decode() for name, _ in answer.lines) == [
            *("age", "cache-control", "cache-status", "content-location", "date", "etag"),
            *("expires", "vary", "via", "x-a"),
        ]
        names = ("cache-control", "content-location", "date", "etag", "expires", "vary")
        assert told(answer, *names) == told(first, *names)
        assert len(here.heard) == 1


MATCHING = [
    ("br", "{br}", 304),
    ("br", "W/{br}", 304),
    ("br", '"other", {br}', 304),
    ("br", '{br}, "other"', 304),
    ("br", ", {br} ,", 304),
    ("br", "*", 304),
    ("br", "{gzip}", 200),
    ("br", "{identity}", 200),
    ("br", '"v0-sc.br.00ff"', 200),
    ("br", '"v1-sc.br.00ff"', 304),  # as another replica has made it: the same version, too
    ("br", '"v1-sc.br.xyz"', 200),
    ("br", '"v1-sc.br."', 200),
    ("br", '"v1-sc.exi.00ff"', 200),
    ("br", '"-sc.br.00ff"', 200),
    ("br", '"V1-SC.BR.00FF"', 200),
    ("br", "v1", 200),
    ("br", "", 200),
    ("identity", "{identity}", 304),
    ("identity", "{br}", 200),
    ("identity", "{br}, {identity}", 304),
    ("gzip", "{br}, {zstd}, {gzip}", 304),
    ("gzip", "{br}, {zstd}", 200),
    ("gzip, br;q=0.5", "{br}", 200),
]


@pytest.mark.parametrize(("accepts", "listed", "status"), MATCHING)
async def test_9110_13_1_2_if_none_match(accepts: str, listed: str, status: int) -> None:
    async with place(resource()) as here:
        answers = await here.all()
        tags = {coding: tag(answer) for coding, answer in answers.items()}
        assert len(set(tags.values())) == len(EACH)
        said = listed.format(**tags)
        answer = await here.get(taking(accepts), f"If-None-Match: {said}")
        coding = accepts.partition(",")[0]
        assert answer.status == status
        if status == 304:
            assert tag(answer) in {tags[coding], '"v1-sc.br.00ff"'}
            assert len(here.heard) == 1
        else:
            assert content(answer) == (200, None if coding == "identity" else coding, SMALL)
            assert tag(answer) == tags[coding]


@pytest.mark.parametrize("accepts", EACH)
@pytest.mark.parametrize("etag", ['"v1"', 'W/"v1"', None])
@pytest.mark.parametrize(
    ("since", "status"),
    [
        pytest.param(OLD, 304, id="then"),
        pytest.param(written(NOW), 304, id="later"),
        pytest.param(written(NOW - 2 * DAY), 200, id="before"),
        pytest.param("yesterday", 200, id="no-date"),
    ],
    ids=["then", "now", "before", "no-date"],
)
async def test_9110_13_1_3_if_modified_since(
    accepts: str, etag: str | None, since: str, status: int
) -> None:
    async with place(resource(etag=etag)) as here:
        first = await here.get(taking(accepts))
        answer = await here.get(taking(accepts), f"If-Modified-Since: {since}")
        assert (answer.status, told(answer, "etag")) == (status, told(first, "etag"))
        modified = None if etag is not None and status == 304 else OLD
        assert told(answer, "last-modified") == (modified,)


async def test_9110_13_2_2_a_tag_comes_before_a_date() -> None:
    async with place(resource()) as here:
        await here.filled()
        date = f"If-Modified-Since: {written(NOW)}"
        assert (await here.get(taking("br"), 'If-None-Match: "x"', date)).status == 200


async def test_9110_8_8_3_2_a_weak_tag_says_the_same_in_every_coding() -> None:
    async with place(resource(etag='W/"v1"')) as here:
        for coding, answer in (await here.all()).items():
            assert (tag(answer), read(answer)) == ('W/"v1"', SMALL)
            for listed in ('W/"v1"', '"v1"', "*"):
                again = await here.get(taking(coding), f"If-None-Match: {listed}")
                assert (again.status, tag(again)) == (304, 'W/"v1"')
            made_up = await here.get(taking(coding), 'If-None-Match: "v1-sc.br.00ff"')
            assert made_up.status == 200


async def test_9110_8_8_3_without_a_tag_none_is_made_up() -> None:
    async with place(resource(etag=None)) as here:
        answers = [*(await here.all()).values(), *(await here.all()).values()]
        assert {told(answer, "etag") for answer in answers} == {(None,)}


@pytest.mark.parametrize("etag", ["v1", '"v1', "W/v1", 'w/"v1"', '""'])
async def test_9110_8_8_3_a_tag_that_is_none_never_stands_for_two_codings(etag: str) -> None:
    async with place(resource(etag=etag)) as here:
        answers = await here.all()
        tags = {coding: told(answer, "etag")[0] for coding, answer in answers.items()}
        assert tags["identity"] == etag
        for coding in CODINGS:
            assert tags[coding] != etag


# --- Tags that are made here. ------------------------------------------------------------------


@pytest.mark.parametrize("body", [SMALL, LARGE, b"", b"x"], ids=["small", "large", "empty", "1"])
async def test_a_generated_tag_is_told_by_all_that_is_stored(body: bytes) -> None:
    async with place(resource(body, etag=None), etag="generate") as here:
        await here.get(taking("br"))
        for coding, answer in (await here.all()).items():
            again = await here.get(taking(coding), f"If-None-Match: {tag(answer)}")
            assert (again.status, tag(again), hit(again)) == (304, tag(answer), True)
        other = resource(text(len(body), seed=1), etag=None, control="no-store")
        here.has(other)
        assert len(here.heard) == 1


async def test_a_generated_tag_is_that_of_the_body() -> None:
    tags = []
    for body in (SMALL, SMALL, text(3_000, seed=1)):
        async with place(resource(body, etag=None), etag="generate") as here:
            await here.filled()
            tags.append(tag(await here.get()))
    assert tags[0] == tags[1] != tags[2]


async def test_9111_4_3_1_the_upstream_is_not_asked_by_a_tag_that_was_made_here() -> None:
    async with place(resource(etag=None, control="no-cache"), etag="generate") as here:
        await here.get()
        for coding in EACH:
            first = await here.get(taking(coding))
            again = await here.get(taking(coding), f"If-None-Match: {tag(first)}")
            assert again.status == 304
        assert {heard[2:] for heard in here.heard[1:]} == {(None, OLD.encode())}


async def test_a_tag_of_the_upstream_is_not_replaced() -> None:
    async with place(resource(), etag="generate") as here:
        await here.get()
        assert tag(await here.get()) == '"v1"'


# --- The upstream's own words. -----------------------------------------------------------------


@pytest.mark.parametrize("coding", EACH)
async def test_9111_4_3_1_what_is_stored_is_validated_by_the_upstreams_own_tag(
    coding: str,
) -> None:
    async with place(resource(control="no-cache")) as here:
        first = await here.get(taking(coding))
        again = await here.get(taking(coding))
        assert (again.body, tag(again)) == (first.body, tag(first))
        assert again.status == 200
        same = await here.get(taking(coding), f"If-None-Match: {tag(first)}")
        assert (same.status, tag(same)) == (304, tag(first))
        assert here.made == int(coding != "identity")
        here.has(resource(text(3_000, seed=1), etag='"v2"', control="no-cache"))
        other = await here.get(taking(coding), f"If-None-Match: {tag(first)}")
        assert read(other) == text(3_000, seed=1)
        assert (other.status, tag(other)[:3]) == (200, '"v2')
        assert [heard[2] for heard in here.heard] == [None, *[b'"v1"'] * 3]


@pytest.mark.parametrize("heeds", [True, False])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("coding", EACH)
async def test_9110_13_1_2_a_condition_on_what_is_not_stored(
    coding: str, body: bytes, *, heeds: bool
) -> None:
    """The upstream hears its own tag; the client is told the one that it knows."""
    async with place(resource(body)) as here:
        known = tag(await here.get(taking(coding)))
    async with place(resource(body, heeds=heeds)) as here:
        answer = await here.get(taking(coding), f"If-None-Match: {known}")
        assert (answer.status, tag(answer), answer.body) == (304, known, b"")
        assert here.heard == [(None, None, b'"v1"', None)]
        await here.proxy.quiet()
        here.has(resource(text(3_000, seed=1), etag='"v2"'))
        other = await here.get(taking(coding), 'If-None-Match: "v0", "v0-sc.br.00"')
        if heeds:
            assert (other.status, read(other)) == (200, text(3_000, seed=1))
            assert here.heard[1][2] == b'"v0"'
        else:
            assert (other.status, hit(other), read(other)) == (200, True, body)


async def test_9110_15_4_5_a_304_of_the_upstream_varies_as_the_200_would() -> None:
    async with place(resource()) as here:
        answer = await here.get(taking("br"), 'If-None-Match: "v1-sc.br.00ff"')
        assert (answer.status, told(answer, "vary")) == (304, ("Accept-Encoding",))
        plain = await here.get('If-None-Match: "v1"')
        assert (plain.status, told(plain, "vary")) == (304, ("Accept-Encoding",))


@pytest.mark.parametrize(
    ("accepts", "listed", "status", "known"),
    [
        ("gzip", '"v1-sc.br.00", "v1-sc.gzip.11"', 304, '"v1-sc.gzip.11"'),
        ("gzip", '"v1-sc.br.00"', 200, None),
        ("identity", '"v1-sc.br.00", "v1"', 304, '"v1"'),
        ("identity", '"v1-sc.br.00"', 200, None),
        ("br, identity;q=0", '"v1", "v1-sc.br.00"', 304, '"v1-sc.br.00"'),
    ],
)
async def test_9110_13_1_2_a_304_of_the_upstream_is_for_what_the_client_takes(
    accepts: str, listed: str, status: int, known: str | None
) -> None:
    """Else a cache behind us gives its client a body that this cannot read (9111 §4.3.4)."""
    async with place(resource()) as here:
        answer = await here.get(f"Accept-Encoding: {accepts}", f"If-None-Match: {listed}")
        assert answer.status == status
        if known is not None:
            assert tag(answer) == known
        else:
            assert read(answer) == SMALL


async def test_9110_13_1_3_a_date_does_not_count_beside_tags_that_the_upstream_cannot_know() -> (
    None
):
    """A browser sends both; what it holds is in another coding than it takes now."""
    async with place(resource()) as here:
        both = ('If-None-Match: "v1-sc.br.00ff"', f"If-Modified-Since: {OLD}")
        answer = await here.get(taking("gzip"), *both)
        assert content(answer) == (200, "gzip", SMALL)
        here.has(resource(modified=None))
        assert here.heard == [(None, None, None, None)]


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ('If-Match: "v1-sc.br.00ff"', b'"v1"'),
        ('If-Match: "v1-sc.br.00ff", "v1-sc.gzip.01", "v1"', b'"v1"'),
        ('If-Match: "v1-sc.br.00ff", "v2"', b'"v1", "v2"'),
        ("If-Match: *", b"*"),
        ('If-Match: W/"v1-sc.br.00ff"', b'W/"v1"'),
        ('If-None-Match: "v1-sc.zstd.00ff"', b'"v1"'),  # else it would be written regardless
    ],
)
@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
async def test_9110_13_1_1_a_write_is_guarded_by_the_upstreams_own_tag(
    said: str, heard: bytes, method: str
) -> None:
    async with place() as here:
        here.origin.reply(ok(b"done"))
        await here.get(said, "Content-Length: 0", method=method)
        name = said.partition(":")[0]
        assert here.origin.heard[0].all(name) == [heard]


@pytest.mark.parametrize(
    "said",
    [
        'If-Range: "v1-sc.br.00ff", "v1-sc.br.01ff"',
        'If-Range: "v1-sc.br.00ff',
        'If-Range: x "v1-sc.br.00ff"',
        'If-None-Match: "v1-sc.br.00ff" x',
        "If-None-Match: v1-sc.br.00ff",
        'If-Match: "v1-sc.br.00ff',
    ],
)
async def test_the_upstream_never_sees_a_tag_of_ours_however_it_is_written(said: str) -> None:
    async with place(resource()) as here:
        answer = await here.get(said, "Range: bytes=0-9")
        assert answer.status in {200, 206}
        assert b"-sc." not in here.origin.heard[0].head


async def test_9110_13_2_1_a_condition_counts_only_where_there_is_success() -> None:
    lines = ("Content-Type: text/html", "Cache-Control: max-age=60", 'ETag: "v1"')
    async with place() as here:
        here.origin.reply(
            response("404 Not Found", *lines, f"Content-Length: {len(SMALL)}", body=SMALL)
        )
        first = await here.get(taking("br"))
        for known in (tag(first), "*"):
            answer = await here.get(taking("br"), f"If-None-Match: {known}", "Range: bytes=0-9")
            assert content(answer) == (404, "br", SMALL)
