"""Interim responses and tunnels: the data plane before a scripted upstream, without sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.edge.access import AccessLog, Logged
from proxy.edge.asgi import Door
from proxy.edge.journeys import Journeys
from proxy.engine.ports import Inbound, Outbound, Switched
from proxy.engine.tunnelling import Tunnelling
from proxy.errors import ClientGone, UpstreamBroken, UpstreamUnreachable
from proxy.http.message import Fields, Head
from tests.edge.wire import Wire
from tests.engine.scripted import Play, Reply, ScriptedInbound, ScriptedUpstream, fields, reply
from tests.plays.rawclient import request

HINTS = Head(103, fields("Link: </a>; rel=preload", "Link: </b>", "X-A: 1", "Keep-Alive: 5"))


class Talkative(ScriptedUpstream):
    """An upstream that tells of interim responses before its answer."""

    def __init__(self, *interim: Head) -> None:
        super().__init__()
        self.interim = interim
        self.last: Outbound | None = None

    async def send(self, outbound: Outbound) -> ScriptedInbound:
        self.last = outbound
        if outbound.informed is not None:
            for head in self.interim:
                outbound.informed(head)
        return await super().send(outbound)


class End:
    """The upstream's end of a tunnel: says what it is given, keeps what it hears."""

    def __init__(self, *said: bytes) -> None:
        self.heard = b""
        self.ended = self.closed = self.failing = False
        self.go = asyncio.Event()
        self.go.set()
        self._said: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.say(*said)

    def say(self, *pieces: bytes | None) -> None:
        for piece in pieces:
            self._said.put_nowait(piece)

    async def read(self) -> bytes:
        piece = await self._said.get()
        if piece is None:
            raise UpstreamBroken("reset")
        return piece

    async def write(self, data: bytes) -> None:
        await self.go.wait()
        self.heard += data

    async def end(self) -> None:
        self.ended = True

    async def aclose(self) -> None:
        self.closed = True


class Switchboard:
    """An upstream that can be asked for other protocols."""

    def __init__(self) -> None:
        self.asked: list[Outbound] = []
        self.answer: Switched | Inbound | Exception = Switched(AGREED, End())
        self.waits: asyncio.Event | None = None

    async def open(self, outbound: Outbound) -> Switched | Inbound:
        self.asked.append(outbound)
        if self.waits is not None:
            await self.waits.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


AGREED = Head(
    101,
    fields("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Accept: abc", "X-A: 1"),
)
ASK = ("Connection: keep-alive, Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: xyz")
OPENED = (
    b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-accept: abc\r\nx-a: 1\r\n\r\n"
)


class Stage:
    """A data plane that every test talks to over one connection."""

    def __init__(self, *interim: Head) -> None:
        self.upstream = Talkative(*interim)
        self.play = Play(upstream=self.upstream)
        self.board = Switchboard()
        self.lines: list[bytes] = []
        access = AccessLog(self.lines.append, Logged.ALL)
        tunnelling = Tunnelling(self.board, self.play.clock)
        self.door = Door(
            self.play.corridor,
            self.play.stats,
            access,
            Journeys(lambda _: False),
            tunnelling=tunnelling,
        )
        self.under({"cache": "off"})

    def under(self, *rules: dict[str, Any]) -> None:
        self.play.under(*rules)

    def wire(self, **edge: object) -> Wire:
        return Wire(self.door, None, **edge)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    stage = Stage(HINTS)
    yield stage
    await stage.play.end()
    assert stage.play.stats.in_flight == 0


async def test_early_hints_come_with_all_their_fields(stage: Stage) -> None:
    """9110 §15.2: before the answer, without what is between two hops."""
    stage.play.script(reply(200))
    written = await stage.wire().send(request("/thing"))
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\nlink: </b>\r\nx-a: 1\r\n\r\n"
    assert written.startswith(hints + b"HTTP/1.1 200 OK\r\n")


async def test_an_http_1_0_client_gets_none(stage: Stage) -> None:
    """9110 §15.2."""
    stage.play.script(reply(200))
    written = await stage.wire().send(b"GET /thing HTTP/1.0\r\nHost: a\r\n\r\n")
    assert written.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_they_are_for_the_one_who_asked(stage: Stage) -> None:
    """D7: nor the follower, nor whoever is answered from the store, ever sees them."""
    stage.under({})
    hold = asyncio.Event()
    stage.play.script(reply(200, "Cache-Control: max-age=60", waits=hold))
    wires = [stage.wire() for _ in range(2)]
    for wire in wires:
        await wire.send(request("/thing"))
    hold.set()
    written = [await wire.send() for wire in wires]
    assert sorted(b" 103 " in text for text in written) == [False, True]
    assert b" 103 " not in await stage.wire().send(request("/thing"))
    assert stage.play.asked == 1
    assert b"link" not in b"".join(name for name, _ in stage.play.stored().fields).lower()


