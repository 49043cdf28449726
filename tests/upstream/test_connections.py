"""The contract of both engines: connections kept or given up, and what is asked a second time."""

import asyncio
from contextlib import suppress

import pytest

from proxy.engine.ports import Upstream
from proxy.errors import SidecacheError, UpstreamBroken
from tests.plays.scripted import End, ScriptedUpstream, Step, chunked, crumbs, fresh, ok, response
from tests.upstream.asking import NOT_MODIFIED, Make, outbound, own_alone, pieces, read, stock_fails

CHUNKED = response("200 OK", "Transfer-Encoding: chunked", body=chunked(b"hello"))


@pytest.mark.parametrize(
    ("method", "said"),
    [
        pytest.param("GET", ok(), id="length"),
        pytest.param("GET", ok(b""), id="empty"),
        pytest.param("GET", CHUNKED, id="chunked"),
        pytest.param("GET", response("204 No Content"), id="204"),
        pytest.param("GET", NOT_MODIFIED, id="304"),
        pytest.param("GET", response("304 Not Modified", "Content-Length: 5"), id="304-length"),
        pytest.param("HEAD", response("200 OK", "Content-Length: 5"), id="head"),
        pytest.param("HEAD", response("200 OK", "Transfer-Encoding: chunked"), id="head-chunked"),
        pytest.param("HEAD", response("200 OK"), id="head-bare"),
    ],
)
@pytest.mark.parametrize("taken", [True, False], ids=["read", "closed"])
async def test_a_connection_is_used_again(
    pool: Upstream, origin: ScriptedUpstream, method: str, said: bytes, *, taken: bool
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


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(ok(b"hello", "Connection: close"), id="9112-9.6-close"),
        pytest.param(ok(b"hello", "Connection: x, Close"), id="9112-9.6-close-in-a-list"),
        pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", id="9112-9.3-http-1.0"),
    ],
)
async def test_a_connection_that_is_not_to_be_used_again(
    pool: Upstream, origin: ScriptedUpstream, said: bytes
) -> None:
    for _ in range(2):
        origin.reply(said)
        assert await read(await pool.send(outbound())) == b"hello"
    assert origin.connections == 2


@own_alone
async def test_http_1_0_keeps_alive_where_it_says_so(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    for _ in range(2):
        origin.reply(b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 5\r\n\r\nhello")
        assert await read(await pool.send(outbound())) == b"hello"
    assert origin.connections == 1


async def test_what_is_closed_before_its_end_gives_up_its_connection(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    for _ in range(2):
        origin.reply(response("200 OK", "Content-Length: 5", body=b"hell"))
        inbound = await pool.send(outbound())
        await inbound.aclose()
        await asyncio.wait_for(origin.heard[-1].gone.wait(), 10)
    assert origin.connections == 2


async def test_no_more_connections_are_kept_than_said(
    origin: ScriptedUpstream, engine: Make
) -> None:
    pool = engine(origin.url, idle=1)
    hold = asyncio.Event()
    for _ in range(2):
        origin.reply(hold, ok())
    both = asyncio.gather(*(pool.send(outbound()) for _ in range(2)))
    await origin.arrival(2)
    hold.set()
    for inbound in await both:
        await read(inbound)
    await origin.until(lambda: sum(heard.gone.is_set() for heard in origin.heard) == 1)
    await pool.aclose()


# --- surplus: what follows a response is never the next one

SURPLUS: dict[str, bytes] = {
    "a-response": fresh(b"evil"),
    "half-a-response": b"HTTP/1.1 200 OK\r\nCont",
    "an-interim": response("103 Hints"),
    "a-byte": b"x",
    "line-ends": b"\r\n\r\n",
    "line-feed": b"\n",
    "nul": b"\0",
}
RESPONSES: dict[str, tuple[str, bytes]] = {
    "length": ("GET", ok()),
    "empty": ("GET", ok(b"")),
    "chunked": ("GET", CHUNKED),
    "trailers": (
        "GET",
        response("200 OK", "Transfer-Encoding: chunked", body=b"0\r\nX-T: a\r\n\r\n"),
    ),
    "204": ("GET", response("204 No Content")),
    "304": ("GET", NOT_MODIFIED),
    "304-length": ("GET", response("304 Not Modified", "Content-Length: 4")),
    "head": ("HEAD", ok(b"")),
    "head-length": ("HEAD", response("200 OK", "Content-Length: 5")),
    "head-chunked": ("HEAD", response("200 OK", "Transfer-Encoding: chunked")),
}


async def never_next(pool: Upstream, origin: ScriptedUpstream, method: str, *said: Step) -> None:
    origin.reply(*said)
    assert b"evil" not in await read(await pool.send(outbound(method=method)))
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound())) == b"good"
    assert [heard.connection for heard in origin.heard] == [1, 2]


@own_alone
@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
@pytest.mark.parametrize(("method", "said"), RESPONSES.values(), ids=RESPONSES)
async def test_surplus_in_the_same_read(
    pool: Upstream, origin: ScriptedUpstream, method: str, said: bytes, surplus: bytes
) -> None:
    await never_next(pool, origin, method, said + surplus)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "said",
    [
        pytest.param(ok() + fresh(b"evil"), id="length"),
        pytest.param(NOT_MODIFIED + fresh(b"evil"), id="304"),
        pytest.param(fresh(b"x" * (65_536 - 66)) + fresh(b"evil"), id="behind-a-full-read"),
        pytest.param(fresh(b"x" * (262_144 - 67)) + fresh(b"evil"), id="behind-a-fuller-read"),
    ],
)
async def test_a_second_response_is_surplus(
    pool: Upstream, origin: ScriptedUpstream, method: str, said: bytes
) -> None:
    await never_next(pool, origin, method, said)


