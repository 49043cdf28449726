"""The upstream on httpx: bytes out and in, errors mapped, connections kept or given up."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from proxy.engine.ports import Outbound
from proxy.errors import (
    ClientGone,
    RequestError,
    SidecacheError,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy.http.message import Fields, Line, Request
from proxy.policy.terms import Timeouts
from proxy.upstream.httpx_pool import ERRORS, HttpxInbound, HttpxUpstream
from tests.plays.scripted import End, ScriptedUpstream, Step, chunked, fresh, ok, response

TIMES = Timeouts(connect=0.1, first_byte=0.1, between_bytes=0.1)
NOT_MODIFIED = response("304 Not Modified", 'ETag: "one"')
RECORD = 16_384
"""The most that one TLS record carries."""


def outbound(
    *lines: Line,
    method: str = "GET",
    target: bytes = b"/",
    body: AsyncIterator[bytes] | None = None,
    times: Timeouts = Timeouts(),  # noqa: B008 - frozen
    repeatable: bool = False,
) -> Outbound:
    fields = Fields([(b"Host", b"api.test"), *lines])
    request = Request(method, "http", b"api.test", target, fields)
    return Outbound(request, body, times, repeatable)


async def read(inbound: HttpxInbound) -> bytes:
    return b"".join([chunk async for chunk in inbound.chunks()])


async def pieces(*chunks: bytes | Exception) -> AsyncIterator[bytes]:
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


async def test_a_request_leaves_as_it_is(pool: HttpxUpstream, origin: ScriptedUpstream) -> None:
    origin.reply(ok())
    lines = ((b"X-Odd-CASE", b"1"), (b"x-a", b"2"), (b"X-Odd-CASE", b"3"))
    inbound = await pool.send(outbound(*lines, target=b"/a?b=%2f&&"))
    assert await read(inbound) == b"hello"
    assert origin.heard[0].head == (
        b"GET /a?b=%2f&& HTTP/1.1\r\nHost: api.test\r\n"
        b"X-Odd-CASE: 1\r\nx-a: 2\r\nX-Odd-CASE: 3\r\n\r\n"
    )


async def test_a_head_arrives_as_it_is(pool: HttpxUpstream, origin: ScriptedUpstream) -> None:
    origin.reply(b"HTTP/1.0 404 Nope\r\nX-Odd-CASE: 1\r\nx-a:\t2 \r\nContent-Length: 0\r\n\r\n")
    inbound = await pool.send(outbound())
    assert (inbound.head.status, inbound.head.version) == (404, "1.0")
    assert inbound.head.fields.lines == (
        *((b"X-Odd-CASE", b"1"), (b"x-a", b"2"), (b"Content-Length", b"0")),
    )
    await inbound.aclose()


async def test_a_body_of_unknown_length_leaves_in_chunks(
    pool: HttpxUpstream, origin: ScriptedUpstream
) -> None:
    origin.reply(ok())
    body = pieces(b"some ", b"body")
    await read(await pool.send(outbound((b"Expect", b"100-continue"), method="POST", body=body)))
    heard = origin.heard[0]
    assert heard.body == chunked(b"some ", b"body")
    assert heard.first("expect") is None


async def test_a_body_of_known_length_leaves_bare(
    pool: HttpxUpstream, origin: ScriptedUpstream
) -> None:
    origin.reply(ok())
    body = pieces(b"some ", b"body")
    await read(await pool.send(outbound((b"Content-Length", b"9"), method="PUT", body=body)))
    assert origin.heard[0].body == b"some body"


async def test_a_client_that_leaves_is_no_fault_of_the_upstream(
    pool: HttpxUpstream, origin: ScriptedUpstream
) -> None:
    body = pieces(b"some ", ClientGone("left"))
    with pytest.raises(ClientGone):
        await pool.send(outbound(method="POST", body=body, repeatable=True))
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
    assert not origin.heard[0].complete.is_set()


# --- errors


def transport_errors(kind: type[Exception]) -> list[type[Exception]]:
    return [kind, *(leaf for child in kind.__subclasses__() for leaf in transport_errors(child))]


@pytest.mark.parametrize("kind", transport_errors(httpx.TransportError))
def test_every_foreign_error_has_one_of_ours(kind: type[Exception]) -> None:
    ours = next(ours for foreign, ours in ERRORS if issubclass(kind, foreign))
    assert issubclass(ours, SidecacheError)


BROKEN: dict[str, tuple[Step, ...]] = {
    "closed": (End.CLOSE,),
    "reset": (End.RESET,),
    "half-a-head": (b"HTTP/1.1 200 OK\r\nX-A", End.CLOSE),
    "garbage": (b"garbage\r\n\r\n",),
    "status-600": (b"HTTP/1.1 600 Beyond\r\nContent-Length: 0\r\n\r\n",),
    "switching": (b"HTTP/1.1 101 Switching Protocols\r\n\r\n",),
    "9112-6.3-length-and-coding": (
        response("200 OK", "Content-Length: 5", "Transfer-Encoding: chunked"),
    ),
    "9110-5.5-control": (ok(b"", "X-A: a\x01b"),),
}


@pytest.mark.parametrize("steps", BROKEN.values(), ids=BROKEN)
async def test_what_is_no_response_is_broken(
    pool: HttpxUpstream, origin: ScriptedUpstream, steps: tuple[Step, ...]
) -> None:
    origin.reply(*steps)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(repeatable=True))
    assert len(origin.heard) == 1
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)


async def test_no_connection_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        pool = HttpxUpstream(f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(UpstreamUnreachable):
            await pool.send(outbound(repeatable=True))
        await pool.aclose()


async def test_a_connection_that_takes_too_long() -> None:
    """A full backlog: the kernel leaves newcomers without an answer."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.settimeout(0)
            one.connect_ex(deaf.getsockname())
        pool = HttpxUpstream(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(UpstreamTimeout):
            await pool.send(outbound(times=TIMES))
        await pool.aclose()
        for one in waiting:
            one.close()


async def test_a_pool_without_a_free_connection(origin: ScriptedUpstream) -> None:
    origin.reply(response("200 OK", "Content-Length: 5"))
    pool = HttpxUpstream(origin.url, max_connections=1)
    inbound = await pool.send(outbound())
    with pytest.raises(UpstreamTimeout):
        await pool.send(outbound(times=TIMES))
    await inbound.aclose()
    await pool.aclose()


async def test_a_response_that_does_not_begin(
    pool: HttpxUpstream, origin: ScriptedUpstream
) -> None:
    origin.reply(asyncio.Event())
    with pytest.raises(UpstreamTimeout):
        await pool.send(outbound(times=TIMES, repeatable=True))
    assert len(origin.heard) == 1


async def test_a_response_that_does_not_go_on(
    pool: HttpxUpstream, origin: ScriptedUpstream
) -> None:
    origin.reply(response("200 OK", "Content-Length: 5", body=b"hell"), asyncio.Event())
    inbound = await pool.send(outbound(times=TIMES))
    with pytest.raises(UpstreamTimeout):
        await read(inbound)


async def test_a_slow_body_has_its_own_time(pool: HttpxUpstream, origin: ScriptedUpstream) -> None:
    """The time to the first byte may be short and the time between two long."""
    hold = asyncio.Event()
    origin.reply(response("200 OK", "Content-Length: 5"), hold, b"hello")
    inbound = await pool.send(outbound(times=Timeouts(first_byte=0.1, between_bytes=10)))
    asyncio.get_running_loop().call_later(0.2, hold.set)
    assert await read(inbound) == b"hello"


@pytest.mark.parametrize("how", [End.CLOSE, End.RESET])
async def test_a_body_that_breaks_off(
    pool: HttpxUpstream, origin: ScriptedUpstream, how: End
) -> None:
    origin.reply(response("200 OK", "Content-Length: 5", body=b"hell"), how)
    inbound = await pool.send(outbound())
    with pytest.raises(UpstreamBroken):
        await read(inbound)


async def test_what_cannot_be_sent_is_the_requests_fault(pool: HttpxUpstream) -> None:
    with pytest.raises(RequestError):
        await pool.send(outbound((b"X-A", b"a\nb")))


# --- a second attempt


@pytest.mark.parametrize("how", [End.CLOSE, End.RESET])
async def test_a_reused_connection_that_gives_nothing_is_replaced(
    pool: HttpxUpstream, origin: ScriptedUpstream, how: End
) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound()))
    origin.reply(how)
    origin.reply(ok(b"again"))
    assert await read(await pool.send(outbound(repeatable=True))) == b"again"
    assert [heard.connection for heard in origin.heard] == [1, 1, 2]


