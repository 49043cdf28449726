"""The pool in httpx's own hands: requests, responses, time-outs and errors are httpx's."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from proxy.http.message import Head
from proxy.upstream.build import gateway
from proxy.upstream.transport import PoolTransport
from tests.plays.scripted import End, ScriptedUpstream, ok, response
from tests.upstream.asking import pieces


@pytest.fixture
async def client(origin: ScriptedUpstream) -> AsyncIterator[httpx.AsyncClient]:
    transport = PoolTransport(gateway([origin.url]).dispatcher)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        yield client


async def test_a_response_is_httpxs(client: httpx.AsyncClient, origin: ScriptedUpstream) -> None:
    origin.reply(response("203 Well Enough", "X-A: 1", "X-A: 2", "Content-Length: 3", body=b"one"))
    answer = await client.get("/a?b=c")
    assert (answer.status_code, answer.reason_phrase, answer.content) == (
        203,
        "Well Enough",
        b"one",
    )
    assert answer.http_version == "HTTP/1.1"
    assert answer.headers.get_list("x-a") == ["1", "2"]
    assert origin.heard[0].head.startswith(b"GET /a?b=c HTTP/1.1\r\nHost: api.test\r\n")


async def test_connections_are_kept(client: httpx.AsyncClient, origin: ScriptedUpstream) -> None:
    for _ in range(3):
        origin.reply(ok(b"one"))
        assert (await client.get("/")).content == b"one"
    assert origin.connections == 1


async def test_bodies_go_up(client: httpx.AsyncClient, origin: ScriptedUpstream) -> None:
    for _ in range(2):
        origin.reply(ok())
    await client.post("/", content=b"whole")
    await client.post("/", content=pieces(b"in ", b"pieces"))
    assert [heard.body for heard in origin.heard] == [
        b"whole",
        b"3\r\nin \r\n6\r\npieces\r\n0\r\n\r\n",
    ]


async def test_what_only_this_transport_knows(
    client: httpx.AsyncClient, origin: ScriptedUpstream
) -> None:
    heard: list[Head] = []
    origin.reply(response("103 Early Hints", "Link: </a>") + ok(b"one"))
    extensions = {"target": b"//raw?", "informational": heard.append}
    answer = await client.get("/", extensions=extensions)
    assert (answer.content, [head.status for head in heard]) == (b"one", [103])
    assert origin.heard[0].target == b"//raw?"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_only_what_is_idempotent_is_repeated(
    client: httpx.AsyncClient, origin: ScriptedUpstream, method: str
) -> None:
    for said in (ok(), End.CLOSE, ok(b"again")):
        origin.reply(said)
    await client.get("/")
    if method == "GET":
        assert (await client.get("/")).content == b"again"
    else:
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/")
    assert len(origin.heard) == (3 if method == "GET" else 2)


async def test_errors_are_httpxs(client: httpx.AsyncClient, origin: ScriptedUpstream) -> None:
    origin.reply(asyncio.Event())
    with pytest.raises(httpx.ReadTimeout):
        await client.get("/", timeout=0.1)
    origin.reply(b"nonsense\r\n\r\n")
    with pytest.raises(httpx.RemoteProtocolError):
        await client.get("/")


async def test_what_cannot_be_sent_is_not(client: httpx.AsyncClient) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        await client.get("/", extensions={"target": b"/ /"})


async def test_a_body_need_not_be_read(client: httpx.AsyncClient, origin: ScriptedUpstream) -> None:
    origin.reply(ok(b"x" * 1_000_000))
    async with client.stream("GET", "/"):
        pass
    origin.reply(ok(b"two"))
    assert (await client.get("/")).content == b"two"


async def test_another_protocol(client: httpx.AsyncClient, origin: ScriptedUpstream) -> None:
    origin.reply(
        response("101 Switching Protocols", "Upgrade: x", "Connection: upgrade") + b"hello"
    )
    fields = {"Connection": "upgrade", "Upgrade": "x"}
    async with client.stream("GET", "/", headers=fields) as answer:
        stream = answer.extensions["network_stream"]
        assert (answer.status_code, await stream.read(4), await stream.read()) == (
            101,
            b"hell",
            b"o",
        )
        assert stream.get_extra_info("socket") is None
        await stream.aclose()
