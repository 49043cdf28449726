"""Many clients at once: one request upstream where all may have its answer, and only there."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.plays.house import House
from tests.plays.rawclient import RawClient, request
from tests.plays.scripted import End, ScriptedUpstream, chunk, fresh, ok, response

CROWD = 20


async def crowd(stack: AsyncExitStack, proxy: House, *lines: str) -> list[RawClient]:
    """Return clients that have all asked the same, the first of them a moment earlier."""
    clients = [await stack.enter_async_context(proxy.connect()) for _ in range(CROWD)]
    for client in clients:
        await client.send(request("/thing", *lines))
    await all_inside(proxy)
    return clients


async def all_inside(proxy: House) -> None:
    async with asyncio.timeout(10):
        while proxy.service.stats.in_flight < CROWD:  # noqa: ASYNC110 - a number tells no event
            await asyncio.sleep(0.001)


async def test_a_crowd_is_one_request_upstream(proxy: House, upstream: ScriptedUpstream) -> None:
    """Everyone reads along while the body grows."""
    head, body = asyncio.Event(), asyncio.Event()
    said = response("200 OK", "Cache-Control: max-age=60", "Transfer-Encoding: chunked")
    upstream.reply(head, said, chunk(b"first"), body, chunk(b"last"), b"0\r\n\r\n")
    async with AsyncExitStack() as stack:
        clients = await crowd(stack, proxy)
        head.set()
        answers = [await client.head() for client in clients]
        assert [await answer.piece() for answer in answers] == [b"first"] * CROWD
        body.set()
        assert [await answer.rest() for answer in answers] == [b"firstlast"] * CROWD
    told = sorted(answer.told for answer in answers)
    assert len(upstream.heard) == 1
    assert sum("collapsed" in text for text in told) == CROWD - 1
    assert "sidecache; fwd=uri-miss; ttl; stored; detail=uri-miss" in told


@pytest.mark.parametrize(
    "line", ["Cache-Control: private", "Set-Cookie: a=b", "Cache-Control: no-store", "Vary: *"]
)
async def test_a_crowd_never_shares_what_is_for_one(
    proxy: House, upstream: ScriptedUpstream, line: str
) -> None:
    hold = asyncio.Event()
    upstream.reply(hold, ok(b"0", line, "X-Number: 0"))
    for number in range(1, CROWD):
        upstream.reply(ok(b"%d" % number, line))
    async with AsyncExitStack() as stack:
        clients = await crowd(stack, proxy)
        assert len(upstream.heard) == 1
        hold.set()
        answers = [await client.read() for client in clients]
    assert sorted(int(answer.body) for answer in answers) == list(range(CROWD))
    assert len(upstream.heard) == CROWD


@pytest.mark.parametrize("line", ["Authorization: Basic YTpi", "Cookie: session=1"])
async def test_a_crowd_with_credentials_does_not_wait(
    proxy: House, upstream: ScriptedUpstream, line: str
) -> None:
    hold = asyncio.Event()
    for number in range(CROWD):
        upstream.reply(hold, fresh(b"%d" % number))
    async with AsyncExitStack() as stack:
        clients = await crowd(stack, proxy, line)
        await upstream.arrival(CROWD)
        hold.set()
        answers = [await client.read() for client in clients]
    assert sorted(int(answer.body) for answer in answers) == list(range(CROWD))


async def test_a_crowd_shares_a_failure(proxy: House, upstream: ScriptedUpstream) -> None:
    """One attempt for all: an upstream that is down is not stormed."""
    hold = asyncio.Event()
    upstream.reply(hold, End.RESET)
    async with AsyncExitStack() as stack:
        clients = await crowd(stack, proxy)
        hold.set()
        answers = [await client.read() for client in clients]
    assert {answer.status for answer in answers} == {502}
    assert len(upstream.heard) == 1


async def test_the_first_of_a_crowd_may_leave(proxy: House, upstream: ScriptedUpstream) -> None:
    hold = asyncio.Event()
    upstream.reply(hold, fresh())
    async with AsyncExitStack() as stack:
        clients = await crowd(stack, proxy)
        clients[0].end(End.RESET)
        hold.set()
        answers = [await client.read() for client in clients[1:]]
    assert {answer.body for answer in answers} == {b"hello"}
    assert len(upstream.heard) == 1


async def test_a_crowd_that_leaves_ends_the_request(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(asyncio.Event())
    async with AsyncExitStack() as stack:
        await crowd(stack, proxy)
    await asyncio.wait_for(upstream.heard[0].gone.wait(), 10)