@pytest.mark.parametrize(("repeatable", "said"), [(False, End.CLOSE), (True, b"garbage\r\n\r\n")])
async def test_nothing_else_is_repeated(
    pool: HttpxUpstream, origin: ScriptedUpstream, said: Step, *, repeatable: bool
) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound()))
    origin.reply(said)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(repeatable=repeatable))
    assert len(origin.heard) == 2


async def test_there_is_no_third_attempt(pool: HttpxUpstream, origin: ScriptedUpstream) -> None:
    for said in (ok(), End.CLOSE, End.CLOSE):
        origin.reply(said)
    await read(await pool.send(outbound()))
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(repeatable=True))
    assert len(origin.heard) == 3


# --- connections kept and given up


@pytest.mark.parametrize(
    ("method", "said"),
    [
        pytest.param("GET", ok(), id="length"),
        pytest.param("GET", ok(b""), id="empty"),
        pytest.param("GET", response("204 No Content"), id="204"),
        pytest.param("GET", NOT_MODIFIED, id="304"),
        pytest.param("GET", response("304 Not Modified", "Content-Length: 5"), id="304-length"),
        pytest.param("HEAD", response("200 OK", "Content-Length: 5"), id="head"),
        pytest.param("HEAD", response("200 OK", "Transfer-Encoding: chunked"), id="head-chunked"),
    ],
)
@pytest.mark.parametrize("taken", [True, False], ids=["read", "closed"])
async def test_a_connection_is_used_again(
    pool: HttpxUpstream, origin: ScriptedUpstream, method: str, said: bytes, *, taken: bool
) -> None:
    """Where there is no body, closing is as good as reading it."""
    bodyless = method == "HEAD" or not said.startswith(b"HTTP/1.1 200")
    for _ in range(3):
        origin.reply(said)
        inbound = await pool.send(outbound(method=method))
        if taken or not bodyless:
            await read(inbound)
        await inbound.aclose()
        await inbound.aclose()
    assert origin.connections == 1


