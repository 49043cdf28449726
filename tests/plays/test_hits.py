"""What is kept and how it is given again: whole, in part, as a head, as a 304."""

import pytest

from proxy.http import dates
from tests.plays.house import House
from tests.plays.rawclient import Response, request
from tests.plays.scripted import ScriptedUpstream, chunked, crumbs, fresh, ok, response

MISS = "sidecache; fwd=uri-miss; ttl; stored; detail=uri-miss"
HIT = "sidecache; hit; ttl; detail=fresh"
YEAR_2024 = dates.render(1_704_067_200).decode()


def without_status(answer: Response) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, value in answer.lines if name != b"cache-status"]


async def test_a_miss_then_a_hit(proxy: House, upstream: ScriptedUpstream) -> None:
    """The second answer is the first one and an Age; the upstream was asked once."""
    upstream.reply(ok(b"hello", f"Date: {YEAR_2024}", "X-A: 1", "Cache-Control: max-age=999999999"))
    first = await proxy.ask("/thing")
    assert without_status(first) == [
        (b"date", YEAR_2024.encode()),
        (b"x-a", b"1"),
        (b"cache-control", b"max-age=999999999"),
        (b"content-length", b"5"),
        (b"via", b"1.1 sidecache"),
    ]
    assert (first.status, first.body, first.told) == (200, b"hello", MISS)
    second = await proxy.ask("/thing")
    assert [name for name, _ in without_status(second)] == [
        *(b"date", b"x-a", b"cache-control", b"via", b"content-length", b"age"),
    ]
    assert (second.status, second.body, second.told) == (200, b"hello", HIT)
    assert len(upstream.heard) == 1


@pytest.mark.parametrize("body", [b"", b"x", b"x" * 65_536, bytes(range(256)) * 4096])
async def test_any_bytes_come_back(proxy: House, upstream: ScriptedUpstream, body: bytes) -> None:
    upstream.reply(fresh(body))
    answers = [await proxy.ask("/thing") for _ in range(2)]
    assert [answer.body for answer in answers] == [body, body]
    assert answers[1].told == HIT


async def test_a_chunked_body_is_kept_and_counted(proxy: House, upstream: ScriptedUpstream) -> None:
    head = response("200 OK", "Cache-Control: max-age=60", "Transfer-Encoding: chunked")
    upstream.reply(crumbs(head + chunked(b"one ", b"two ", b"three")))
    first = await proxy.ask("/thing")
    assert first.first("transfer-encoding") == b"chunked"
    second = await proxy.ask("/thing")
    assert first.body == second.body == b"one two three"
    assert second.first("content-length") == b"13"
    assert second.first("transfer-encoding") is None


async def test_is_kept_before_its_last_byte_leaves(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """Whoever has read an answer to its end finds it in the cache, on whatever connection."""
    async with proxy.connect() as one, proxy.connect() as other:
        for number in range(20):
            upstream.reply(fresh(b"x" * number * 5000))
            await one.ask(request(f"/{number}"))
            assert (await other.ask(request(f"/{number}"))).told == HIT


async def test_a_head_is_answered_from_a_kept_get(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh())
    await proxy.ask("/thing")
    answer = await proxy.ask("/thing", method="HEAD")
    assert (answer.told, answer.first("content-length"), answer.body) == (HIT, b"5", b"")


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('If-None-Match: "one"', 304),
        ('If-None-Match: W/"one"', 304),
        ('If-None-Match: "two", "one"', 304),
        ("If-None-Match: *", 304),
        ('If-None-Match: "two"', 200),
        (f"If-Modified-Since: {YEAR_2024}", 304),
        ("If-Modified-Since: Thu, 01 Jan 1970 00:00:01 GMT", 200),
    ],
)
async def test_conditions_are_answered_from_the_cache(
    proxy: House, upstream: ScriptedUpstream, condition: str, status: int
) -> None:
    upstream.reply(fresh(b"hello", 'ETag: "one"', f"Last-Modified: {YEAR_2024}"))
    await proxy.ask("/thing")
    answer = await proxy.ask("/thing", condition)
    assert (answer.status, answer.told) == (status, HIT)
    assert answer.first("etag") == b'"one"'
    assert answer.body == (b"" if status == 304 else b"hello")


@pytest.mark.parametrize(
    ("wanted", "given"),
    [
        ("bytes=0-1", (206, b"bytes 0-1/5", b"he")),
        ("bytes=3-", (206, b"bytes 3-4/5", b"lo")),
        ("bytes=-2", (206, b"bytes 3-4/5", b"lo")),
        ("bytes=5-", (416, b"bytes */5", b"")),
        ("lines=1-2", (200, None, b"hello")),
    ],
)
async def test_ranges_are_cut_from_the_kept_whole(
    proxy: House,
    upstream: ScriptedUpstream,
    wanted: str,
    given: tuple[int, bytes | None, bytes],
) -> None:
    upstream.reply(fresh())
    await proxy.ask("/thing")
    answer = await proxy.ask("/thing", f"Range: {wanted}")
    assert (answer.status, answer.first("content-range"), answer.body) == given
    assert answer.told == HIT