async def test_they_never_come_behind_the_answer(stage: Stage) -> None:
    """Nor into the answer to the next request on the connection."""
    stage.play.script(reply(200), reply(200))
    wire = stage.wire()
    await wire.send(request("/thing"))
    assert stage.upstream.last is not None
    informed = stage.upstream.last.informed
    assert informed is not None
    stage.upstream.interim = ()
    await wire.send(request("/thing"))
    informed(HINTS)
    assert wire.transport.written.count(b" 103 ") == 1


@pytest.mark.parametrize(
    "head",
    [
        *(Head(100), Head(101, AGREED.fields), Head(200), Head(99)),
        Head(103, Fields([(b"a", b"b\r\nSet-Cookie: c=d")])),
        Head(103, Fields([(b"a b", b"c")])),
    ],
)
async def test_what_is_no_interim_response_is_dropped(stage: Stage, head: Head) -> None:
    """100 answers an Expect of this hop; what cannot be sent is no reason to fail."""
    stage.upstream.interim = (head,)
    stage.play.script(reply(200))
    assert (await stage.wire().send(request("/thing"))).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_client_that_does_not_read_gets_none(stage: Stage) -> None:
    """R3: they would only pile up."""
    stage.upstream.interim = ()
    hold = asyncio.Event()
    stage.play.script(reply(200, waits=hold))
    wire = stage.wire()
    await wire.send(request("/thing"))
    wire.protocol.pause_writing()
    assert stage.upstream.last is not None
    informed = stage.upstream.last.informed
    assert informed is not None
    for _ in range(1_000):
        informed(HINTS)
    wire.protocol.resume_writing()
    hold.set()
    assert (await wire.send()).startswith(b"HTTP/1.1 200 OK\r\n")


async def test_a_tunnel_carries_bytes_both_ways(stage: Stage) -> None:
    """9110 §7.8: the upstream's 101, then whatever it is."""
    end = End(b"welcome")
    stage.board.answer = Switched(AGREED, end)
    wire = stage.wire()
    assert await wire.send(request("/chat?a", *ASK)) == OPENED + b"welcome"
    end.say(b"\x81\x02hi", b"\0" * 10)
    await wire.send(b"\x81\x80abcd", b"GET / HTTP/1.1\r\n\r\n")
    assert wire.transport.written == OPENED + b"welcome\x81\x02hi" + b"\0" * 10
    assert end.heard == b"\x81\x80abcdGET / HTTP/1.1\r\n\r\n"
    end.say(b"")
    await wire.quiet()
    assert (wire.transport.ended, end.closed) == (True, False)
    wire.protocol.eof_received()
    await wire.quiet()
    assert (end.ended, end.closed, wire.transport.closed) == (True, True, True)
    assert stage.play.stats.reasons == {"tunnel": 1}
    assert stage.play.stats.body_bytes == {"bypass": 21}
    assert b'"status":101' in stage.lines[0]


async def test_what_the_upstream_hears_of_an_upgrade(stage: Stage) -> None:
    stage.under({"cache": "off", "forward": ["x-a"], "key": {"cookies": []}})
    wire = stage.wire()
    await wire.send(request("/chat", *ASK, "X-A: 1", "X-B: 2", "Cookie: a=b"))
    wire.lose()
    await wire.quiet()
    asked = stage.board.asked[0].request
    assert asked.target == b"/chat"
    assert asked.fields.all(b"upgrade") == (b"websocket",)
    assert asked.fields.all(b"connection") == (b"Upgrade",)
    assert asked.fields.first(b"sec-websocket-key") == b"xyz"
    assert (asked.fields.first(b"x-b"), asked.fields.first(b"cookie")) == (None, None)


async def test_an_upstream_that_declines(stage: Stage) -> None:
    """Its answer is the client's, the connection ends, and what was sent behind is dropped."""
    inbound = ScriptedInbound(reply(403, "X-A: 1", body=b"no chat"))
    stage.board.answer = inbound
    wire = stage.wire()
    written = await wire.send(request("/chat", *ASK), b"\x81\x80abcd", request("/marker"))
    assert written.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert written.endswith(b"no chat")
    assert b"connection: close\r\n" in written
    assert wire.transport.ended
    assert inbound.over


