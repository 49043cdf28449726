"""What caches are attacked by, from the client's side, before an origin that reflects its input.

After each attack an honest request must get what it would have got without it: nothing of the
attacker's in it (`evil`), and every connection only its own answers. The ids are P for poisoning,
D for deception and leaks, S for smuggling, R for resources. Requests that are refused outright
stand in test_refusals.py, slow ones in test_slow_clients.py, an upstream's own in
test_poisoning.py and test_faults.py, tunnels in tests/edge/test_extensions.py.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from tests.plays.house import House, house
from tests.plays.rawclient import request
from tests.plays.reflecting import ReflectingUpstream
from tests.plays.scripted import PATIENCE, ScriptedUpstream, chunked, fresh, ok


@pytest.fixture
async def mirror() -> AsyncIterator[ReflectingUpstream]:
    async with ReflectingUpstream() as upstream:
        yield upstream


@pytest.fixture
async def mirrored(mirror: ReflectingUpstream) -> AsyncIterator[House]:
    async with house(mirror.url) as place:
        yield place


NEVER_SEEN = {
    **{
        f"P1-{name}": f"{name}: evil.test"
        for name in (
            *("X-Forwarded-Host", "X-Forwarded-Scheme", "X-Forwarded-Proto", "X-Forwarded-Port"),
            *("X-Forwarded-Server", "X-Forwarded-Prefix", "X-Forwarded-For", "X-Host"),
            *("X-Original-Host", "X-HTTP-Host-Override", "X-Real-IP", "True-Client-IP"),
            *("X-Client-IP", "X-Forwarded-SSL", "Front-End-HTTPS", "X-Script-Name"),
        )
    },
    "P1-Forwarded": "Forwarded: for=evil;host=evil.test;proto=evil",
    **{
        f"P2-{name}": f"{name}: /evil"
        for name in ("X-Original-URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Path")
    },
    **{
        f"P3-{name}": f"{name}: EVIL"
        for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override")
    },
    **{
        f"S6-{name}": f"{name}: evil"
        for name in (
            *("X_Forwarded_For", "X_Forwarded_Host", "X-Forwarded_Proto", "X_Original_URL"),
            *("X_HTTP_Method_Override", "Content_Length", "Transfer_Encoding", "Cache_Control"),
        )
    },
    "S8-http2-settings": "HTTP2-Settings: evil",
    "9110-7.6.1-keep-alive": "Keep-Alive: evil",
    "9110-11.7-proxy-authorization": "Proxy-Authorization: Basic evil",
}


@pytest.mark.parametrize("line", NEVER_SEEN.values(), ids=NEVER_SEEN)
async def test_fields_that_no_key_holds_never_reach_the_origin(
    mirrored: House, mirror: ReflectingUpstream, line: str
) -> None:
    """Neither the attacker nor anybody else gets anything of them."""
    attack = await mirrored.ask("/page", line)
    assert attack.status == 200
    assert b"evil" not in attack.body.lower()
    honest = await mirrored.ask("/page")
    assert honest.told == "sidecache; hit; ttl; detail=fresh"
    assert b"evil" not in honest.body.lower()
    assert len(mirror.heard) == 1


TRUSTED = {
    **{
        f"P1-{name}": f"{name}: evil.test"
        for name in (
            *("X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Port", "X-Forwarded-Prefix"),
            *("X-Forwarded-Scheme", "X-Forwarded-SSL", "X-Script-Name", "X-Forwarded-Server"),
            *("Forwarded", "X-Host", "X-Original-Host", "X-HTTP-Host-Override"),
        )
    },
    "P2-X-Original-URL": "X-Original-URL: /evil",
    "P3-X-HTTP-Method-Override": "X-HTTP-Method-Override: EVIL",
}


@pytest.mark.parametrize("line", TRUSTED.values(), ids=TRUSTED)
async def test_what_a_trusted_peer_hands_on_is_in_the_key_or_goes_no_further(
    mirror: ReflectingUpstream, line: str
) -> None:
    """A front may pass on what it got; whom it asks for next gets nothing of it."""
    async with house(mirror.url, trusted_peers=["127.0.0.0/8"]) as proxy:
        await proxy.ask("/page", line)
        assert b"evil" not in (await proxy.ask("/page")).body.lower()


async def test_networks_are_trusted_not_neighbours(mirror: ReflectingUpstream) -> None:
    """P1: the list has CIDR networks, of both families."""
    for networks, trusted in ((["127.0.0.0/30"], True), (["127.0.0.2/31", "::1"], False)):
        async with house(mirror.url, trusted_peers=networks) as proxy:
            answer = await proxy.ask(f"/{trusted}", "X-Forwarded-Host: shop.test")
            assert (b"shop.test" in answer.body) is trusted


UNKEYED = {
    "P6-cookie": "Cookie: lang=evil",
    "P6-accept-language": "Accept-Language: evil",
    "P6-origin": "Origin: https://evil.test",
    "P6-user-agent": "User-Agent: evil",
    "P6-referer": "Referer: https://evil.test",
    "P6-x-anything": "X-Anything: evil",
    "P6-accept-encoding": "Accept-Encoding: evil",
    "P5-high-bytes": "X-Anything: evil\xff\x80",
}


@pytest.mark.parametrize("line", UNKEYED.values(), ids=UNKEYED)
async def test_fields_beside_the_key_do_not_reach_the_origin_of_a_reviewed_route(
    mirror: ReflectingUpstream, line: str
) -> None:
    """`forward` lists what may shape an answer; it is reflected to nobody else."""
    rule = {"name": "page", "forward": [], "key": {"cookies": []}}
    async with house(mirror.url, rules=[rule]) as proxy:
        await proxy.ask("/page", line)
        assert b"evil" not in (await proxy.ask("/page")).body


async def test_p6_a_cookie_that_no_rule_knows_is_a_callers_own(mirrored: House) -> None:
    """D4: without any rule, what was answered to a cookie is for its sender."""
    await mirrored.ask("/page", "Cookie: session=evil")
    assert b"evil" not in (await mirrored.ask("/page")).body
    await mirrored.ask("/page", "Authorization: Bearer evil")
    assert b"evil" not in (await mirrored.ask("/page")).body


CLOAKED = (
    *("/page?utm_x=1;cb=evil", "/page?utm_x=1%26cb=evil", "/page?a=1&utm_x=evil%23"),
    *("/page?utm_x=%3Bcb=evil", "/page?a=1;utm_x=evil", "/page?a=evil&a=1", "/page?a=1&a=evil"),
)


@pytest.mark.parametrize("target", CLOAKED)
async def test_p7_a_parameter_cannot_hide_in_another(
    mirror: ReflectingUpstream, target: str
) -> None:
    """What is dropped from the key does not go up; what one of two readers might see is kept."""
    rule = {"name": "page", "key": {"query": {"exclude": ["utm_*"]}}}
    async with house(mirror.url, rules=[rule]) as proxy:
        await proxy.ask(target)
        for honest in ("/page", "/page?a=1", "/page?utm_x=2", "/page?a=1&utm_x=1"):
            assert b"evil" not in (await proxy.ask(honest)).body


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("framing", ["Content-Length: 8", "Transfer-Encoding: chunked"])
async def test_p8_a_body_where_none_is_expected(
    mirrored: House, mirror: ReflectingUpstream, method: str, framing: str
) -> None:
    """S2: neither looked up nor stored, forwarded with its own framing."""
    body = chunked(b"cb=evil1") if "chunked" in framing else b"cb=evil1"
    attack = await mirrored.ask("/page", framing, method=method, body=body)
    assert "fwd=bypass" in attack.told or "fwd=method" in attack.told
    assert mirror.heard[0].complete.is_set()
    assert b"evil" not in (await mirrored.ask("/page")).body


async def test_p9_hosts_are_what_the_origin_sees(
    mirrored: House, mirror: ReflectingUpstream
) -> None:
    """Equal keys only where the origin got equal Hosts."""
    hosts = ("api.test", "API.test", "api.test.", "api.test:80", "api.test:81", "evil.test")
    for host in hosts:
        async with mirrored.connect() as client:
            answer = await client.ask(b"GET /page HTTP/1.1\r\nHost: " + host.encode() + b"\r\n\r\n")
            assert b"Host: " + normal(host) + b"\r\n" in answer.body
    assert len(mirror.heard) == len({normal(host) for host in hosts})


def normal(host: str) -> bytes:
    return host.lower().removesuffix(":80").removesuffix(".").encode()


SPELLINGS = (
    *("/a/b", "/a%2fb", "/a%2Fb", "/%61/b", "//a/b", "/a//b", "/a/b/", "/a/b;x", "/a\\b", "/a%5cb"),
    *("/a/b?", "/a/b??", "/a/b?x", "/a/b?x=", "/a/b?x&", "/A/b", "/a/b%20", "/a/b+", "/a/b%3Fx"),
    *("/a/b%23x", "/a|b", '/a"b', "/a%22b", "/%C3%A4", "/%c3%a4"),
)


async def test_p10_the_key_is_the_bytes_that_were_forwarded(
    mirrored: House, mirror: ReflectingUpstream
) -> None:
    """Distinct bytes, distinct entries; each answer names the target that was asked for."""
    for _ in range(2):
        for target in SPELLINGS:
            answer = await mirrored.ask(target)
            assert answer.body.startswith(f"GET {target} HTTP/1.1\r\n".encode())
    assert {heard.target.decode() for heard in mirror.heard} == set(SPELLINGS)


INJECTED = (
    *(("a.test", "/3:GET,"), ("a.test", "/b,6:a.test"), ("a.test6", "/:a.test,2:/b")),
    *(("a.test", "/b"), ("a.test", "/b?-,"), ("a.testb", "/"), ("a.test", "/b,4:http,")),
)


async def test_p11_no_part_of_a_key_can_pose_as_another(mirrored: House) -> None:
    """The key's own delimiters are bytes like any other."""
    for _ in range(2):
        for host, target in INJECTED:
            async with mirrored.connect() as client:
                head = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"
                body = (await client.ask(head.encode())).body
            assert body.startswith(f"GET {target} HTTP/1.1\r\nHost: {host}\r\n".encode())


