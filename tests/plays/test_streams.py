"""Bytes on the way: both ways at once, and no faster than they are taken."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.plays.house import House, house
from tests.plays.rawclient import Cut, request
from tests.plays.scripted import End, ScriptedUpstream, chunk, chunked, fresh, ok, response

KEPT = "Cache-Control: max-age=60"
NOT_KEPT = "Cache-Control: no-store"
PIECE = b"x" * 65_536


@pytest.mark.parametrize("control", [KEPT, NOT_KEPT])
async def test_the_first_byte_arrives_before_the_last_one_exists(
    proxy: House, upstream: ScriptedUpstream, control: str
) -> None:
    hold = asyncio.Event()
    head = response("200 OK", control, "Transfer-Encoding: chunked")
    upstream.reply(head, chunk(b"first"), hold, chunk(b"last"), b"0\r\n\r\n")
    async with proxy.connect() as client:
        await client.send(request("/events"))
        answer = await client.head()
        assert await answer.piece() == b"first"
        hold.set()
        assert await answer.rest() == b"firstlast"


@pytest.mark.parametrize("control", [KEPT, NOT_KEPT])
async def test_the_head_arrives_before_the_first_byte_exists(
    proxy: House, upstream: ScriptedUpstream, control: str
) -> None:
    hold = asyncio.Event()
    upstream.reply(response("200 OK", control, "Content-Length: 5"), hold, b"hello")
    async with proxy.connect() as client:
        await client.send(request("/events"))
        answer = await client.head()
        assert answer.status == 200
        hold.set()
        assert await answer.rest() == b"hello"


@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
async def test_an_upload_reaches_the_upstream_before_it_is_complete(
    proxy: House, upstream: ScriptedUpstream, framing: str
) -> None:
    upstream.reply(ok(b"thanks"))
    in_chunks = "chunked" in framing
    async with proxy.connect() as client:
        await client.send(request("/", framing, method="POST"))
        await client.send(chunk(b"first") if in_chunks else b"first")
        heard = await upstream.arrival()
        await upstream.until(lambda: b"first" in heard.body)
        assert not heard.complete.is_set()
        await client.send(chunked(b"final") if in_chunks else b"final")
        assert (await client.read()).body == b"thanks"
    assert heard.body == (chunk(b"first") + chunked(b"final") if in_chunks else b"firstfinal")


def kernel_buffers() -> int:
    """Return the most bytes that the kernel takes on the two hops, as it is set on this machine."""
    files = (Path(f"/proc/sys/net/ipv4/tcp_{way}mem") for way in "rw")
    receiving, sending = (int(file.read_text().split()[-1]) for file in files)
    return receiving + 2 * sending


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(("Content-Length: 134217728", NOT_KEPT), id="not-kept"),
        pytest.param(("Content-Length: 134217728", KEPT), id="too-large-to-keep"),
        pytest.param(("Transfer-Encoding: chunked", KEPT), id="grows-too-large-to-keep"),
    ],
)
async def test_a_client_that_does_not_read_stops_the_upstream(
    proxy: House, upstream: ScriptedUpstream, head: tuple[str, ...]
) -> None:
    """What is held is bounded by buffers, not by the body; reading sets it going again."""
    whole = 2**27
    piece = chunk(PIECE) if "chunked" in head[0] else PIECE
    upstream.reply(
        response("200 OK", *head),
        (piece for _ in range(whole // len(PIECE))),
        b"0\r\n\r\n" if piece != PIECE else b"",
    )
    async with proxy.connect(receive_buffer=65_536) as client:
        await client.send(request("/large"))
        answer = await client.head()
        heard = await upstream.arrival()
        await standing_still(lambda: heard.sent)
        assert heard.sent < kernel_buffers() + 8 * 2**20
        assert await answer.count() == whole


@pytest.mark.parametrize("control", [KEPT, NOT_KEPT])
async def test_a_client_that_leaves_in_the_middle(
    proxy: House, upstream: ScriptedUpstream, control: str
) -> None:
    """What is kept is fetched to its end for the next one; anything else is given up at once."""
    hold = asyncio.Event()
    upstream.reply(response("200 OK", control, "Content-Length: 10"), b"first", hold, b"final")
    async with proxy.connect() as client:
        await client.send(request("/thing"))
        await (await client.head()).piece()
    if control == NOT_KEPT:
        await asyncio.wait_for(upstream.heard[0].gone.wait(), 10)
        return
    hold.set()
    await proxy.quiet()
    answer = await proxy.ask("/thing")
    assert (answer.body, answer.told) == (b"firstfinal", "sidecache; hit; ttl; detail=fresh")


async def test_a_client_that_leaves_before_there_is_an_answer(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(asyncio.Event())
    async with proxy.connect() as client:
        await client.send(request("/thing"))
        heard = await upstream.arrival()
    await asyncio.wait_for(heard.gone.wait(), 10)


@pytest.mark.parametrize("how", [End.CLOSE, End.RESET])
@pytest.mark.parametrize("framing", ["Content-Length: 10", "Transfer-Encoding: chunked"])
async def test_a_client_that_leaves_in_the_middle_of_an_upload(
    proxy: House, upstream: ScriptedUpstream, framing: str, how: End
) -> None:
    """The upstream sees a request that broke off, never one that looks complete."""
    upstream.reply(ok())
    async with proxy.connect() as client:
        await client.send(request("/", framing, method="POST"))
        await client.send(chunk(b"first") if "chunked" in framing else b"first")
        heard = await upstream.arrival()
        await upstream.until(lambda: b"first" in heard.body)
        client.end(how)
        await asyncio.wait_for(heard.gone.wait(), 10)
    assert not heard.complete.is_set()
    upstream.reply(ok(b"next"))
    assert (await proxy.ask("/")).body == b"next"


async def test_a_client_that_leaves_in_the_middle_of_an_early_answer(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """Nobody reads its upload any more: that it has left is heard all the same."""
    head = response("200 OK", "Transfer-Encoding: chunked")
    upstream.reply(head + chunk(b"endless"), asyncio.Event(), early=True)
    async with proxy.connect() as client:
        await client.send(request("/", "Content-Length: 10", method="POST") + b"first")
        await (await client.head()).piece()
    await asyncio.wait_for(upstream.heard[0].gone.wait(), 10)


async def test_an_upload_that_goes_wrong_amid_its_answer_ends_both_without_an_error_of_ours(
    proxy: House, upstream: ScriptedUpstream, caplog: pytest.LogCaptureFixture
) -> None:
    head = response("200 OK", "Transfer-Encoding: chunked")
    upstream.reply(head + chunk(b"endless"), asyncio.Event(), early=True)
    async with proxy.connect() as client:
        await client.send(request("/", "Transfer-Encoding: chunked", method="POST") + b"1\r\nx\r\n")
        await (await client.head()).piece()
        await client.send(b"no chunk\r\n")
        await asyncio.wait_for(upstream.heard[0].gone.wait(), 10)
    await proxy.quiet()
    assert not caplog.records


async def test_a_reader_of_a_kept_body_that_leaves_takes_nothing_from_the_others(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    hold = asyncio.Event()
    upstream.reply(response("200 OK", KEPT, "Content-Length: 10"), b"first", hold, b"final")
    async with proxy.connect() as leader, proxy.connect() as follower:
        await leader.send(request("/thing"))
        await (await leader.head()).piece()
        await follower.send(request("/thing"))
        following = await follower.head()
        assert await following.piece() == b"first"
        leader.end(End.RESET)
        hold.set()
        assert await following.rest() == b"firstfinal"
    assert len(upstream.heard) == 1


async def test_everyone_sees_the_cut(proxy: House, upstream: ScriptedUpstream) -> None:
    hold = asyncio.Event()
    upstream.reply(response("200 OK", KEPT, "Content-Length: 10"), b"first", hold, End.CLOSE)
    async with proxy.connect() as leader, proxy.connect() as follower:
        await leader.send(request("/thing"))
        await upstream.arrival()
        await follower.send(request("/thing"))
        answers = [await leader.head(), await follower.head()]
        hold.set()
        for answer in answers:
            with pytest.raises(Cut):
                await answer.rest()
            assert answer.body == b"first"


async def test_a_body_larger_than_the_rule_keeps_passes_through(
    upstream: ScriptedUpstream,
) -> None:
    rule = {"name": "small", "match": {"path": "/**"}, "max_body": "1KiB"}
    async with house(upstream.url, rules=[rule]) as proxy:
        for _ in range(2):
            upstream.reply(fresh(b"x" * 2000))
            answer = await proxy.ask("/thing")
            assert (len(answer.body), answer.told) == (
                2000,
                "sidecache; fwd=uri-miss; detail=too-large",
            )


async def standing_still(value: Callable[[], int]) -> None:
    """Wait until a number that grows has stopped growing."""
    last, still = -1, 0
    while still < 10:
        await asyncio.sleep(0.02)
        now = value()
        still = still + 1 if now == last else 0
        last = now


async def test_9110_15_2_interim_responses_reach_who_leads_the_fetch(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    """All of their fields, before the answer, and never from the cache."""
    hold = asyncio.Event()
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nX-Odd: 1\r\n\r\n"
    upstream.reply(b"HTTP/1.1 102 Processing\r\n\r\n", hints, hold, fresh())
    async with proxy.connect() as client:
        await client.send(request("/thing"))
        told = b"".join([await client.line() for _ in range(6)]).lower()
        assert told == b"http/1.1 102 processing\r\n\r\n" + hints.lower()
        hold.set()
        assert (await client.read()).status == 200
        assert (await client.ask(request("/thing"))).told == "sidecache; hit; ttl; detail=fresh"
