"""The contract of both engines: bytes out, bytes in, as they are."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from proxy.engine.ports import Upstream
from proxy.errors import ClientGone, RequestError
from proxy.http.message import Head
from tests.plays.scripted import (
    End,
    ScriptedUpstream,
    Step,
    chunk,
    chunked,
    crumbs,
    fresh,
    ok,
    response,
)
from tests.upstream.asking import outbound, own_alone, pieces, read, stock_fails


async def test_a_request_leaves_as_it_is(pool: Upstream, origin: ScriptedUpstream) -> None:
    origin.reply(ok())
    lines = ((b"X-Odd-CASE", b"1"), (b"x-a", b"2"), (b"X-Odd-CASE", b"3"), (b"X-Latin", b"\xe4"))
    inbound = await pool.send(outbound(*lines, target=b"/a?b=%2f&&"))
    assert await read(inbound) == b"hello"
    assert origin.heard[0].head == (
        b"GET /a?b=%2f&& HTTP/1.1\r\nHost: api.test\r\n"
        b"X-Odd-CASE: 1\r\nx-a: 2\r\nX-Odd-CASE: 3\r\nX-Latin: \xe4\r\n\r\n"
    )


@pytest.mark.parametrize("target", [b"/a?", b"/a/../b", b"//", b"*", b"/%zz", b"/a;b"])
async def test_a_target_leaves_as_it_is(
    pool: Upstream, origin: ScriptedUpstream, target: bytes
) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound(target=target)))
    assert origin.heard[0].target == target


@stock_fails("h11 refuses a target that is not ASCII")
async def test_a_target_that_is_not_ascii_leaves_as_it_is(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound(target=b"/\xc3\xa4")))
    assert origin.heard[0].target == b"/\xc3\xa4"


async def test_a_method_leaves_as_it_is(pool: Upstream, origin: ScriptedUpstream) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound(method="Frob")))
    assert origin.heard[0].method == b"Frob"


HEAD = (
    b"HTTP/1.0 404 Nope\r\nX-Odd-CASE: 1\r\nx-a:\t2 \r\nX-Odd-CASE:\r\nX-B: \xe4\r\n"
    b"Content-Length: 0\r\n\r\n"
)


@pytest.mark.parametrize("said", [HEAD, crumbs(HEAD)], ids=["whole", "crumbs"])
async def test_a_head_arrives_as_it_is(
    pool: Upstream, origin: ScriptedUpstream, said: Step
) -> None:
    origin.reply(*([said] if isinstance(said, bytes) else [crumbs(HEAD)]))
    inbound = await pool.send(outbound())
    assert (inbound.head.status, inbound.head.version) == (404, "1.0")
    assert inbound.head.fields.lines == (
        *((b"X-Odd-CASE", b"1"), (b"x-a", b"2"), (b"X-Odd-CASE", b""), (b"X-B", b"\xe4")),
        (b"Content-Length", b"0"),
    )
    await inbound.aclose()


BODIES: dict[str, tuple[bytes, bytes]] = {
    "length": (ok(b"hello world"), b"hello world"),
    "empty": (ok(b""), b""),
    "chunked": (
        response("200 OK", "Transfer-Encoding: chunked", body=chunked(b"hello", b" world")),
        b"hello world",
    ),
    "capitals": (response("200 OK", "transfer-encoding: Chunked", body=chunked(b"a")), b"a"),
    "tiny-chunks": (
        response("200 OK", "Transfer-Encoding: chunked", body=chunked(*[b"x"] * 3000)),
        b"x" * 3000,
    ),
    "9112-7.1.1-extensions": (
        response("200 OK", "Transfer-Encoding: chunked", body=b"2;a=b\r\nhi\r\n0;c\r\n\r\n"),
        b"hi",
    ),
    "9110-6.5.1-trailers": (
        response("200 OK", "Transfer-Encoding: chunked", body=b"2\r\nhi\r\n0\r\nX-T: a\r\n\r\n"),
        b"hi",
    ),
    "no-reason": (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", b"hi"),
    "line-ends": (ok(b"\r\n\r\n\r\n"), b"\r\n\r\n\r\n"),
    "204": (response("204 No Content"), b""),
    "304-with-length": (response("304 Not Modified", "Content-Length: 5"), b""),
    "interim": (response("100 Continue") + response("103 Hints", "Link: </a>") + ok(b"hi"), b"hi"),
}


@pytest.mark.parametrize(("said", "body"), BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "crumbs"])
async def test_a_body_arrives_and_leaves_its_connection_clean(
    pool: Upstream, origin: ScriptedUpstream, said: bytes, body: bytes, *, whole: bool
) -> None:
    for _ in range(2):
        origin.reply(said if whole else crumbs(said))
        inbound = await pool.send(outbound())
        assert await read(inbound) == body
        assert b"x-t" not in inbound.head.fields
    assert origin.connections == 1


async def test_a_large_body_arrives(pool: Upstream, origin: ScriptedUpstream) -> None:
    body = bytes(range(256)) * 8192
    origin.reply(response("200 OK", "Transfer-Encoding: chunked"), chunk(body), b"0\r\n\r\n")
    assert await read(await pool.send(outbound())) == body


async def test_a_body_of_unknown_length_leaves_in_chunks(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    origin.reply(ok())
    body = pieces(b"some ", b"", b"body")
    await read(await pool.send(outbound((b"Expect", b"100-continue"), method="POST", body=body)))
    heard = origin.heard[0]
    assert heard.body == chunked(b"some ", b"body")
    assert heard.first("expect") is None


async def test_a_body_of_known_length_leaves_bare(pool: Upstream, origin: ScriptedUpstream) -> None:
    for _ in range(2):
        origin.reply(ok())
        body = pieces(b"some ", b"body")
        await read(await pool.send(outbound((b"Content-Length", b"9"), method="PUT", body=body)))
        assert origin.heard[-1].body == b"some body"
    assert origin.connections == 1


async def test_a_body_of_no_length_is_none(pool: Upstream, origin: ScriptedUpstream) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound((b"Content-Length", b"0"), method="POST")))
    assert origin.heard[0].first("content-length") == b"0"


@stock_fails("an error of h11's gets out that nobody maps")
@pytest.mark.parametrize("body", [[b"ten bytes!"], [b"nine", b"bytes", b"x"], [b"eight by"]])
async def test_a_body_that_is_not_as_long_as_it_says_shifts_nothing(
    pool: Upstream, origin: ScriptedUpstream, body: list[bytes]
) -> None:
    async def upload() -> AsyncIterator[bytes]:
        await origin.arrival()
        for piece in body:
            yield piece

    origin.reply(asyncio.Event())
    with pytest.raises(RequestError):
        await pool.send(outbound((b"Content-Length", b"9"), method="POST", body=upload()))
    origin.reply(ok())
    assert await read(await pool.send(outbound())) == b"hello"
    assert [heard.connection for heard in origin.heard] == [1, 2]


@pytest.mark.parametrize(
    "line", [(b"X-A", b"a\nb"), (b"X-A", b"a\r\nb"), (b"X-A", b"a\0b"), (b"X A", b"b"), (b"", b"b")]
)
async def test_what_cannot_be_sent_is_the_requests_fault(
    pool: Upstream, origin: ScriptedUpstream, line: tuple[bytes, bytes]
) -> None:
    with pytest.raises(RequestError):
        await pool.send(outbound(line))
    assert not origin.heard


@pytest.mark.parametrize("target", [b"/a b", b"/a\r\nX: y", b"/\0", b"/a\tb"])
async def test_a_target_that_splits_the_head_is_not_sent(
    pool: Upstream, origin: ScriptedUpstream, target: bytes
) -> None:
    with pytest.raises(RequestError):
        await pool.send(outbound(target=target))
    assert not origin.heard


async def test_a_client_that_leaves_is_no_fault_of_the_upstream(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    async def upload() -> AsyncIterator[bytes]:
        yield b"some "
        await origin.arrival()
        raise ClientGone("left")

    with pytest.raises(ClientGone):
        await pool.send(outbound(method="POST", body=upload(), repeatable=True))
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
    assert not origin.heard[0].complete.is_set()


@own_alone
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "crumbs"])
async def test_interim_responses_are_told_with_all_their_fields(
    pool: Upstream, origin: ScriptedUpstream, *, whole: bool
) -> None:
    hints = response("103 Early Hints", "Link: </a>", "link: </b>", "X-Odd-CASE: 1")
    said = response("102 Processing") + hints + fresh()
    origin.reply(said if whole else crumbs(said))
    told: list[Head] = []
    inbound = await pool.send(outbound(informed=told.append))
    assert [head.status for head in told] == [102, 103]
    assert told[1].fields.lines == ((b"Link", b"</a>"), (b"link", b"</b>"), (b"X-Odd-CASE", b"1"))
    assert await read(inbound) == b"hello"


async def test_a_body_that_ends_with_its_connection(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    """It is whole as far as anybody can tell; nothing of its head says how long it is."""
    for _ in range(2):
        origin.reply(response("200 OK", body=b"hello"), End.CLOSE)
        inbound = await pool.send(outbound())
        assert await read(inbound) == b"hello"
        assert not {b"content-length", b"transfer-encoding"} & set(inbound.head.fields.names())
    assert origin.connections == 2
