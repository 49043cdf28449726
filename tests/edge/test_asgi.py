"""The data plane under servers that know nothing of our protocol, and inside other applications."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from proxy.app import DataPlane, Service
from proxy.edge.requests import Message, Scope
from proxy.settings import load
from tests.plays.scripted import End, ScriptedUpstream, fresh, ok, response


class Exchange:
    """One request as an ASGI server carries it: messages in, messages out."""

    def __init__(self, scope: Scope, *messages: Message, leaves_after: int | None = None) -> None:
        self.scope = scope
        self.sent: list[Message] = []
        self._messages = list(messages)
        self._leaves_after = leaves_after
        self.left = asyncio.Event()

    async def receive(self) -> Message:
        if self._messages:
            return self._messages.pop(0)
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        if len(self.sent) == self._leaves_after:
            self.left.set()
            await asyncio.sleep(0)

    @property
    def status(self) -> int:
        status: int = self.sent[0]["status"]
        return status

    @property
    def lines(self) -> dict[bytes, bytes]:
        return dict(self.sent[0]["headers"])

    @property
    def body(self) -> bytes:
        return b"".join(message["body"] for message in self.sent[1:])

    @property
    def complete(self) -> bool:
        return bool(self.sent) and not self.sent[-1].get("more_body", False)


def scope(method: str = "GET", *lines: tuple[bytes, bytes], **changes: object) -> Scope:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": "/thing",
        "query_string": b"a=1",
        "headers": [(b"host", b"api.test"), *lines],
        **changes,
    }


REQUEST_END: Message = {"type": "http.request", "body": b"", "more_body": False}


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
async def service(upstream: ScriptedUpstream) -> AsyncIterator[Service]:
    running = Service(load(None, {"upstream": upstream.url}, {}), "test")
    yield running
    await running.aclose()


async def asked(service: Service, exchange: Exchange) -> Exchange:
    await asyncio.wait_for(service.data(exchange.scope, exchange.receive, exchange.send), 10)
    return exchange


async def test_a_scope_without_our_protocol_is_enough(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh(b"hello", "X-A: 1"))
    first = await asked(service, Exchange(scope(), REQUEST_END))
    second = await asked(service, Exchange(scope(), REQUEST_END))
    assert (first.status, first.body, first.complete) == (200, b"hello", True)
    assert (second.status, second.body, second.complete) == (200, b"hello", True)
    assert b"; hit; " in second.lines[b"cache-status"]
    assert upstream.heard[0].target == b"/thing?a=1"
    assert upstream.heard[0].first("x-forwarded-for") is None


async def test_names_leave_in_lower_case(service: Service, upstream: ScriptedUpstream) -> None:
    """As the ASGI specification asks."""
    upstream.reply(ok(b"hello", "X-Odd-CASE: 1"))
    exchange = await asked(service, Exchange(scope(), REQUEST_END))
    assert exchange.lines[b"x-odd-case"] == b"1"
    assert all(name == name.lower() for name in exchange.lines)


async def test_a_head_has_no_body(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply(response("200 OK", "Content-Length: 5"))
    exchange = await asked(service, Exchange(scope("HEAD"), REQUEST_END))
    assert (exchange.lines[b"content-length"], exchange.body, exchange.complete) == (
        *(b"5", b"", True),
    )


async def test_a_204_has_no_length(service: Service, upstream: ScriptedUpstream) -> None:
    """9110 §8.6."""
    upstream.reply(response("204 No Content", "Content-Length: 0"))
    exchange = await asked(service, Exchange(scope(), REQUEST_END))
    assert (exchange.status, b"content-length" in exchange.lines) == (204, False)


async def test_a_body_goes_up(service: Service, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok(b"thanks"))
    parts = [{"type": "http.request", "body": b, "more_body": True} for b in (b"some ", b"body")]
    lines = ((b"content-length", b"9"),)
    exchange = await asked(service, Exchange(scope("POST", *lines), *parts, REQUEST_END))
    assert (exchange.body, upstream.heard[0].body) == (b"thanks", b"some body")
    assert b"connection" not in exchange.lines


async def test_a_refusal_ends_the_connection(service: Service) -> None:
    exchange = await asked(service, Exchange(scope("GET", (b"host", b"evil.test")), REQUEST_END))
    assert (exchange.status, exchange.lines[b"connection"]) == (400, b"close")
    assert service.stats.requests == {("-", "error"): 1}


async def test_an_answer_before_the_body_was_read_ends_the_connection(
    service: Service, upstream: ScriptedUpstream
) -> None:
    """9112 §9.6: what is left of the request must not be taken for the next one."""
    upstream.reply(response("413 Content Too Large", "Content-Length: 0"), End.CLOSE, early=True)
    lines = ((b"content-length", b"4"), (b"cache-control", b"only-if-cached"))
    exchange = await asked(service, Exchange(scope("GET", *lines)))
    assert (exchange.status, exchange.lines[b"connection"]) == (504, b"close")


async def test_an_upload_that_the_upstream_cut_short_ends_the_connection(
    service: Service, upstream: ScriptedUpstream
) -> None:
    """The upstream answers and hangs up; the client's rest is on its way to nobody."""
    said = response("413 Content Too Large", "Content-Length: 0", "Connection: close")
    upstream.reply(said, End.CLOSE, early=True)
    piece: Message = {"type": "http.request", "body": b"x" * 10_000, "more_body": True}
    exchange = Exchange(scope("POST", (b"transfer-encoding", b"chunked")), *[piece] * 10_000)
    await asked(service, exchange)
    assert (exchange.status, exchange.lines[b"connection"]) in {(413, b"close"), (502, b"close")}