BROKEN: dict[str, tuple[Switched | Exception, bytes]] = {
    "unreachable": (UpstreamUnreachable("no"), b"502"),
    "another-protocol": (Switched(Head(101, fields("Upgrade: h2c")), End()), b"502"),
    "no-protocol": (Switched(Head(101), End()), b"502"),
    "S13-injection": (
        Switched(Head(101, AGREED.fields.plus((b"a", b"b\r\nc: d"))), End()),
        b"502",
    ),
}


@pytest.mark.parametrize(("answer", "status"), BROKEN.values(), ids=BROKEN)
async def test_an_upstream_that_fails(
    stage: Stage, answer: Switched | Exception, status: bytes
) -> None:
    stage.board.answer = answer
    wire = stage.wire()
    written = await wire.send(request("/chat", *ASK), request("/marker"))
    assert written.startswith(b"HTTP/1.1 " + status)
    assert written.count(b"HTTP/1.1") == 1
    if isinstance(answer, Switched):
        assert isinstance(answer.tunnel, End)
        assert answer.tunnel.closed


async def test_early_bytes_belong_to_the_tunnel(stage: Stage) -> None:
    """They wait for the 101, in order, and not without bound."""
    stage.board.waits = asyncio.Event()
    end = End()
    stage.board.answer = Switched(AGREED, end)
    wire = stage.wire()
    await wire.send(request("/chat", *ASK) + b"early ", b"bird", b"x" * 70_000)
    assert (wire.transport.written, wire.transport.paused) == (b"", True)
    stage.board.waits.set()
    await wire.quiet()
    assert not wire.transport.paused
    assert end.heard == b"early bird" + b"x" * 70_000
    wire.lose()
    await wire.quiet()
    assert end.closed


async def test_the_client_waits_while_the_upstream_is_slow(stage: Stage) -> None:
    end = End()
    end.go.clear()
    stage.board.answer = Switched(AGREED, end)
    wire = stage.wire()
    await wire.send(request("/chat", *ASK))
    await wire.send(b"a", b"x" * 70_000)
    assert wire.transport.paused
    end.go.set()
    await wire.quiet()
    assert not wire.transport.paused
    assert len(end.heard) == 70_001
    wire.lose()
    await wire.quiet()


async def test_the_upstream_waits_while_the_client_is_slow(stage: Stage) -> None:
    end = End()
    stage.board.answer = Switched(AGREED, end)
    wire = stage.wire()
    await wire.send(request("/chat", *ASK))
    wire.protocol.pause_writing()
    end.say(b"one", b"two")
    await wire.quiet()
    assert wire.transport.written == OPENED + b"one"
    wire.protocol.resume_writing()
    await wire.quiet()
    assert wire.transport.written == OPENED + b"onetwo"
    wire.lose()
    await wire.quiet()


LOST = {"the-client": True, "the-upstream": False}


@pytest.mark.parametrize("client", LOST.values(), ids=LOST)
async def test_one_side_that_is_lost_takes_the_other_along(stage: Stage, *, client: bool) -> None:
    end = End()
    stage.board.answer = Switched(AGREED, end)
    wire = stage.wire()
    await wire.send(request("/chat", *ASK))
    if client:
        wire.lose()
    else:
        end.say(None)
    await wire.quiet()
    assert end.closed
    assert wire.transport.closed


async def test_a_tunnel_in_which_nothing_moves(stage: Stage) -> None:
    """Bytes in either direction keep it."""
    end = End()
    stage.board.answer = Switched(AGREED, end)
    wire = stage.wire(tunnel_timeout="5m")
    await wire.send(request("/chat", *ASK))
    wire.tick(290)
    await wire.send(b"ping")
    wire.tick(290)
    end.say(b"pong")
    await wire.quiet()
    wire.tick(290)
    assert not wire.transport.closed
    wire.tick(20)
    assert wire.transport.aborted
    wire.lose()
    await wire.quiet()
    assert end.closed


async def test_a_client_that_leaves_before_the_101(stage: Stage) -> None:
    stage.board.waits = asyncio.Event()
    wire = stage.wire()
    await wire.send(request("/chat", *ASK))
    wire.lose()
    await wire.quiet()
    assert wire.transport.written == b""