async def test_p13_what_is_asked_of_the_server_as_a_whole(
    mirrored: House, mirror: ReflectingUpstream
) -> None:
    """`OPTIONS *` is not `GET /`, and absolute-form is origin-form upstream."""
    await mirrored.ask("*", method="OPTIONS")
    await mirrored.ask("http://api.test", method="OPTIONS")
    assert (await mirrored.ask("http://api.test/page")).body.startswith(b"GET /page HTTP/1.1\r\n")
    assert (await mirrored.ask("/")).body.startswith(b"GET / HTTP/1.1\r\n")
    assert [heard.target for heard in mirror.heard] == [b"*", b"*", b"/page", b"/"]


POISONED = {
    "P4-431": ("431 Request Header Fields Too Large", "X-Large: " + "a" * 20_000),
    "P4-413": ("413 Content Too Large", "X-Large: " + "a" * 20_000),
    "P4-414": ("414 URI Too Long", "X-Large: a"),
    "P5-400": ("400 Bad Request", "X-Meta: \xff\xfe"),
    "P3-405": ("405 Method Not Allowed", "X-A: a"),
    "P3-501": ("501 Not Implemented", "X-A: a"),
    "P4-500": ("500 Internal Server Error", "X-A: a"),
    "P4-403": ("403 Forbidden", "X-A: a"),
}