async def test_each_variant_has_its_own_entry(proxy: House, upstream: ScriptedUpstream) -> None:
    for language in ("de", "en"):
        upstream.reply(fresh(language.encode(), "Vary: Accept-Language"))
        await proxy.ask("/thing", f"Accept-Language: {language}")
    answers = [await proxy.ask("/thing", f"Accept-Language: {which}") for which in ("en", "de")]
    assert [(answer.body, answer.told) for answer in answers] == [(b"en", HIT), (b"de", HIT)]
    upstream.reply(fresh(b"none", "Vary: Accept-Language"))
    other = await proxy.ask("/thing")
    assert other.told == "sidecache; fwd=vary-miss; ttl; stored; detail=vary-miss"


@pytest.mark.parametrize(
    ("lines", "asked", "detail"),
    [
        (["Cache-Control: no-store, max-age=60"], [], "no-store"),
        (["Cache-Control: private, max-age=60"], [], "private"),
        (["Cache-Control: max-age=60", "Set-Cookie: a=b"], [], "set-cookie"),
        (["Cache-Control: max-age=60", "Vary: *"], [], "vary-star"),
        (["Cache-Control: max-age=60"], ["Authorization: Basic YTpi"], "credentials"),
        (["Cache-Control: max-age=60"], ["Cookie: session=1"], "credentials"),
        (["Cache-Control: max-age=60"], ["Cache-Control: no-store"], "request-no-store"),
        ([], [], "no-lifetime"),
    ],
)
async def test_what_is_for_one_caller_or_for_one_time_is_not_kept(
    proxy: House, upstream: ScriptedUpstream, lines: list[str], asked: list[str], detail: str
) -> None:
    for body in (b"first", b"second"):
        upstream.reply(ok(body, *lines))
        answer = await proxy.ask("/thing", *asked)
        assert (answer.body, answer.told) == (body, f"sidecache; fwd=uri-miss; detail={detail}")
    for name in {"Set-Cookie"} & {line.partition(":")[0] for line in lines}:
        assert answer.first(name.lower()) == b"a=b"


async def test_another_caller_never_gets_a_personal_answer(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """What came for one session stays there, though the API forgot to say `private`."""
    for name in (b"ann", b"bob"):
        upstream.reply(fresh(name))
        answer = await proxy.ask("/me", f"Cookie: session={name.decode()}")
        assert answer.body == name
    upstream.reply(fresh(b"nobody"))
    assert (await proxy.ask("/me")).body == b"nobody"
    upstream.reply(fresh(b"ann again"))
    stranger = await proxy.ask("/me", "Cookie: session=ann")
    assert stranger.body == b"ann again"
    assert stranger.told == "sidecache; fwd=request; detail=credentials"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "PURGE"])
async def test_a_write_that_succeeds_voids_its_target(
    proxy: House, upstream: ScriptedUpstream, method: str
) -> None:
    upstream.reply(fresh(b"old"))
    await proxy.ask("/thing")
    upstream.reply(ok(b"done"))
    written = await proxy.ask("/thing", method=method)
    assert written.told == "sidecache; fwd=method; detail=method"
    upstream.reply(fresh(b"new"))
    assert (await proxy.ask("/thing")).body == b"new"


async def test_a_write_that_fails_voids_nothing(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh(b"old"))
    await proxy.ask("/thing")
    upstream.reply(ok(b"no", status="409 Conflict"))
    await proxy.ask("/thing", method="DELETE")
    assert (await proxy.ask("/thing")).told == HIT


async def test_a_write_voids_what_its_location_names(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh(b"old"))
    await proxy.ask("/things/1")
    upstream.reply(ok(b"", "Location: /things/1", status="303 See Other"))
    await proxy.ask("/things", "Content-Length: 0", method="POST")
    upstream.reply(fresh(b"new"))
    assert (await proxy.ask("/things/1")).body == b"new"


async def test_only_if_cached(proxy: House, upstream: ScriptedUpstream) -> None:
    absent = await proxy.ask("/thing", "Cache-Control: only-if-cached")
    assert (absent.status, absent.told) == (504, "sidecache; detail=only-if-cached")
    upstream.reply(fresh())
    await proxy.ask("/thing")
    assert (await proxy.ask("/thing", "Cache-Control: only-if-cached")).told == HIT


async def test_a_refusal_to_look_leaves_no_half_read_request(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """Whoever waited for `100 Continue` need not send its body now: the connection ends."""
    async with proxy.connect() as client:
        waiting = ("Content-Length: 5", "Expect: 100-continue", "Cache-Control: only-if-cached")
        answer = await client.ask(request("/thing", *waiting))
        assert (answer.status, answer.interim) == (504, [])
        assert answer.first("connection") == b"close"
        assert await client.ended() == b""
    assert not upstream.heard
