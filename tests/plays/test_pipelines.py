"""Pipelines: requests on a connection that ends, or goes wrong, before they are answered."""

import asyncio

import pytest

from tests.plays.house import House
from tests.plays.rawclient import request
from tests.plays.scripted import End, ScriptedUpstream, fresh, ok, response

GARBAGE = b"\x00 what is this\r\n\r\n"
BEGUN = response("200 OK", "Content-Length: 200", "Cache-Control: no-store", body=b"begun")


@pytest.mark.parametrize("end", End)
@pytest.mark.parametrize("steps", [(), (BEGUN,)], ids=["before-the-head", "in-the-body"])
async def test_the_one_that_is_answered_ends_with_the_connection(
    proxy: House, upstream: ScriptedUpstream, end: End, steps: tuple[bytes, ...]
) -> None:
    """However long the upstream would go on."""
    upstream.reply(*steps, asyncio.Event())
    async with proxy.connect() as client:
        await client.send(request("/endless") + request("/behind"))
        heard = await upstream.arrival()
        client.end(end)
        await asyncio.wait_for(heard.gone.wait(), 10)
    await proxy.quiet()
    assert len(upstream.heard) == 1


async def test_nothing_is_written_into_an_answer_under_way(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """S10, 9112 §9.3.2: what cannot be parsed behind a request is refused behind its answer."""
    hold = asyncio.Event()
    upstream.reply(BEGUN, hold, b"x" * 195)
    async with proxy.connect() as client:
        await client.send(request("/slow"))
        answer = await client.head()
        assert await answer.piece() == b"begun"
        await client.send(GARBAGE)
        hold.set()
        assert await answer.rest() == b"begun" + b"x" * 195
        assert (await client.read()).status == 400
        assert await client.ended() == b""


async def test_nothing_is_written_before_an_answer_that_is_awaited(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.reply(hold, ok(b"slow"))
    async with proxy.connect() as client:
        await client.send(request("/slow"))
        await upstream.arrival()
        await client.send(GARBAGE)
        hold.set()
        assert [(await client.read()).status for _ in range(2)] == [200, 400]
        assert await client.ended() == b""


async def test_a_body_that_cannot_be_parsed_is_refused_while_nothing_was_answered(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(asyncio.Event())
    async with proxy.connect() as client:
        await client.send(request("/", "Transfer-Encoding: chunked", method="POST"))
        await upstream.arrival()
        await client.send(b"no size\r\n")
        answer = await client.read()
        assert (answer.status, answer.first("connection")) == (400, b"close")
        assert await client.ended() == b""


async def test_a_thousand_at_once_are_answered_in_order(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """S10: as many as may wait are parsed, the others stay bytes until their turn comes."""
    upstream.reply(fresh(b"kept"))
    await proxy.ask("/kept")
    hold = asyncio.Event()
    upstream.reply(hold, ok(b"slow", "Cache-Control: no-store"))
    async with proxy.connect() as client:
        await client.send(request("/slow") + request("/kept") * 1_000 + GARBAGE)
        await upstream.arrival(2)
        hold.set()
        assert (await client.read()).body == b"slow"
        assert {(await client.read()).body for _ in range(1_000)} == {b"kept"}
        assert (await client.read()).status == 400
        assert await client.ended() == b""


async def test_who_pipelines_what_is_known_leaves_the_others_their_turns(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh(b"kept"))
    await proxy.ask("/kept")
    await proxy.ask("/kept")
    known, answered = request("/kept"), proxy.service.stats.requests
    before, most = answered["default", "hit"], 0

    async def count() -> None:
        nonlocal most, before
        while True:
            now = answered["default", "hit"]
            most, before = max(most, now - before), now
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    async with proxy.connect() as client:
        await client.send(known * 2_000)
        assert {(await client.read()).body for _ in range(2_000)} == {b"kept"}
    counting.cancel()
    a_piece = 8_192 // len(known)
    assert 0 < most <= 2 * (64 + a_piece)