async def test_a_client_that_left_in_the_same_moment(stage: Stage) -> None:
    stage.board.waits = asyncio.Event()
    wire = stage.wire()
    await wire.send(request("/chat", *ASK))
    wire.lose()
    with pytest.raises(ClientGone):
        wire.protocol.open_tunnel(b"websocket", [])


REFUSED = {
    "S8-rule-says-no": ({"cache": "off", "upgrade": "refuse"}, ASK),
    "S8-cacheable": ({}, ASK),
    "S8-h2c": (
        {"upgrade": "tunnel"},
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AA"),
    ),
    "S8-tls": ({"upgrade": "tunnel"}, ("Connection: Upgrade", "Upgrade: TLS/1.0")),
    "S8-http-2.0": ({"upgrade": "tunnel"}, ("Connection: Upgrade", "Upgrade: HTTP/2.0")),
    "S8-two-protocols": ({"upgrade": "tunnel"}, ("Connection: Upgrade", "Upgrade: a, b")),
    "S8-two-fields": ({"upgrade": "tunnel"}, ("Connection: Upgrade", "Upgrade: a", "Upgrade: b")),
    "S8-not-in-connection": ({"upgrade": "tunnel"}, ("Upgrade: websocket",)),
}


@pytest.mark.parametrize(("rule", "lines"), REFUSED.values(), ids=REFUSED)
async def test_an_upgrade_that_is_not_heeded(
    stage: Stage, rule: dict[str, Any], lines: tuple[str, ...]
) -> None:
    """9110 §7.8: it is answered as the plain request that it also is; then the connection ends."""
    stage.under(rule)
    stage.upstream.interim = ()
    stage.play.script(reply(200, "Cache-Control: no-store"))
    wire = stage.wire()
    written = await wire.send(request("/chat", *lines), b"\x81\x80abcd", request("/marker"))
    assert written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert written.count(b"HTTP/1.1") == 1
    assert wire.transport.ended
    sent = stage.upstream.sent[0].fields
    assert {b"upgrade", b"connection", b"http2-settings"}.isdisjoint(sent.names())
    assert not stage.board.asked


async def test_an_upgrade_is_ignored_in_http_1_0(stage: Stage) -> None:
    """9110 §7.8."""
    stage.upstream.interim = ()
    stage.play.script(reply(200))
    sent = b"GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"
    assert (await stage.wire().send(sent)).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("crumbled", [False, True])
@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("Content-Length: 4", b"body"),
        ("Transfer-Encoding: chunked", b"4\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n"),
    ],
)
async def test_the_body_of_a_request_for_h2c_is_kept(
    stage: Stage, line: str, body: bytes, *, crumbled: bool
) -> None:
    """Common clients ask for h2c with every first request; the parser would lose the body."""
    stage.upstream.interim = ()
    stage.play.script(reply(200))
    head = request("/", "Connection: Upgrade", "Upgrade: h2c", line, method="POST")
    sent = head + body + request("/marker")
    pieces = [sent[at : at + 1] for at in range(len(sent))] if crumbled else [sent]
    wire = stage.wire()
    written = await wire.send(*pieces)
    assert written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert written.count(b"HTTP/1.1") == 1
    assert stage.upstream.uploads == [b"body"]
    assert wire.transport.ended


UNSENDABLE: dict[str, Reply] = {
    "S12-status": reply(600),
    "S13-9110-5.5-injection": Reply(Head(200, Fields([(b"a", b"b\r\nSet-Cookie: c=d")]))),
    "S12-9110-5.1-name": Reply(Head(200, Fields([(b"", b"b")]))),
    "S12-9110-8.6-two-lengths": reply(200, "Content-Length: 5", "Content-Length: 6"),
}


@pytest.mark.parametrize("said", UNSENDABLE.values(), ids=UNSENDABLE)
async def test_an_answer_that_cannot_be_sent_is_ours_to_answer_for(
    stage: Stage, said: Reply
) -> None:
    """502, whole and accounted for, with nothing of the other one before it."""
    stage.upstream.interim = ()
    stage.play.script(said)
    wire = stage.wire()
    written = await wire.send(request("/thing"))
    assert written.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert b"set-cookie" not in written.lower()
    assert written.count(b"HTTP/1.1") == 1
    assert b"; detail=upstream-broken" in written
    assert stage.play.stats.requests == {("rule-0", "error"): 1}
    stage.play.script(reply(200))
    assert b"HTTP/1.1 200 OK" in await wire.send(request("/thing"))
