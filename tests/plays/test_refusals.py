"""What is malformed or ambiguous is answered with 400 and the end, and goes no further."""

import pytest

from tests.plays.house import House
from tests.plays.scripted import ScriptedUpstream

HOST = b"Host: api.test\r\n"

OURS = {
    "9112-3.2-no-host": b"GET / HTTP/1.1\r\n\r\n",
    "9112-3.2-no-host-1.0": b"GET / HTTP/1.0\r\n\r\n",
    "9112-3.2-two-hosts": b"GET / HTTP/1.1\r\n" + HOST + b"Host: evil.test\r\n\r\n",
    "9112-3.2-the-same-host-twice": b"GET / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "9112-3.2-empty-host": b"GET / HTTP/1.1\r\nHost:\r\n\r\n",
    "9112-3.2-hosts-in-a-list": b"GET / HTTP/1.1\r\nHost: api.test, evil.test\r\n\r\n",
    "9112-3.2-userinfo": b"GET / HTTP/1.1\r\nHost: a@api.test\r\n\r\n",
    "9112-3.2-a-path-in-host": b"GET / HTTP/1.1\r\nHost: api.test/evil\r\n\r\n",
    "9112-3.2-fragment": b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-3.2.2-two-authorities": b"GET http://evil.test/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-3.2.2-other-port": b"GET http://api.test:81/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-3.2.2-other-scheme": b"GET ftp://api.test/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-3.2.4-asterisk": b"GET * HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-7-gzip-chunked": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"
    ),
    "9112-7-two-codings": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "9110-7.8-upgrade-with-a-body": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Connection: upgrade\r\nUpgrade: h2c\r\n"
        b"Content-Length: 4\r\n\r\nbody"
    ),
    "9110-7.6.1-connection-host": b"GET / HTTP/1.1\r\n" + HOST + b"Connection: host\r\n\r\n",
    "9110-7.6.1-connection-cookie": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close, Cookie\r\nCookie: a=b\r\n\r\n"
    ),
    "9110-7.6.1-connection-forwarded": (
        b"GET / HTTP/1.1\r\n" + HOST + b"Connection: X-Forwarded-For\r\n\r\n"
    ),
}
"""What the parser lets pass and we do not."""

THE_PARSERS = {
    "9112-2.2-bare-lf": b"GET / HTTP/1.1\n" + HOST + b"\n",
    "9112-3-http-0.9": b"GET /\r\n\r\n",
    "9112-3-http-2.0": b"GET / HTTP/2.0\r\n" + HOST + b"\r\n",
    "9112-3-http-1.2": b"GET / HTTP/1.2\r\n" + HOST + b"\r\n",
    "9112-3-lower-case-method": b"get / HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-3.1-unknown-method": b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-3.2-spaces-in-the-target": b"GET /a b HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-3.2-bytes-beyond-ascii": b"GET /\xe4 HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-3.2.3-connect": b"CONNECT api.test:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "9112-5.1-space-before-colon": b"GET / HTTP/1.1\r\n" + HOST + b"X-A : 1\r\n\r\n",
    "9112-5.2-obs-fold": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: 1\r\n 2\r\n\r\n",
    "9110-5.5-nul": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n\r\n",
    "9110-5.4-a-head-without-end": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: " + b"a" * 70_000,
    "9110-5.4-a-large-head": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: 123456789\r\n" * 6_000 + b"\r\n",
    "9112-6.3-length-and-coding": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "9112-6.3-two-lengths": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    ),
    "9112-6.3-signed-length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\na",
    "9112-6.3-hex-length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x1\r\n\r\na",
    "9112-6.3-chunked-not-last": (
        b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"
    ),
    "tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "http-2-preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
"""What the parser refuses; its answer is plain text."""


@pytest.mark.parametrize("sent", OURS.values(), ids=OURS)
async def test_what_we_refuse(proxy: House, upstream: ScriptedUpstream, sent: bytes) -> None:
    """A problem by RFC 9457, the end of the connection, and silence upstream."""
    async with proxy.connect() as client:
        await client.send(sent)
        answer = await client.read()
        assert (answer.status, answer.first("connection")) == (400, b"close")
        assert answer.first("content-type") == b"application/problem+json"
        assert answer.first("cache-control") == b"no-store"
        assert answer.told == "sidecache; detail=bad-request"
        assert await client.ended() == b""
    assert not upstream.heard


@pytest.mark.parametrize("sent", THE_PARSERS.values(), ids=THE_PARSERS)
async def test_what_the_parser_refuses(
    proxy: House, upstream: ScriptedUpstream, sent: bytes
) -> None:
    async with proxy.connect() as client:
        await client.send(sent)
        answer = await client.read()
        assert (answer.status, answer.first("connection")) == (400, b"close")
        assert await client.ended() == b""
    assert not upstream.heard


async def test_what_follows_a_refusal_is_not_read(proxy: House, upstream: ScriptedUpstream) -> None:
    """9112 §11.2: a second request behind an ambiguous first one is never answered."""
    async with proxy.connect() as client:
        await client.send(OURS["9112-7-gzip-chunked"] + b"GET /b HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.read()).status == 400
        assert await client.ended() == b""
    assert not upstream.heard


async def test_a_refusal_of_head_has_no_body(proxy: House) -> None:
    async with proxy.connect() as client:
        await client.send(b"HEAD /a#b HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.read("HEAD")).status == 400
        assert await client.ended() == b""


async def test_the_client_in_the_middle_of_a_head_costs_nothing(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    async with proxy.connect() as client:
        await client.send(b"GET / HTTP/1.1\r\nHo")
    assert not upstream.heard