async def test_what_is_closed_before_its_end_gives_up_its_connection(
    pool: HttpxUpstream, origin: ScriptedUpstream
) -> None:
    for _ in range(2):
        origin.reply(response("200 OK", "Content-Length: 5", body=b"hell"))
        inbound = await pool.send(outbound())
        await inbound.aclose()
    assert origin.connections == 2


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(ok() + fresh(b"evil"), id="length"),
        pytest.param(NOT_MODIFIED + fresh(b"evil"), id="304"),
        pytest.param(fresh(b"x" * (65_536 - 66)) + fresh(b"evil"), id="behind-a-full-read"),
    ],
)
async def test_surplus_ends_a_connection(
    pool: HttpxUpstream, origin: ScriptedUpstream, method: str, said: bytes
) -> None:
    origin.reply(said)
    inbound = await pool.send(outbound(method=method))
    await read(inbound)
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound())) == b"good"
    assert [heard.connection for heard in origin.heard] == [1, 2]


@pytest.fixture
def without_certificates() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server and a client that agree on a key without showing who they are."""
    contexts = (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    for context in contexts:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("AECDH-AES256-SHA:@SECLEVEL=0")
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return contexts


@pytest.mark.parametrize("surplus", [b"", fresh(b"evil")], ids=["clean", "surplus"])
@pytest.mark.parametrize("size", [5000, RECORD, 65_536, 200_000])
async def test_surplus_ends_an_encrypted_connection_too(
    without_certificates: tuple[ssl.SSLContext, ssl.SSLContext], surplus: bytes, size: int
) -> None:
    """There it may wait as a record of its own, received but not yet decrypted."""
    server, client = without_certificates
    said = ok(b"x" * size)
    said = ok(b"x" * (2 * size - len(said)))
    assert len(said) == size
    async with ScriptedUpstream(server) as origin:
        pool = HttpxUpstream(origin.url)
        core: Any = pool
        core._shards[0].transport._pool._ssl_context = client  # noqa: SLF001 - no setting is so careless
        origin.reply(said + surplus)
        await read(await pool.send(outbound()))
        origin.reply(ok(b"good"))
        assert await read(await pool.send(outbound())) == b"good"
        assert [heard.connection for heard in origin.heard] == [1, 2 if surplus else 1]
        await pool.aclose()
