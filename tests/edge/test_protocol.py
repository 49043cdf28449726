"""The connection on a mock transport: order, writes, limits, deadlines, the end."""

import asyncio
import logging
import re

import httptools
import pytest

from proxy.edge.requests import Receive, Scope, Send
from tests.edge.apps import HELLO, Held, echo, hello, part, saying, silent, start
from tests.edge.wire import Wire
from tests.plays.rawclient import request

GET = request("/")
POST = request("/", "Content-Length: 5", method="POST")
CHUNKED = request("/", "Transfer-Encoding: chunked", method="POST")
CLOSE = request("/", "Connection: close")


def statuses(written: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", written)]


def heard(wire: Wire) -> Wire:
    """Have what a connection complains of reach `caplog`, whatever became of uvicorn's logger."""
    wire.protocol.logger = logging.getLogger("tests.edge")
    return wire


async def test_a_small_answer_is_one_write() -> None:
    wire = Wire(hello)
    await wire.send(GET)
    assert wire.transport.writes == [HELLO]
    assert not wire.transport.closed


async def test_a_head_does_not_wait_for_its_body() -> None:
    """An event stream's client is told that it began; each piece leaves as it comes."""
    more = asyncio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start())
        await more.wait()
        await send(part(b"one", more=True))
        await send(part(b"two", more=True))
        await send(part(b""))

    wire = Wire(app)
    await wire.send(GET)
    assert wire.transport.writes == [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]
    more.set()
    await wire.quiet()
    assert wire.transport.writes[1:] == [b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"]


async def test_a_large_answer_is_written_no_faster_than_it_is_read() -> None:
    """R1: what a slow reader leaves is not copied into a buffer of its own."""
    size = 2**20
    wire = Wire(saying(start((b"content-length", b"%d" % size)), part(b"x" * size)))
    wire.transport.on_write = wire.protocol.pause_writing
    await wire.send(GET)
    for pieces in range(1, 5):
        assert len(wire.transport.writes) == pieces
        wire.protocol.resume_writing()
        await wire.quiet()
    assert wire.transport.written.endswith(b"x" * size)
    assert max(map(len, wire.transport.writes)) < 300_000


async def test_a_client_of_http_1_0_gets_no_chunks() -> None:
    """9112 §6.1."""
    wire = Wire(saying(start(), part(b"one", more=True), part(b"two")))
    written = await wire.send(b"GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    assert written == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nonetwo"
    assert wire.transport.ended


CONTRADICTED = {
    "too-short": (part(b"four"),),
    "too-long": (part(b"longer"),),
}


@pytest.mark.parametrize("parts", CONTRADICTED.values(), ids=CONTRADICTED)
async def test_a_body_of_another_length_is_an_error_before_it_is_sent(
    parts: tuple[dict[str, object], ...], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    wire = Wire(saying(start((b"content-length", b"5")), *parts))
    assert statuses(await wire.send(GET)) == [500]


@pytest.mark.parametrize("last", [b"", b"longer"])
async def test_a_body_of_another_length_is_cut_once_its_head_has_left(
    last: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    wire = Wire(saying(start((b"content-length", b"5")), part(b"one", more=True), part(last)))
    assert await wire.send(GET) == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\none"
    assert wire.transport.closed


async def test_an_answer_that_breaks_off_is_cut_and_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is missing is told once, in the access log, by whoever knows why."""
    wire = heard(Wire(saying(start(), part(b"one", more=True))))
    assert (await wire.send(GET)).endswith(b"3\r\none\r\n")
    assert wire.transport.closed
    assert not caplog.records


async def test_a_request_that_got_no_answer_is_told_500_and_noted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert statuses(await heard(Wire(saying())).send(GET)) == [500]
    assert [record.getMessage() for record in caplog.records] == [
        "a request got no answer: it is told 500"
    ]


async def test_a_request_that_is_given_up_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    """At the end of the time to drain the server stops who is still at work."""
    wire = heard(Wire(Held()))
    await wire.send(GET)
    (task,) = wire.state.tasks
    task.cancel()
    await wire.quiet()
    assert statuses(wire.transport.written) == [500]
    assert caplog.records
    assert not [record for record in caplog.records if record.exc_info]


async def test_a_client_can_leave_behind_a_large_body() -> None:
    """Its last piece pauses reading, and who has all of it asks for no more."""
    rest, taken = bytes(100_000), bytearray()

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        more = True
        while more:
            message = await receive()
            taken.extend(message["body"])
            more = message["more_body"]
        await asyncio.Event().wait()

    wire = Wire(app)
    await wire.send(request("/", "Content-Length: 100001", method="POST") + b"a")
    wire.protocol.data_received(rest)
    assert wire.transport.paused
    await wire.quiet()
    assert taken == b"a" + rest
    assert not wire.transport.paused


async def test_what_is_out_of_turn_is_an_error(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")
    wire = Wire(saying(part(b"one")))
    assert statuses(await wire.send(GET)) == [500]


async def test_requests_wait_for_their_turn() -> None:
    app = Held()
    wire = Wire(app, max_pipelined=2)
    assert await wire.send(GET * 1_000) == b""
    assert len(app.scopes) == 1
    assert len(wire.protocol.pipeline) < 300  # of 38 bytes each, in one piece
    app.go.set()
    for _ in range(100):
        await wire.quiet()
    assert wire.transport.written == HELLO * 1_000


async def test_more_than_can_wait_is_left_to_the_kernel() -> None:
    wire = Wire(silent, max_pipelined=1)
    await wire.send(GET * 4_000)
    assert wire.transport.paused


async def test_a_large_upload_waits_while_nobody_reads() -> None:
    app = Held()
    wire = Wire(app)
    await wire.send(request("/", "Content-Length: 1000000", method="POST"), b"x" * 100_000)
    assert wire.transport.paused


async def test_the_upload_goes_on_as_it_is_read() -> None:
    wire = Wire(echo)
    head = request("/", "Content-Length: 300000", method="POST")
    written = await wire.send(head, *[b"x" * 100_000] * 3)
    assert not wire.transport.paused
    assert written.endswith(b"x" * 300_000)


async def test_nothing_behind_the_last_request_is_read() -> None:
    """9112 §9.6."""
    wire = Wire(hello)
    written = await wire.send(CLOSE + GET * 3)
    assert written == HELLO.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    assert wire.transport.ended


@pytest.mark.parametrize("sent", [POST, CHUNKED, POST + b"hel", CHUNKED + b"5\r\nhel"])
async def test_an_answer_before_the_body_is_complete_is_the_last(sent: bytes) -> None:
    """S2, S3, 9112 §9.6: what follows may be the body, and is not taken for a request."""
    wire = Wire(hello)
    assert b"connection: close" in await wire.send(sent)
    assert wire.transport.ended
    assert await wire.send(GET) == wire.transport.written
    assert statuses(wire.transport.written) == [200]


@pytest.mark.parametrize("sent", [POST + b"hello", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"])
async def test_a_body_that_is_here_is_consumed_exactly(sent: bytes) -> None:
    wire = Wire(hello)
    assert await wire.send(sent + GET) == HELLO * 2


async def test_a_body_is_asked_for_when_it_is_wanted() -> None:
    """9110 §10.1.1."""
    lines = ("Content-Length: 5", "Expect: 100-continue")
    wire = Wire(echo)
    await wire.send(request("/", *lines, method="POST"))
    assert wire.transport.written == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await wire.send(b"hello")).endswith(HELLO)


async def test_a_body_that_nobody_wants_is_not_asked_for() -> None:
    lines = ("Content-Length: 5", "Expect: 100-continue")
    wire = Wire(hello)
    assert statuses(await wire.send(request("/", *lines, method="POST"))) == [200]
    assert wire.transport.ended


async def test_nobody_is_asked_for_a_body_that_there_is_not() -> None:
    wire = Wire(echo)
    assert statuses(await wire.send(request("/", "Expect: 100-continue"))) == [200]


CHUNKS = {
    "S4-9112-7.1-hex-prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "S4-9112-7.1-plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "S4-9112-7.1-space-before": b" 5\r\nhello\r\n0\r\n\r\n",
    "S4-9112-7.1-space-behind": b"5 \r\nhello\r\n0\r\n\r\n",
    "S4-9112-7.1-seventeen-digits": b"11111111111111111\r\nhello\r\n0\r\n\r\n",
    "S4-9112-7.1-no-size": b"\r\nhello\r\n0\r\n\r\n",
    "S4-9112-7.1-bare-lf": b"5\nhello\n0\n\n",
    "S4-9112-7.1-other-terminator": b"5\r\nhelloXX0\r\n\r\n",
    "S4-9112-7.1-no-terminator": b"5\r\nhello0\r\n\r\n",
    "S4-9112-7.1.1-lf-in-an-extension": b"5;a\nb\r\nhello\r\n0\r\n\r\n",
    "S4-9112-7.1.1-cr-in-an-extension": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "S4-9112-7.1.1-nul-in-an-extension": b"5;a\0b\r\nhello\r\n0\r\n\r\n",
    "D8-9112-7.1.2-trailer-without-name": b"5\r\nhello\r\n0\r\n: a\r\n\r\n",
    "D8-9112-7.1.2-trailer-with-nul": b"5\r\nhello\r\n0\r\na: \0\r\n\r\n",
    "R2-9112-7.1.1-endless-extension": b"5;" + b"a" * 100_000,
    "R2-9112-7.1.1-extensions-without-end": b"1;" + b"a" * 30_000 + b"\r\nx\r\n",
    "R2-9112-7.1.2-many-trailers": b"0\r\n" + b"a: b\r\n" * 101 + b"\r\n",
    "R2-9112-7.1.2-endless-trailer": b"0\r\na: " + b"b" * 70_000,
}


@pytest.mark.parametrize("crumbled", [False, True], ids=["whole", "crumbs"])
@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS)
async def test_chunks_that_are_refused(body: bytes, *, crumbled: bool) -> None:
    """In the answer's place, and nothing that follows is taken for a request."""
    wire = Wire(echo)
    step = 1 if len(body) < 1_000 else 1_000
    sent = CHUNKED + (body * 4 if body.startswith(b"1;") else body)
    pieces = [sent[at : at + step] for at in range(0, len(sent), step)] if crumbled else [sent]
    written = await wire.send(*pieces, GET)
    assert statuses(written)[0] in {400, 431}
    assert len(statuses(written)) == 1
    assert wire.transport.ended


async def test_many_tiny_chunks_are_a_body() -> None:
    """R2: as many calls as chunks, and nothing kept but the body."""
    wire = Wire(echo)
    written = await wire.send(CHUNKED, b"1\r\nx\r\n" * 20_000, b"0\r\n\r\n" + GET)
    assert b"content-length: 20000\r\n" in written
    assert statuses(written) == [200, 200]


async def test_a_chunked_body_above_the_limit() -> None:
    """R3: it is not known beforehand."""
    wire = Wire(echo, max_body=10)
    written = await wire.send(CHUNKED, b"5\r\nhello\r\n", b"6\r\nhello!\r\n")
    assert statuses(written) == [413]
    assert wire.transport.ended


async def test_a_broken_body_of_a_request_that_waits() -> None:
    """Its place in the queue is the refusal's."""
    app = Held()
    wire = Wire(app)
    await wire.send(GET + GET + CHUNKED + b"rubbish\r\n")
    app.go.set()
    await wire.quiet()
    assert statuses(wire.transport.written) == [200, 200, 400]
    assert len(app.scopes) == 2
    assert wire.transport.ended


async def test_a_broken_body_behind_the_beginning_of_its_answer() -> None:
    """9112 §6.3: the answer is visibly cut; there is no room for another."""
    stop = asyncio.Event()

    async def app(_: Scope, __: Receive, send: Send) -> None:
        await send(start())
        await send(part(b"one", more=True))
        await stop.wait()
        await send(part(b"two"))

    wire = Wire(app)
    written = await wire.send(CHUNKED, b"rubbish\r\n")
    assert statuses(written) == [200]
    assert wire.transport.closed
    stop.set()
    await wire.quiet()
    assert wire.transport.written == written


HEADS = {
    "nothing": (b"", []),
    "R1-slow-head": (b"GET / HTTP/1.1\r\nHo", [408]),
    "R1-empty-lines": (b"\r\n", [408]),
    "R1-half-a-second-head": (GET + b"GET / HTTP/1.1\r\nHo", [200, 408]),
}


@pytest.mark.parametrize(("sent", "expected"), HEADS.values(), ids=HEADS)
async def test_a_head_that_never_ends_in_time(sent: bytes, expected: list[int]) -> None:
    wire = Wire(hello, head_timeout="10s")
    if sent:
        await wire.send(sent)
    wire.tick(10.9)
    await wire.quiet()
    early = statuses(wire.transport.written)
    assert 408 not in early
    assert not wire.transport.closed
    wire.tick(0.2)
    await wire.quiet()
    assert statuses(wire.transport.written) == expected
    assert wire.over


async def test_dripping_does_not_help() -> None:
    """R1: the time counts from the head's first byte."""
    wire = Wire(hello, head_timeout="10s")
    for byte in GET[:-2]:
        await wire.send(bytes([byte]))
        wire.tick(1.0)
    await wire.quiet()
    assert statuses(wire.transport.written) == [408]


async def test_a_connection_is_kept_for_a_while() -> None:
    wire = Wire(hello, idle_timeout="60s")
    await wire.send(GET)
    wire.tick(60.5)
    assert not wire.transport.closed
    wire.tick(1)
    assert wire.transport.closed


async def test_an_answer_that_takes_long_is_nobodys_fault() -> None:
    """A long poll: no deadline of the client's runs while it waits."""
    app = Held()
    wire = Wire(app)
    await wire.send(GET)
    for _ in range(20):
        wire.tick(100)
    app.go.set()
    await wire.quiet()
    assert wire.transport.written == HELLO
    assert not wire.transport.closed


async def test_a_body_that_comes_too_slowly() -> None:
    """R1: 256 bytes a second for 20 seconds are 5,120 bytes."""
    wire = Wire(echo)
    await wire.send(request("/", "Content-Length: 100000", method="POST"))
    wire.tick(0)
    for _ in range(5):
        await wire.send(b"x" * 5_200)
        wire.tick(21)
    assert wire.transport.written == b""
    await wire.send(b"x" * 5_000)
    wire.tick(21)
    await wire.quiet()
    assert statuses(wire.transport.written) == [408]
    assert wire.transport.ended


async def test_a_body_that_nobody_waits_for_may_take_its_time() -> None:
    wire = Wire(Held())
    await wire.send(POST + b"x")
    for _ in range(10):
        wire.tick(100)
    assert not wire.transport.closed


async def test_an_answer_that_is_taken_too_slowly() -> None:
    """R1: what was written and has not left is the client's doing."""
    wire = Wire(hello)
    await wire.send(GET)
    for left in (40, 35):
        wire.transport.unsent = left
        wire.tick(0)
    wire.tick(31)
    assert wire.transport.aborted


async def test_a_reader_that_is_fast_enough() -> None:
    wire = Wire(hello, min_rate="1B", idle_timeout="1h")
    await wire.send(GET)
    for left in (40, 5, 0):
        wire.transport.unsent = left
        wire.tick(31)
    assert not wire.transport.closed


async def test_what_a_refused_client_still_sends_is_dropped_for_a_while() -> None:
    """9112 §9.6: a reset may overtake the refusal."""
    wire = Wire(hello, linger="2s")
    written = await wire.send(b"rubbish\r\n\r\n", GET, b"\0" * 100_000)
    assert statuses(written) == [400]
    assert (wire.transport.ended, wire.transport.closed) == (True, False)
    wire.transport.unsent = 10
    wire.tick(100)
    assert not wire.transport.closed
    wire.transport.unsent = 0
    wire.tick(1)
    assert not wire.transport.closed
    wire.tick(2.1)
    assert wire.transport.aborted


async def test_a_server_that_does_not_linger() -> None:
    wire = Wire(hello, linger=0)
    await wire.send(b"rubbish\r\n\r\n")
    assert wire.transport.closed


async def test_a_client_that_leaves_is_noticed() -> None:
    told = []

    async def app(_: Scope, receive: Receive, __: Send) -> None:
        told.append((await receive())["type"])
        told.append((await receive())["type"])

    wire = Wire(app)
    await wire.send(GET)
    wire.lose()
    await wire.quiet()
    assert told == ["http.request", "http.disconnect"]
    assert len(wire.doorway) == 0
    assert not wire.state.connections


async def test_a_tick_behind_the_end_is_nothing() -> None:
    wire = Wire(hello)
    watches = list(wire.doorway._present)  # noqa: SLF001 - the clock's own hand
    wire.lose()
    for watch in watches:
        watch.tick(1e9)


SHUT = {
    "nothing": (b"", True),
    "idle": (GET, True),
    "half-a-head": (GET + b"GET / HTTP", False),
}


@pytest.mark.parametrize(("sent", "closed"), SHUT.values(), ids=SHUT)
async def test_what_is_under_way_is_finished_at_the_end(sent: bytes, *, closed: bool) -> None:
    """9112 §9.6: the last answer says so."""
    wire = Wire(hello)
    if sent:
        await wire.send(sent)
    wire.protocol.shutdown()
    assert wire.transport.closed is closed
    if not closed:
        written = await wire.send(b"/1.1\r\nHost: a\r\n\r\n")
        assert written.count(b"connection: close") == 1
        assert wire.transport.closed


async def test_at_the_end_only_who_still_sends_is_lingered_for() -> None:
    """9112 §9.6: what is behind the last request would reset the connection."""
    app = Held()
    wire = Wire(app)
    await wire.send(GET)
    wire.protocol.shutdown()
    await wire.send(GET)
    app.go.set()
    await wire.quiet()
    assert statuses(wire.transport.written) == [200]
    assert wire.transport.ended
    assert not wire.transport.closed


async def test_the_last_of_those_that_wait_ends_the_connection() -> None:
    app = Held()
    wire = Wire(app)
    await wire.send(GET * 3)
    wire.protocol.shutdown()
    app.go.set()
    await wire.quiet()
    written = wire.transport.written
    assert statuses(written) == [200] * 3
    assert written.rindex(b"connection: close") > written.rindex(b"HTTP/1.1")
    assert written.count(b"connection: close") == 1


async def test_a_fault_of_our_own_is_not_blamed_on_the_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop logs it and ends the connection; a 400 would hide it."""
    wire = Wire(hello)
    monkeypatch.setattr(wire.protocol, "recalled", lambda _: 1 / 0)
    with pytest.raises(httptools.HttpParserCallbackError):
        wire.protocol.data_received(request("/"))
    assert wire.transport.written == b""
