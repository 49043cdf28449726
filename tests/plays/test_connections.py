"""Connections: kept, pipelined, ended; HTTP/1.0 and clients that are slow or odd."""

import asyncio

import pytest

from tests.plays.house import House, house
from tests.plays.rawclient import request
from tests.plays.scripted import End, ScriptedUpstream, crumbs, fresh, ok, response


async def test_a_connection_serves_many_requests(proxy: House, upstream: ScriptedUpstream) -> None:
    async with proxy.connect() as client:
        for number in range(5):
            upstream.reply(fresh(b"%d" % number))
            for _ in range(2):
                assert (await client.ask(request(f"/{number}"))).body == b"%d" % number


async def test_pipelined_requests_are_answered_in_order(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """9112 §9.3.2: hits and misses, bodies and heads, one behind the other."""
    upstream.reply(fresh(b"kept"))
    await proxy.ask("/kept")
    hold = asyncio.Event()
    upstream.reply(hold, ok(b"slow", "Cache-Control: no-store"))
    upstream.reply(ok(b"posted"))
    upstream.reply(fresh(b"last"))
    async with proxy.connect() as client:
        await client.send(
            request("/slow")
            + request("/kept")
            + request("/", "Content-Length: 4", method="POST", body=b"body")
            + request("/kept", method="HEAD")
            + request("/last")
        )
        await upstream.arrival(2)
        hold.set()
        answers = [await client.read(m) for m in ("GET", "GET", "POST", "HEAD", "GET")]
    bodies = [answer.body for answer in answers]
    assert bodies == [b"slow", b"kept", b"posted", b"", b"last"]
    assert [heard.target for heard in upstream.heard[1:]] == [b"/slow", b"/", b"/last"]


async def test_pipelined_rubbish_is_not_written_into_the_answer_before_it(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """9112 §9.3.2: a client that leaves before the refusal's turn ends what is under way."""
    hold = asyncio.Event()
    upstream.reply(
        response("200 OK", "Content-Length: 10", "Cache-Control: no-store"), b"first", hold
    )
    async with proxy.connect() as client:
        await client.send(request("/slow"))
        answer = await client.head()
        await answer.piece()
        await client.send(b"rubbish\r\n\r\n")
        client.end()
        await asyncio.wait_for(upstream.heard[0].gone.wait(), 10)
    assert answer.body == b"first"


async def test_rubbish_where_a_body_should_be_is_refused(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(ok())
    async with proxy.connect() as client:
        await client.send(request("/", "Transfer-Encoding: chunked", method="POST"))
        heard = await upstream.arrival()
        await client.send(b"no size\r\n")
        assert (await client.read()).status == 400
        assert await client.ended() == b""
    await asyncio.wait_for(heard.gone.wait(), 10)
    assert not heard.complete.is_set()


async def test_a_client_that_leaves_gives_up_all_that_it_pipelined(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(asyncio.Event())
    async with proxy.connect() as client:
        await client.send(request("/slow") + request("/next"))
        heard = await upstream.arrival()
        client.end(End.RESET)
        await asyncio.wait_for(heard.gone.wait(), 10)
    await proxy.quiet()
    assert len(upstream.heard) == 1


async def test_a_request_in_crumbs(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    async with proxy.connect() as client:
        await client.send(*crumbs(request("/thing?a=%20b", "X-A: 1")))
        assert (await client.read()).body == b"hello"
    assert upstream.heard[0].target == b"/thing?a=%20b"


async def test_empty_lines_before_a_request_are_skipped(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """9112 §2.2."""
    upstream.reply(ok())
    async with proxy.connect() as client:
        assert (await client.ask(b"\r\n\r\n" + request("/"))).body == b"hello"


@pytest.mark.parametrize("kept", [False, True], ids=["miss", "hit"])
async def test_a_client_that_asks_for_the_end_gets_it(
    proxy: House, upstream: ScriptedUpstream, *, kept: bool
) -> None:
    upstream.reply(fresh())
    if kept:
        await proxy.ask("/")
    async with proxy.connect() as client:
        answer = await client.ask(request("/", "Connection: close"))
        assert (answer.body, answer.first("connection")) == (b"hello", b"close")
        assert await client.ended() == b""


async def test_a_client_of_http_1_0(proxy: House, upstream: ScriptedUpstream) -> None:
    """It is answered and the connection ends; upstream it is a request like any other."""
    upstream.reply(fresh())
    for _ in range(2):
        async with proxy.connect() as client:
            answer = await client.ask(b"GET / HTTP/1.0\r\nHost: api.test\r\n\r\n")
            assert (answer.body, answer.first("connection")) == (b"hello", b"close")
            assert await client.ended() == b""
    heard = upstream.heard[0]
    assert heard.head.startswith(b"GET / HTTP/1.1\r\n")
    assert heard.all("via") == [b"1.0 sidecache"]


async def test_a_trusted_peer_is_believed(upstream: ScriptedUpstream) -> None:
    upstream.reply(ok())
    async with house(upstream.url, trusted_peers=["127.0.0.0/8"]) as proxy:
        told = ("X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https", "X-Forwarded-Host: shop")
        await proxy.ask("/", *told)
    heard = upstream.heard[0]
    assert heard.all("x-forwarded-for") == [b"192.0.2.1, 127.0.0.1"]
    assert heard.all("x-forwarded-proto") == [b"https"]
    assert heard.all("x-forwarded-host") == [b"shop"]


async def test_more_requests_than_connections_wait_their_turn(
    upstream: ScriptedUpstream,
) -> None:
    async with house(upstream.url, upstream={"max_connections": 2}) as proxy:
        for _ in range(10):
            upstream.reply(ok(b"hello", "Cache-Control: no-store"))
        answers = await asyncio.gather(*(proxy.ask(f"/{number}") for number in range(10)))
    assert {answer.status for answer in answers} == {200}
    assert upstream.connections <= 2
