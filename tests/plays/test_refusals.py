"""What is malformed, ambiguous or too much is refused in its turn and ends the connection.

Bytes in; the answer, the silence upstream, the connection's end. Each row is sent whole and in
crumbs, with a request behind it that must never be answered.
"""

from collections.abc import Iterator

import pytest

from proxy.http import dates
from tests.plays.house import House, house
from tests.plays.rawclient import request
from tests.plays.scripted import ScriptedUpstream, crumbs, ok

HOST = b"Host: api.test\r\n"
MARKER = request("/marker")
LONG = 2_000
"""Bytes above which crumbs are larger than one byte."""


def get(*lines: bytes, start: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"".join(line + b"\r\n" for line in (start, b"Host: api.test", *lines)) + b"\r\n"


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return get(*lines, start=b"POST / HTTP/1.1") + body


CHUNKED = b"Transfer-Encoding: chunked"

AMBIGUOUS = {
    "9112-3.2-no-host": b"GET / HTTP/1.1\r\n\r\n",
    "9112-3.2-no-host-1.0": b"GET / HTTP/1.0\r\n\r\n",
    "P14-9112-3.2-two-hosts": get(b"Host: evil.test"),
    "P14-9112-3.2-the-same-host-twice": get(b"Host: api.test"),
    "P14-9112-3.2-empty-host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "P14-9112-3.2-hosts-in-a-list": b"GET / HTTP/1.1\r\nHost: api.test, evil.test\r\n\r\n",
    "P14-9112-3.2-userinfo": b"GET / HTTP/1.1\r\nHost: a@api.test\r\n\r\n",
    "P14-9112-3.2-a-path-in-host": b"GET / HTTP/1.1\r\nHost: api.test/evil\r\n\r\n",
    "P14-9112-3.2-a-query-in-host": b"GET / HTTP/1.1\r\nHost: api.test?evil\r\n\r\n",
    "P14-9112-3.2-a-space-in-host": b"GET / HTTP/1.1\r\nHost: api.test evil.test\r\n\r\n",
    "P14-9112-3.2-bad-ipv6": b"GET / HTTP/1.1\r\nHost: [::1%25eth0]:80\r\n\r\n",
    "P14-9112-3.2-bad-port": b"GET / HTTP/1.1\r\nHost: api.test:99999\r\n\r\n",
    "P14-9112-3.2-escaped-host": b"GET / HTTP/1.1\r\nHost: api%2etest\r\n\r\n",
    "P14-9112-3.2-space-before-host": b"GET / HTTP/1.1\r\n Host: api.test\r\n\r\n",
    "P13-9112-3.2-fragment": get(start=b"GET /a#b HTTP/1.1"),
    "P13-9112-3.2-fragment-and-query": get(start=b"GET /a#b?c HTTP/1.1"),
    "P13-9112-3.2.2-two-authorities": get(start=b"GET http://evil.test/ HTTP/1.1"),
    "P15-9112-3.2.2-metadata-service": get(start=b"GET http://169.254.169.254/ HTTP/1.1"),
    "P13-9112-3.2.2-other-port": get(start=b"GET http://api.test:81/ HTTP/1.1"),
    "P13-9112-3.2.2-userinfo": get(start=b"GET http://api.test@evil.test/ HTTP/1.1"),
    "P13-9112-3.2.2-other-scheme": get(start=b"GET ftp://api.test/ HTTP/1.1"),
    "P13-9112-3.2.2-no-slashes": get(start=b"GET http:api.test/ HTTP/1.1"),
    "P13-9112-3.2.3-connect": b"CONNECT api.test:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "P13-9112-3.2.3-authority-form": get(start=b"GET api.test:443 HTTP/1.1"),
    "P13-9112-3.2.4-asterisk": get(start=b"GET * HTTP/1.1"),
    "P13-9112-3.2.4-asterisk-for-post": get(start=b"POST * HTTP/1.1"),
    "P10-3986-5.2.4-dot-segments": get(start=b"GET /static/../account HTTP/1.1"),
    "P10-3986-5.2.4-one-dot": get(start=b"GET /./account HTTP/1.1"),
    "P10-3986-5.2.4-dots-at-the-end": get(start=b"GET /a/.. HTTP/1.1"),
    "P10-3986-5.2.4-before-a-query": get(start=b"GET /a/..?b HTTP/1.1"),
    "P10-3986-5.2.4-encoded-dots": get(start=b"GET /static/%2e%2E/account HTTP/1.1"),
    "P10-3986-5.2.4-half-encoded": get(start=b"GET /static/.%2e/account HTTP/1.1"),
    "P10-3986-5.2.4-encoded-slash": get(start=b"GET /static/..%2faccount HTTP/1.1"),
    "P10-3986-5.2.4-encoded-slashes": get(start=b"GET /static%2F..%2Faccount HTTP/1.1"),
    "P10-3986-5.2.4-backslash": get(start=b"GET /static/..\\account HTTP/1.1"),
    "P10-3986-5.2.4-encoded-backslash": get(start=b"GET /static%5c..%5caccount HTTP/1.1"),
    "P10-3986-5.2.4-path-parameter": get(start=b"GET /static/..;/account HTTP/1.1"),
    "P10-3986-5.2.4-absolute-form": get(start=b"GET http://api.test/a/../b HTTP/1.1"),
    "P10-3986-7.3-encoded-nul": get(start=b"GET /account%00.css HTTP/1.1"),
    "P10-3986-7.3-encoded-lf": get(start=b"GET /a%0ab HTTP/1.1"),
    "P10-3986-7.3-encoded-cr": get(start=b"GET /a%0Db HTTP/1.1"),
    "9112-2.2-bare-lf": b"GET / HTTP/1.1\n" + HOST + b"\n",
    "9112-2.2-bare-lf-in-a-field": b"GET / HTTP/1.1\r\nHost: api.test\nX-A: 1\r\n\r\n",
    "9112-2.2-bare-cr": b"GET / HTTP/1.1\r\nHost: api.test\rX-A: 1\r\n\r\n",
    "9112-2.3-http-0.9": b"GET /\r\n\r\n",
    "9112-2.3-http-0.9-by-name": get(start=b"GET / HTTP/0.9"),
    "9112-2.3-http-2.0": get(start=b"GET / HTTP/2.0"),
    "9112-2.3-http-1.2": get(start=b"GET / HTTP/1.2"),
    "9112-2.3-other-name": get(start=b"GET / HTTX/1.1"),
    "9112-3-spaces-in-the-target": get(start=b"GET /a b HTTP/1.1"),
    "9112-3-bytes-beyond-ascii": get(start=b"GET /\xe4 HTTP/1.1"),
    "9112-3-a-tab": get(start=b"GET\t/ HTTP/1.1"),
    "S7-9112-5.1-space-before-colon": get(b"X-A : 1"),
    "S7-9112-5.1-no-colon": get(b"X-A"),
    "S7-9112-5.1-empty-name": get(b": 1"),
    "S7-9110-5.1-nul-in-a-name": get(b"X\0A: 1"),
    "S7-9110-5.1-bytes-beyond-ascii": get(b"X-\xe4: 1"),
    "S1-9112-5.2-obs-fold": get(b"X-A: 1", b" 2"),
    "S1-9112-5.2-folded-coding": post(b"Transfer-Encoding:", b" chunked", body=b"0\r\n\r\n"),
    "P5-9110-5.5-nul": get(b"X-A: a\0b"),
    "P5-9110-5.5-bell": get(b"X-A: a\x07b"),
    "P5-9110-5.5-delete": get(b"X-A: a\x7fb"),
    "S5-9110-7.6.1-connection-host": get(b"Connection: host"),
    "S5-9110-7.6.1-connection-cookie": get(b"Connection: close, Cookie", b"Cookie: a=b"),
    "S5-9110-7.6.1-connection-forwarded": get(b"Connection: X-Forwarded-For"),
    "S5-9110-7.6.1-connection-authorization": get(b"Connection: authorization"),
    "S5-9110-7.6.1-connection-length": post(
        b"Connection: content-length", b"Content-Length: 4", body=b"body"
    ),
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "http-2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
"""What two readers could take for two things: 400."""

FRAMED_TWICE = {
    "S1-9112-6.1-length-and-coding": post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"),
    "S1-9112-6.1-coding-and-length": post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"),
    "S1-9112-6.1-coding-in-1.0": (
        b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "S1-9112-6.1-gzip-chunked": post(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    "S1-9112-6.1-chunked-gzip": post(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    "S1-9112-6.1-a-list-with-nothing": post(b"Transfer-Encoding: ,chunked", body=b"0\r\n\r\n"),
    "S1-9112-6.1-chunked-twice": post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"),
    "S1-9112-6.1-two-codings": post(b"Transfer-Encoding: gzip", CHUNKED, body=b"0\r\n\r\n"),
    "S1-9112-6.1-identity": post(b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
    "S1-9112-6.1-xchunked": post(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    "S1-9112-6.1-quoted": post(b'Transfer-Encoding: "chunked"', body=b"0\r\n\r\n"),
    "S1-9112-6.1-parameter": post(b"Transfer-Encoding: chunked;a=b", body=b"0\r\n\r\n"),
    "S1-9112-6.1-vertical-tab": post(b"Transfer-Encoding: \x0bchunked", body=b"0\r\n\r\n"),
    "S1-9112-6.1-space-before-colon": post(b"Transfer-Encoding : chunked", body=b"0\r\n\r\n"),
    "S1-9112-6.3-two-lengths": post(b"Content-Length: 1", b"Content-Length: 2", body=b"ab"),
    "S1-9112-6.3-equal-lengths": post(b"Content-Length: 1", b"Content-Length: 1", body=b"a"),
    "S1-9112-6.3-listed-lengths": post(b"Content-Length: 1, 1", body=b"a"),
    "S1-9112-6.3-signed-length": post(b"Content-Length: +1", body=b"a"),
    "S1-9112-6.3-negative-length": post(b"Content-Length: -1", body=b"a"),
    "S1-9112-6.3-hex-length": post(b"Content-Length: 0x1", body=b"a"),
    "S1-9112-6.3-empty-length": post(b"Content-Length:", body=b"a"),
    "S1-9112-6.3-spaced-length": post(b"Content-Length: 1 1", body=b"a"),
    "S1-9112-6.3-endless-length": post(b"Content-Length: 99999999999999999999", body=b"a"),
}
"""What one reader cuts here and another there: 400."""

OTHERWISE = {
    "9110-9.1-unknown-method": (501, get(start=b"BREW / HTTP/1.1")),
    "9110-9.1-lower-case-method": (501, get(start=b"get / HTTP/1.1")),
    "9110-9.1-longer-method": (501, get(start=b"GETS / HTTP/1.1")),
    "9110-10.1.1-unknown-expectation": (417, get(b"Expect: 200-ok")),
    "9110-10.1.1-two-expectations": (417, get(b"Expect: 100-continue, coffee")),
    "S9-9110-10.1.1-expected-twice": (417, get(b"Expect: 100-continue", b"Expect: 100-continue")),
    "R2-9110-15.5.15-long-target": (414, get(start=b"GET /" + b"a" * 9_000 + b" HTTP/1.1")),
    "R2-9110-15.5.15-long-query": (414, get(start=b"GET /?" + b"a" * 1_000_000 + b" HTTP/1.1")),
    "R2-6585-5-endless-field": (431, b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 70_000),
    "R2-6585-5-endless-name": (431, b"GET / HTTP/1.1\r\n" + HOST + b"a" * 70_000),
    "R2-6585-5-large-field": (431, get(b"X-A: " + b"a" * 33_000)),
    "R2-6585-5-large-head": (431, get(*[b"X-A: " + b"a" * 1_000] * 40)),
    "R2-6585-5-many-fields": (431, get(*[b"X-A: 1"] * 100)),
    "R2-6585-5-very-many-fields": (431, get(*[b"a:"] * 100_000)),
    "R2-9112-2.2-endless-empty-lines": (431, b"\r\n" * 60_000),
    "R3-9110-15.5.14-large-body": (413, post(b"Content-Length: 1073741825")),
}
"""What is clear and refused all the same."""

TABLE = {name: (400, sent) for name, sent in (AMBIGUOUS | FRAMED_TWICE).items()} | OTHERWISE


def pieces(sent: bytes) -> Iterator[bytes]:
    if len(sent) <= LONG:
        return crumbs(sent)
    return (sent[at : at + 4_000] for at in range(0, len(sent), 4_000))


@pytest.mark.parametrize("crumbled", [False, True], ids=["whole", "crumbs"])
@pytest.mark.parametrize(("status", "sent"), TABLE.values(), ids=TABLE)
async def test_refused(
    proxy: House, upstream: ScriptedUpstream, status: int, sent: bytes, *, crumbled: bool
) -> None:
    """A problem by RFC 9457, the end of the connection, and silence upstream."""
    async with proxy.connect() as client:
        await client.send(*(pieces(sent + MARKER) if crumbled else [sent + MARKER]))
        answer = await client.read()
        assert (answer.status, answer.first("connection")) == (status, b"close")
        assert answer.first("content-type") == b"application/problem+json"
        assert answer.first("cache-control") == b"no-store"
        assert dates.parse(answer.first("date") or b"")  # 9110 §6.6.1
        assert answer.told == "sidecache; detail=bad-request"
        assert await client.ended() == b""
    assert not upstream.heard
    assert proxy.service.stats.requests == {("-", "error"): 1}


@pytest.mark.parametrize(("status", "sent"), TABLE.values(), ids=TABLE)
async def test_refused_behind_others(
    proxy: House, upstream: ScriptedUpstream, status: int, sent: bytes
) -> None:
    """S10, 9112 §9.3.2: what came before is answered first, and nothing that came behind."""
    upstream.reply(ok(b"one", "Cache-Control: no-store"))
    upstream.reply(ok(b"two", "Cache-Control: no-store"))
    async with proxy.connect() as client:
        first = request("/one") + request("/two", "Content-Length: 4", method="POST", body=b"body")
        await client.send(first + sent + MARKER)
        assert [(await client.read()).body for _ in range(2)] == [b"one", b"two"]
        assert (await client.read()).status == status
        assert await client.ended() == b""
    assert [heard.target for heard in upstream.heard] == [b"/one", b"/two"]


async def test_a_refusal_of_head_has_no_body(proxy: House) -> None:
    async with proxy.connect() as client:
        assert (await client.ask(b"HEAD /a#b HTTP/1.1\r\n" + HOST + b"\r\n", "HEAD")).status == 400
        assert await client.ended() == b""


async def test_a_refusal_of_head_before_its_fields_has_no_body_either(proxy: House) -> None:
    async with proxy.connect() as client:
        long = b"HEAD /" + b"a" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        assert (await client.ask(long, "HEAD")).status == 414
        assert await client.ended() == b""


async def test_the_client_in_the_middle_of_a_head_costs_nothing(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    async with proxy.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHo")
    assert not upstream.heard


async def test_an_expectation_in_http_1_0_is_ignored(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """9110 §10.1.1."""
    upstream.reply(ok())
    async with proxy.connect() as client:
        answer = await client.ask(b"GET / HTTP/1.0\r\n" + HOST + b"Expect: 200-ok\r\n\r\n")
        assert (answer.status, answer.interim) == (200, [])


HOSTS = {
    "listed": (b"api.test", 200),
    "case-and-port": (b"API.test:8080", 200),
    "trailing-dot": (b"api.test.", 200),
    "below-a-wildcard": (b"a.b.shop.test", 200),
    "9110-15.5.20-the-wildcard-itself": (b"shop.test", 421),
    "9110-15.5.20-other": (b"evil.test", 421),
    "9110-15.5.20-other-port": (b"ports.test:81", 421),
    "the-port": (b"ports.test:80", 200),
    "9110-15.5.20-suffix": (b"evilapi.test", 421),
    "ipv6": (b"[::1]:8080", 200),
}


@pytest.mark.parametrize(("host", "status"), HOSTS.values(), ids=HOSTS)
async def test_hosts_that_are_served(upstream: ScriptedUpstream, host: bytes, status: int) -> None:
    served = ["api.test", "*.shop.test", "ports.test:80", "[::1]"]
    async with house(upstream.url, edge={"hosts": served}) as proxy, proxy.connect() as client:
        if status == 200:
            upstream.reply(ok())
        answer = await client.ask(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
        assert (answer.status, len(upstream.heard)) == (status, status == 200)
