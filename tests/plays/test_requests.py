"""What the upstream hears: the client's request, byte for byte where it may be."""

import pytest

from tests.plays.house import House, house
from tests.plays.rawclient import request
from tests.plays.scripted import ScriptedUpstream, chunk, chunked, crumbs, fresh, ok, response

SAFE = ("GET", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY")
UNSAFE = (
    *("POST", "PUT", "DELETE", "PATCH", "PURGE", "COPY", "LOCK", "MKCOL", "MOVE", "PROPPATCH"),
    *("UNLOCK", "BIND", "REBIND", "UNBIND", "ACL", "MKACTIVITY", "CHECKOUT", "MERGE", "M-SEARCH"),
    *("NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "MKCALENDAR", "LINK", "UNLINK"),
)


async def test_the_whole_head(proxy: House, upstream: ScriptedUpstream) -> None:
    """Host first, the client's fields in their order, then how the request came here."""
    upstream.reply(ok())
    await proxy.ask("/thing?a=1", "X-B: 2", "Accept: */*", "x-a:   1  ")
    assert upstream.heard[0].head == (
        b"GET /thing?a=1 HTTP/1.1\r\n"
        b"Host: api.test\r\n"
        b"x-b: 2\r\n"
        b"accept: */*\r\n"
        b"x-a: 1\r\n"
        b"X-Forwarded-For: 127.0.0.1\r\n"
        b"X-Forwarded-Host: api.test\r\n"
        b"X-Forwarded-Proto: http\r\n"
        b"Via: 1.1 sidecache\r\n"
        b"Accept-Encoding: identity\r\n"
        b"\r\n"
    )


@pytest.mark.parametrize(
    "target",
    [
        *("/", "/a?", "/a??", "/?", "/a?b=%2F&c", "/a%2Fb", "/a%2fb", "/%7Euser", "/~user", "//"),
        *("//a//b", "/a/..b", "/a/.b", "/a;b=c", "/a:80", "/a@b", "/%zz", "/%", "/a%0Cb", "/a|b"),
        *('/a"b', "/a\\b", "/{a}", "/a?b=c?d=e/f", "/a?b=c&b=d", "/a?&&", "/a?=", "/%E4%B8%AD"),
        pytest.param("/" + "x" * 8000, id="long"),
        pytest.param("/x?" + "y" * 8_189, id="as-long-as-can-be"),
        *("/a?b=../c", "/a?b=%0A%00"),
    ],
)
async def test_the_target_arrives_byte_for_byte(
    proxy: House, upstream: ScriptedUpstream, target: str
) -> None:
    upstream.reply(ok())
    assert (await proxy.ask(target)).status == 200
    assert upstream.heard[0].target == target.encode()


@pytest.mark.parametrize("target", ["/a/../b", "/a/./b", "/a%00b", "/%2e%2E/a", "/a%0d%0ab"])
async def test_what_is_strict_can_be_let_through(upstream: ScriptedUpstream, target: str) -> None:
    """Byte for byte as well, and past the cache where two readers could differ."""
    upstream.reply(fresh())
    async with house(upstream.url, edge={"strict_targets": "off"}) as proxy:
        answer = await proxy.ask(target)
    assert answer.told == "sidecache; fwd=bypass; detail=ambiguous-target"
    assert upstream.heard[0].target == target.encode()


async def test_targets_that_differ_in_a_byte_are_different(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    targets = ("/a", "/a?", "/a/", "/A", "/%61", "/a?b", "/a?b=", "/a?B")
    for target in targets:
        upstream.reply(fresh(target.encode()))
        await proxy.ask(target)
    assert [(await proxy.ask(target)).body.decode() for target in targets] == list(targets)
    assert len(upstream.heard) == len(targets)


async def test_a_target_with_its_authority_loses_it(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(ok())
    await proxy.ask("http://api.test/thing?a")
    assert upstream.heard[0].target == b"/thing?a"


async def test_the_asterisk_is_for_options(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    await proxy.ask("*", method="OPTIONS")
    assert upstream.heard[0].head.startswith(b"OPTIONS * HTTP/1.1\r\n")


async def test_repeated_fields_stay_apart_and_in_order(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(ok())
    await proxy.ask("/", "X-A: 1", "X-B: 2", "X-A: 3", "X-A:", "Cookie: a=1", "Cookie: b=2")
    heard = upstream.heard[0]
    assert heard.all("x-a") == [b"1", b"3", b""]
    assert heard.all("cookie") == [b"a=1", b"b=2"]
    assert [name for name, _ in heard.lines][1:5] == [b"x-a", b"x-b", b"x-a", b"x-a"]


async def test_bytes_beyond_ascii_stay_as_they_are(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(ok())
    await proxy.ask("/", "X-Name: Zo\xeb \xff")
    assert upstream.heard[0].first("x-name") == b"Zo\xeb \xff"


@pytest.mark.parametrize("method", SAFE + UNSAFE)
async def test_every_method_passes(proxy: House, upstream: ScriptedUpstream, method: str) -> None:
    upstream.reply(ok(b"done"))
    answer = await proxy.ask("/thing", method=method)
    assert (answer.status, answer.body) == (200, b"done")
    assert upstream.heard[0].method == method.encode()


async def test_a_body_of_known_length(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    await proxy.ask("/thing", "Content-Length: 9", method="POST", body=b"some\0body")
    heard = upstream.heard[0]
    assert (heard.all("content-length"), heard.body) == ([b"9"], b"some\0body")
    assert heard.first("transfer-encoding") is None


async def test_a_body_in_chunks(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    async with proxy.connect() as client:
        head = request("/thing", "Transfer-Encoding: chunked", method="PUT")
        await client.send(*crumbs(head + chunked(b"some ", b"body")))
        await client.read()
    heard = upstream.heard[0]
    assert heard.all("transfer-encoding") == [b"chunked"]
    assert heard.first("content-length") is None
    assert unchunked(heard.body) == b"some body"


async def test_an_empty_body_in_chunks(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    lines = ("Transfer-Encoding: chunked",)
    await proxy.ask("/thing", *lines, method="POST", body=b"0\r\n\r\n")
    assert upstream.heard[0].body == b"0\r\n\r\n"


async def test_a_length_of_nothing_is_passed_on(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    await proxy.ask("/thing", "Content-Length: 0", method="POST")
    assert upstream.heard[0].all("content-length") == [b"0"]


async def test_a_get_with_a_body_passes_the_cache_by(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh())
    await proxy.ask("/thing")
    upstream.reply(fresh(b"other"))
    answer = await proxy.ask("/thing", "Content-Length: 5", body=b"query")
    assert answer.told == "sidecache; fwd=bypass; detail=request-body"
    assert (answer.body, upstream.heard[1].body) == (b"other", b"query")


async def test_trailers_are_dropped_and_never_become_fields(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """9110 §6.5.1: a trailer that posed as Authorization or Cookie would speak for someone."""
    trailers = b"Authorization: Basic YTpi\r\nX-Forwarded-For: 6.6.6.6\r\nHost: evil.test\r\n"
    body = chunk(b"body") + b"0\r\n" + trailers + b"\r\n"
    upstream.reply(ok())
    answer = await proxy.ask("/", "Transfer-Encoding: chunked", method="POST", body=body)
    assert answer.status == 200
    heard = upstream.heard[0]
    assert (unchunked(heard.body), heard.first("authorization")) == (b"body", None)
    assert b"evil" not in heard.head + heard.body
    assert heard.all("x-forwarded-for") == [b"127.0.0.1"]


@pytest.mark.parametrize(
    "line",
    [
        *("Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: trailers"),
        *("Proxy-Authorization: Basic YTpi", "Forwarded: for=6.6.6.6", "X-Real-IP: 6.6.6.6"),
        *("X-Original-URL: /admin", "X-HTTP-Method-Override: DELETE", "X_Forwarded_For: 6.6.6.6"),
        *("X-Forwarded-Prefix: /evil", "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"),
    ],
)
async def test_what_is_between_two_hops_or_not_to_be_believed_stays_here(
    proxy: House, upstream: ScriptedUpstream, line: str
) -> None:
    upstream.reply(ok())
    await proxy.ask("/", line, "X-Kept: yes")
    heard = upstream.heard[0]
    assert heard.first(line.partition(":")[0]) is None
    assert heard.first("x-kept") == b"yes"


async def test_what_connection_nominates_stays_here(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(ok())
    await proxy.ask("/", "Connection: keep-alive, X-Mine", "X-Mine: 1", "X-Yours: 2")
    heard = upstream.heard[0]
    assert heard.first("connection") is heard.first("x-mine") is None
    assert heard.first("x-yours") == b"2"


async def test_via_and_forwarding_fields_are_ours(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    forged = ("X-Forwarded-For: 6.6.6.6", "X-Forwarded-Host: evil.test", "X-Forwarded-Proto: wss")
    await proxy.ask("/", "Via: 1.0 fred", *forged)
    heard = upstream.heard[0]
    assert heard.all("via") == [b"1.0 fred, 1.1 sidecache"]
    assert heard.all("x-forwarded-for") == [b"127.0.0.1"]
    assert heard.all("x-forwarded-host") == [b"api.test"]
    assert heard.all("x-forwarded-proto") == [b"http"]


async def test_an_upgrade_is_not_passed_on(proxy: House, upstream: ScriptedUpstream) -> None:
    """It is answered as the request that it also is, and the connection ends: 9110 §7.8."""
    upstream.reply(ok())
    async with proxy.connect() as client:
        await client.send(
            request("/chat", "Connection: Upgrade", "Upgrade: websocket") + b"\x81\x00"
        )
        answer = await client.read()
        assert (answer.status, answer.body) == (200, b"hello")
        assert answer.first("connection") == b"close"
        assert await client.ended() == b""
    heard = upstream.heard[0]
    assert heard.first("upgrade") is heard.first("connection") is None


async def test_the_body_is_invited_only_when_it_is_wanted(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(ok(b"thanks"))
    async with proxy.connect() as client:
        lines = ("Content-Length: 4", "Expect: 100-continue")
        await client.send(request("/thing", *lines, method="POST"))
        assert await client.line() == b"HTTP/1.1 100 Continue\r\n"
        assert await client.line() == b"\r\n"
        await client.send(b"body")
        answer = await client.read()
    heard = upstream.heard[0]
    assert (answer.body, answer.interim) == (b"thanks", [])
    assert (heard.body, heard.first("expect")) == (b"body", None)


async def test_a_response_head_in_crumbs(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(crumbs(response("200 OK", "Content-Length: 5", "X-A: 1", body=b"hello")))
    answer = await proxy.ask("/")
    assert (answer.first("x-a"), answer.body) == (b"1", b"hello")


def unchunked(body: bytes) -> bytes:
    """Return what stands in chunks, without what follows the last one."""
    out, rest = b"", body
    while True:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16)
        if not size:
            assert rest == b"\r\n"
            return out
        out, rest = out + rest[:size], rest[size + 2 :]