async def test_a_client_that_leaves_before_the_answer(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply(asyncio.Event())
    exchange = Exchange(scope(), REQUEST_END)
    asking = asyncio.ensure_future(asked(service, exchange))
    heard = await upstream.arrival()
    exchange.left.set()
    await asking
    await asyncio.wait_for(heard.gone.wait(), 10)
    assert (exchange.sent, service.stats.in_flight) == ([], 0)


async def test_a_client_that_leaves_while_it_uploads(
    service: Service, upstream: ScriptedUpstream
) -> None:
    lines = ((b"transfer-encoding", b"chunked"),)
    half: Message = {"type": "http.request", "body": b"half", "more_body": True}
    exchange = Exchange(scope("POST", *lines), half, {"type": "http.disconnect"})
    await asked(service, exchange)
    assert exchange.sent == []
    assert not upstream.heard[0].complete.is_set()


async def test_a_client_that_leaves_in_the_middle(
    service: Service, upstream: ScriptedUpstream
) -> None:
    head = response("200 OK", "Content-Length: 10", "Cache-Control: no-store")
    upstream.reply(head, b"first", asyncio.Event())
    exchange = await asked(service, Exchange(scope(), REQUEST_END, leaves_after=2))
    assert (exchange.body, exchange.complete) == (b"first", False)
    await asyncio.wait_for(upstream.heard[0].gone.wait(), 10)
    assert service.stats.body_bytes["miss"] == 5


async def test_a_client_that_leaves_in_the_middle_of_an_early_answer(
    service: Service, upstream: ScriptedUpstream
) -> None:
    head = response("200 OK", "Content-Length: 10")
    upstream.reply(head, b"first", asyncio.Event(), early=True)
    half: Message = {"type": "http.request", "body": b"half", "more_body": True}
    lines = ((b"transfer-encoding", b"chunked"),)
    await asked(service, Exchange(scope("POST", *lines), half, leaves_after=2))
    await asyncio.wait_for(upstream.heard[0].gone.wait(), 10)


async def test_a_body_that_breaks_off_is_left_without_an_end(
    service: Service, upstream: ScriptedUpstream
) -> None:
    """A server that sees no end cuts the connection, which is what the client must see."""
    head = response("200 OK", "Content-Length: 10", "Cache-Control: max-age=60")
    upstream.reply(head, b"first", End.CLOSE)
    exchange = await asked(service, Exchange(scope(), REQUEST_END))
    assert (exchange.body, exchange.complete) == (b"first", False)
    assert service.stats.requests == {("default", "error"): 1}
    assert service.stats.reasons == {"upstream-broken": 1}
    assert service.stats.storing == {"incomplete": 1}


async def test_a_server_that_stops_takes_its_requests_along(
    service: Service, upstream: ScriptedUpstream
) -> None:
    upstream.reply(asyncio.Event())
    asking = asyncio.ensure_future(asked(service, Exchange(scope(), REQUEST_END)))
    heard = await upstream.arrival()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await asyncio.wait_for(heard.gone.wait(), 10)
    assert service.stats.in_flight == 0


async def test_a_websocket_is_refused(service: Service) -> None:
    exchange = Exchange({"type": "websocket", "path": "/"}, {"type": "websocket.connect"})
    await asked(service, exchange)
    assert exchange.sent == [{"type": "websocket.close", "code": 1003}]


async def test_what_is_not_known_is_left_alone(service: Service) -> None:
    exchange = await asked(service, Exchange({"type": "webtransport"}))
    assert exchange.sent == []


async def test_mounted_in_another_application(service: Service, upstream: ScriptedUpstream) -> None:
    """What follows the mount point goes upstream, byte for byte."""
    upstream.reply(fresh())
    app = Starlette(routes=[Mount("/api", DataPlane(service))])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        answers = [await client.get("/api/a%2Fb?c=%20") for _ in range(2)]
    assert [answer.text for answer in answers] == ["hello", "hello"]
    assert [heard.target for heard in upstream.heard] == [b"/a%2Fb?c=%20"]