@own_alone
@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
@pytest.mark.parametrize(("method", "said"), RESPONSES.values(), ids=RESPONSES)
async def test_surplus_in_a_later_read(
    pool: Upstream, origin: ScriptedUpstream, method: str, said: bytes, surplus: bytes
) -> None:
    """It waits in the kernel, unread, when the next request is about to leave."""
    later = asyncio.Event()
    origin.reply(said, later, surplus)
    await read(await pool.send(outbound(method=method)))
    later.set()
    await origin.until(lambda: origin.heard[0].sent == len(said + surplus))
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound())) == b"good"
    assert [heard.connection for heard in origin.heard] == [1, 2]


@pytest.mark.parametrize("surplus", SURPLUS.values(), ids=SURPLUS)
async def test_a_byte_on_an_idle_connection_ends_it(
    pool: Upstream, origin: ScriptedUpstream, surplus: bytes
) -> None:
    later = asyncio.Event()
    origin.reply(ok(), later, surplus)
    await read(await pool.send(outbound()))
    later.set()
    await origin.until(lambda: origin.heard[0].sent == len(ok() + surplus))
    await asyncio.sleep(0.01)
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound())) == b"good"
    assert [heard.connection for heard in origin.heard] == [1, 2]


@own_alone
async def test_an_idle_connection_that_got_a_byte_ends_at_once(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    later = asyncio.Event()
    origin.reply(ok(), later, b"x")
    await read(await pool.send(outbound()))
    later.set()
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)


@own_alone
async def test_surplus_in_crumbs(pool: Upstream, origin: ScriptedUpstream) -> None:
    origin.reply(crumbs(ok() + fresh(b"evil")))
    assert await read(await pool.send(outbound())) == b"hello"
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound())) == b"good"


@own_alone
async def test_an_answer_before_the_question_is_none(engine: Make) -> None:
    writers: list[asyncio.StreamWriter] = []

    async def eager(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        writer.write(fresh(b"evil"))

    server = await asyncio.start_server(eager, "127.0.0.1", 0)
    pool = engine(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for _ in range(4):
        with suppress(SidecacheError):
            await read(await pool.send(outbound()))
    await pool.aclose()
    for writer in writers:
        writer.close()
    server.close()
    assert len(writers) == 4  # none was used twice


# --- a second attempt


@pytest.mark.parametrize("how", [End.CLOSE, End.RESET])
async def test_a_reused_connection_that_gives_nothing_is_replaced(
    pool: Upstream, origin: ScriptedUpstream, how: End
) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound()))
    origin.reply(how)
    origin.reply(ok(b"again"))
    assert await read(await pool.send(outbound(repeatable=True))) == b"again"
    assert [heard.connection for heard in origin.heard] == [1, 1, 2]


@pytest.mark.parametrize(
    ("repeatable", "said"),
    [
        pytest.param(False, (End.CLOSE,), id="not-repeatable"),
        pytest.param(True, (b"garbage\r\n\r\n",), id="garbage"),
    ],
)
async def test_nothing_else_is_repeated(
    pool: Upstream, origin: ScriptedUpstream, said: tuple[Step, ...], *, repeatable: bool
) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound()))
    origin.reply(*said)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(repeatable=repeatable))
    assert len(origin.heard) == 2


@stock_fails("it cannot tell whether anything came")
@pytest.mark.parametrize(
    "said", [b"H", response("103 Hints"), b"HTTP/1.1 200 OK\r\n"], ids=["a-byte", "interim", "half"]
)
async def test_nothing_is_repeated_once_a_byte_has_come(
    pool: Upstream, origin: ScriptedUpstream, said: bytes
) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound()))
    origin.reply(said, End.CLOSE)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(repeatable=True))
    assert len(origin.heard) == 2


@own_alone
async def test_a_body_is_never_sent_twice(pool: Upstream, origin: ScriptedUpstream) -> None:
    origin.reply(ok())
    await read(await pool.send(outbound()))
    origin.reply(End.CLOSE)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(method="PUT", body=pieces(b"a"), repeatable=True))
    assert len(origin.heard) == 2


async def test_there_is_no_third_attempt(pool: Upstream, origin: ScriptedUpstream) -> None:
    for said in (ok(), End.CLOSE, End.CLOSE):
        origin.reply(said)
    await read(await pool.send(outbound()))
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(repeatable=True))
    assert len(origin.heard) == 3


async def test_a_second_attempt_without_a_connection_is_still_a_lost_one(
    engine: Make,
) -> None:
    """What was sent before may have been done: that is more than an upstream out of reach."""
    async with ScriptedUpstream() as origin:
        pool = engine(origin.url)
        origin.reply(ok())
        await read(await pool.send(outbound()))
        hold = asyncio.Event()
        origin.reply(hold, End.CLOSE)
        second = asyncio.create_task(pool.send(outbound(method="DELETE", repeatable=True)))
        await origin.arrival(2)
        origin.stop_listening()
        hold.set()
        with pytest.raises(UpstreamBroken):
            await second
        await pool.aclose()


async def test_a_connection_that_ended_while_idle_is_not_used(
    pool: Upstream, origin: ScriptedUpstream
) -> None:
    origin.reply(ok(), End.CLOSE)
    await read(await pool.send(outbound()))
    await asyncio.wait_for(origin.heard[0].gone.wait(), 10)
    origin.reply(ok(b"good"))
    assert await read(await pool.send(outbound(repeatable=False))) == b"good"