@pytest.mark.parametrize(("status", "line"), POISONED.values(), ids=POISONED)
async def test_an_error_that_one_caller_provoked_is_not_anothers(
    proxy: House, upstream: ScriptedUpstream, status: str, line: str
) -> None:
    """Cache-poisoned denial of service: without explicit freshness no error is kept."""
    upstream.reply(ok(b"evil", "Last-Modified: Thu, 01 Jan 2015 00:00:00 GMT", status=status))
    await proxy.ask("/page", line)
    upstream.reply(fresh(b"good"))
    assert (await proxy.ask("/page")).body == b"good"


async def test_p12_an_answer_is_not_taken_for_that_of_another_kind(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """A 204 or a redirect without freshness does not take a body's place."""
    for said in (
        b"HTTP/1.1 204 No Content\r\n\r\n",
        ok(b"", "Location: /evil", status="302 Found"),
    ):
        upstream.reply(said)
        await proxy.ask("/page")
    upstream.reply(fresh(b"good"))
    assert (await proxy.ask("/page")).body == b"good"


@pytest.mark.parametrize(
    "control", ["only-if-cached", "max-stale=999999999", "no-store", "max-age=0", "min-fresh=99"]
)
async def test_p16_a_request_cannot_talk_an_old_answer_into_being_good(
    proxy: House, upstream: ScriptedUpstream, control: str
) -> None:
    upstream.reply(ok(b"old", "Cache-Control: max-age=60, must-revalidate", "Age: 60"))
    await proxy.ask("/page")
    if control != "only-if-cached":
        upstream.reply(ok(b"new", "Cache-Control: no-store"))
    answer = await proxy.ask("/page", f"Cache-Control: {control}")
    assert (answer.status, answer.body == b"new") in {(504, False), (200, True)}


DECEIVING = (
    *("/account/x.css", "/account;x.js", "/account%2fx.css", "/account%23x.css"),
    *("/account%3Fx.css", "/account/.css", "/static/%252e%252e/account", "/account%0Bx.css"),
)


@pytest.mark.parametrize(
    "personal", ["Cache-Control: private", "Cache-Control: no-store", "Set-Cookie: session=victim"]
)
@pytest.mark.parametrize("target", DECEIVING)
async def test_d1_a_path_that_looks_static_does_not_make_an_answer_public(
    target: str, personal: str
) -> None:
    """What the origin says of it wins over what a rule says of its path."""
    rules = [{"name": "static", "match": {"path": "/**"}, "ttl": "1h"}]
    async with (
        ReflectingUpstream(personal) as origin,
        house(origin.url, rules=rules) as proxy,
    ):
        victim = await proxy.ask(target, "X-Secret: victim")
        assert b"victim" in victim.body
        assert b"victim" not in (await proxy.ask(target)).body


async def test_d1_nor_does_a_cookie_under_a_rule_for_static_files() -> None:
    """A personal answer that the origin does not mark at all: its sender had credentials."""
    rules = [{"name": "static", "match": {"path": "/**"}, "ttl": "1h"}]
    async with ReflectingUpstream("X-A: 1") as origin, house(origin.url, rules=rules) as proxy:
        for line in ("Cookie: session=victim", "Authorization: Bearer victim"):
            await proxy.ask("/account/x.css", line)
            assert b"victim" not in (await proxy.ask("/account/x.css")).body


SMUGGLED = b"GET /evil HTTP/1.1\r\nHost: api.test\r\nX-A: "


@pytest.mark.parametrize("paused", [False, True], ids=["S2-at-once", "S3-paused"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_body_sent_to_a_stored_answer_is_never_a_request(
    mirrored: House, mirror: ReflectingUpstream, method: str, framing: str, *, paused: bool
) -> None:
    """CL.0 and 0.CL: read as what it is, or the connection ends; then everyone gets their own."""
    await mirrored.ask("/page")
    lines = [
        f"Content-Length: {len(SMUGGLED)}" if framing == "length" else "Transfer-Encoding: chunked"
    ]
    body = SMUGGLED if framing == "length" else chunked(SMUGGLED)
    async with mirrored.connect() as client:
        await client.send(request("/page", *lines, method=method))
        if not paused:
            await client.send(body)
        else:
            await asyncio.sleep(0.05)
            await client.send(body[:10])
            await asyncio.sleep(0.05)
            await client.send(body[10:])
        await client.send(request("/marker"))
        answer = await client.read(method)
        rest = b"" if answer.first("connection") == b"close" else (await client.read()).body
    assert rest == b"" or rest.startswith(b"GET /marker HTTP/1.1\r\n")
    assert (await mirrored.ask("/next")).body.startswith(b"GET /next HTTP/1.1\r\n")
    assert b"/evil" not in {heard.target for heard in mirror.heard}


async def test_s9_a_body_that_was_never_asked_for(proxy: House, upstream: ScriptedUpstream) -> None:
    """A final answer instead of 100: what the client sends next may be either, so it ends."""
    async with proxy.connect() as client:
        lines = ("Content-Length: 50", "Expect: 100-continue", "Cache-Control: only-if-cached")
        answer = await client.ask(request("/", *lines))
        assert (answer.status, answer.interim, answer.first("connection")) == (504, [], b"close")
        await client.send(request("/marker"))
        assert await client.ended() == b""
    assert not upstream.heard


async def test_s10_connections_keep_their_answers_apart(mirrored: House) -> None:
    """Each of many pipelines gets its own markers, in order."""

    async def talk(number: int) -> list[bytes]:
        async with mirrored.connect() as client:
            targets = [f"/{number}/{at % 3}" for at in range(30)]
            await client.send(b"".join(map(request, targets)))
            bodies = [(await client.read()).body for _ in targets]
            expected = [f"GET {target} HTTP".encode() for target in targets]
            assert all(map(bytes.startswith, bodies, expected))
            return bodies

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(*(talk(number) for number in range(20)))


async def test_r3_a_body_above_the_limit_is_not_passed_on_whole(
    upstream: ScriptedUpstream,
) -> None:
    """413 beforehand where the length is told, and as soon as it is too much where it is not."""
    async with house(upstream.url, edge={"max_body": "1MiB"}) as proxy, proxy.connect() as client:
        upstream.reply(ok())
        await client.send(request("/", "Transfer-Encoding: chunked", method="POST"))
        await client.send(*[b"10000\r\n" + b"x" * 65_536 + b"\r\n"] * 17)
        assert (await client.read()).status == 413
        assert await client.ended() == b""
        heard = await upstream.arrival()
        await asyncio.wait_for(heard.gone.wait(), 10)
        assert not heard.complete.is_set()


async def test_r11_fields_and_parameters_by_the_hundred(
    mirrored: House, mirror: ReflectingUpstream
) -> None:
    """As many as a head may have, all with one name or each with its own."""
    many = "&".join(f"{n}={n}" for n in range(1_000))
    assert (await mirrored.ask(f"/page?{many}")).status == 200
    assert (await mirrored.ask("/page", *["X-A: 1"] * 99)).status == 200
    assert (await mirrored.ask("/page", *[f"X-{n}: 1" for n in range(99)])).status == 200
    assert len(mirror.heard) == 2


async def test_r12_nothing_that_a_client_says_becomes_a_label(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    for number in range(50):
        upstream.reply(
            ok(b"", f"X-{number}: 1", "Cache-Control: no-store", status=f"{200 + number} X")
        )
        async with proxy.connect() as client:
            head = (
                f"GET /{number}?{number} HTTP/1.1\r\nHost: h{number}.test\r\nX-{number}: 1\r\n\r\n"
            )
            await client.ask(head.encode())
            await client.ask(b"BREW%d / HTTP/1.1\r\n\r\n" % number)
    stats = proxy.service.stats
    assert set(stats.requests) == {("default", "miss"), ("-", "error")}
    assert set(stats.reasons) <= {"uri-miss", "bad-request", "not-shareable"}


async def test_r13_no_client_writes_lines_of_the_log(
    upstream: ScriptedUpstream, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """Each line is one JSON object; O4: no query, no token, no cookie, no field is in it."""
    async with house(upstream.url, edge={"strict_targets": "off"}) as proxy:
        for target in ("/a%0a%7B%22x%22:1%7D?token=canary", "/\\u001b[2J", '/"},{"a":"b', "/%1b"):
            upstream.reply(ok())
            await proxy.ask(
                target, "Authorization: canary", "Cookie: canary", "User-Agent: canary\x1b"[:-1]
            )
        await proxy.ask("/#canary?canary", "Authorization: canary")
        async with proxy.connect() as client:
            await client.send(b"canary\x1b[2J canary\r\n\r\n")
            await client.read()
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line)["status"] for line in lines] == [200] * 4 + [400] * 2
    assert b"\x1b" not in b"".join(lines)
    assert sum(b"canary" in line for line in lines) == 1  # the path of a refused fragment
