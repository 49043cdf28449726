"""Bytes that follow a response never become the answer to somebody else's request.

In a shared cache they would be kept under that request's key. Each play has the upstream say more
than it was asked, then asks for another target: its answer must come on a new connection.
"""

import asyncio

import pytest

from tests.plays.house import House
from tests.plays.scripted import ScriptedUpstream, chunked, fresh, ok, response

EVIL = fresh(b"evil")
READ = 65_536
"""What the client library takes from a connection at a time."""

CHUNKED = response("200 OK", "Transfer-Encoding: chunked", "Cache-Control: max-age=60")
BODY_AFTER_304 = response("304 Not Modified", 'ETag: "one"')
NO_CONTENT = response("204 No Content", "Cache-Control: max-age=60")


def filled(size: int, *lines: str) -> bytes:
    """Return a response of so many bytes altogether."""
    bare = len(fresh(b"", *lines)) - 1
    digits = len(str(size))
    whole = fresh(b"x" * (size - bare - digits), *lines)
    assert len(whole) == size
    return whole


WITH_SURPLUS = {
    "after-a-length": fresh() + EVIL,
    "after-no-store": ok(b"hello", "Cache-Control: no-store") + EVIL,
    "after-an-empty-body": fresh(b"") + EVIL,
    "after-chunks": CHUNKED + chunked(b"hello") + EVIL,
    "after-204": NO_CONTENT + EVIL,
    "after-204-without-a-head": NO_CONTENT + b"hello",
    "after-304": BODY_AFTER_304 + EVIL,
    "after-a-redirect": ok(b"", "Location: /x", status="302 Found") + EVIL,
    "not-http": fresh() + b"\0\0\0\0",
    "an-empty-line": fresh() + b"\r\n",
    "half-a-head": fresh() + EVIL[:20],
    "an-interim-response": fresh() + b"HTTP/1.1 100 Continue\r\n\r\n",
    "twice": fresh() + EVIL + EVIL,
    "large": fresh() + fresh(b"evil" * READ),
    "behind-one-full-read": filled(READ) + EVIL,
    "behind-two-full-reads": filled(2 * READ) + EVIL,
    "behind-four-full-reads": filled(4 * READ) + EVIL,
    "behind-five-full-reads": filled(5 * READ) + EVIL,
    "behind-a-full-read-not-kept": filled(READ, "Set-Cookie: a=b") + EVIL,
    "in-the-last-read": filled(3 * READ - 10) + EVIL,
}


@pytest.mark.parametrize("said", WITH_SURPLUS.values(), ids=WITH_SURPLUS)
async def test_surplus_never_becomes_the_next_answer(
    proxy: House, upstream: ScriptedUpstream, said: bytes
) -> None:
    upstream.reply(said)
    first = await proxy.ask("/victim", 'If-None-Match: "one"')
    assert b"evil" not in first.body
    upstream.reply(fresh(b"good"))
    assert (await proxy.ask("/other")).body == b"good"
    assert (await proxy.ask("/other")).body == b"good"
    assert [heard.connection for heard in upstream.heard] == [1, 2]


@pytest.mark.parametrize("size", [5, READ, 300_000])
async def test_a_body_after_the_head_alone_never_becomes_the_next_answer(
    proxy: House, upstream: ScriptedUpstream, size: int
) -> None:
    """An upstream that sends a body to HEAD, as careless ones do."""
    upstream.reply(ok(EVIL + b"x" * size))
    assert (await proxy.ask("/victim", method="HEAD")).status == 200
    upstream.reply(fresh(b"good"))
    assert (await proxy.ask("/other")).body == b"good"
    assert [heard.connection for heard in upstream.heard] == [1, 2]


@pytest.mark.parametrize("surplus", [EVIL, b"\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
async def test_what_comes_while_a_connection_is_idle_ends_it(
    proxy: House, upstream: ScriptedUpstream, surplus: bytes
) -> None:
    later = asyncio.Event()
    upstream.reply(fresh(), later, surplus)
    await proxy.ask("/victim")
    later.set()
    await upstream.until(lambda: upstream.heard[0].sent == len(fresh()) + len(surplus))
    upstream.reply(fresh(b"good"))
    assert (await proxy.ask("/other")).body == b"good"
    assert upstream.heard[1].connection == 2


async def test_an_early_answer_and_surplus_to_a_validation(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """A 304 that confirms, with an answer hidden behind it."""
    stale = ("Age: 61", 'ETag: "one"')
    upstream.reply(fresh(b"hello", *stale))
    await proxy.ask("/victim")
    upstream.reply(response("304 Not Modified", 'ETag: "one"', body=EVIL))
    assert (await proxy.ask("/victim")).body == b"hello"
    upstream.reply(fresh(b"good"))
    assert (await proxy.ask("/other")).body == b"good"
    assert [heard.connection for heard in upstream.heard] == [1, 1, 2]


async def test_a_body_that_is_not_read_to_its_end_ends_its_connection(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """What a client left unread must not be read by the next one."""
    hold = asyncio.Event()
    upstream.reply(ok(b"x" * 1000 + EVIL, "Cache-Control: no-store")[: -len(EVIL)], hold, EVIL)
    async with proxy.connect() as client:
        await client.send(b"GET /victim HTTP/1.1\r\nHost: api.test\r\n\r\n")
        await (await client.head()).piece()
    await upstream.heard[0].gone.wait()
    hold.set()
    upstream.reply(fresh(b"good"))
    assert (await proxy.ask("/other")).body == b"good"
    assert upstream.heard[1].connection == 2


async def test_a_connection_without_surplus_is_used_again(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """The guard does not cost what keep-alive saves."""
    for number, said in enumerate((fresh(), NO_CONTENT, CHUNKED + chunked(b"a"), filled(READ))):
        upstream.reply(said)
        await proxy.ask(f"/{number}")
    assert {heard.connection for heard in upstream.heard} == {1}
