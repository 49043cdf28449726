"""Traces over real sockets: which spans a request leaves, and what the upstream is told of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from proxy.http.trace_context import TraceParent, parse
from proxy.settings import Settings
from proxy.trace.recorder import Recorder
from proxy.trace.sampling import Sampler
from tests.plays.house import House, house
from tests.plays.rawclient import Cut, request
from tests.plays.scripted import End, Heard, ScriptedUpstream, fresh, ok, response

CALLER: Final = TraceParent(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xF067AA0BA902B7, sampled=True)
SAMPLED: Final = f"traceparent: {CALLER.render().decode()}"
UNSAMPLED: Final = SAMPLED[:-1] + "0"


async def nothing() -> None:
    """Have nothing to give away."""


@dataclass
class Book:
    """The spans that have ended, in order."""

    kept: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    draws: int = 0

    def draw(self) -> float:
        self.draws += 1
        return self.draws % 2 / 2

    def recorder(self, settings: Settings, _: object) -> Recorder:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.kept))
        assert settings.traces is not None
        options = settings.traces
        sampler = Sampler(options.ratio, options.max_rate, draw=self.draw)
        return Recorder(provider, sampler, settings.upstream.url[0], nothing)

    def spans(self, kind: SpanKind) -> list[ReadableSpan]:
        return [span for span in self.kept.get_finished_spans() if span.kind is kind]

    @property
    def requests(self) -> list[ReadableSpan]:
        return self.spans(SpanKind.SERVER)

    @property
    def legs(self) -> list[ReadableSpan]:
        return self.spans(SpanKind.CLIENT)


@pytest.fixture
def book(monkeypatch: pytest.MonkeyPatch) -> Book:
    book = Book()
    monkeypatch.setattr("proxy.traces.tracer", book.recorder)
    return book


@asynccontextmanager
async def traced(
    upstream: ScriptedUpstream, *, ratio: float = 1, **changes: object
) -> AsyncIterator[House]:
    async with house(upstream.url, traces={"ratio": ratio}, **changes) as proxy:
        yield proxy


@pytest.fixture
async def proxy(book: Book, upstream: ScriptedUpstream) -> AsyncIterator[House]:
    assert not book.requests
    async with traced(upstream) as place:
        yield place


def told(heard: Heard) -> TraceParent:
    """Return the one traceparent that the upstream was told, or fail."""
    place = parse(tuple(heard.all("traceparent")))
    assert place is not None
    return place


def context(span: ReadableSpan) -> SpanContext:
    found: SpanContext | None = span.context
    assert found is not None
    return found


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def below(span: ReadableSpan) -> int | None:
    return None if span.parent is None else span.parent.span_id


async def test_a_miss_is_two_spans_and_the_upstream_is_told_of_the_second(
    book: Book, proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh())
    await proxy.ask("/thing?token=secret", "Authorization: Bearer secret", "Cookie: secret=1")
    await proxy.quiet()
    [whole], [leg] = book.requests, book.legs
    assert attributes(whole) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/thing",
        "server.address": "api.test",
        "server.port": 80,
        "network.protocol.version": "1.1",
        "network.peer.address": "127.0.0.1",
        "http.response.status_code": 200,
        "sidecache.rule": "default",
        "sidecache.outcome": "miss",
        "sidecache.reason": "uri-miss",
        "sidecache.storing": "credentials",
    }
    assert attributes(leg) == {
        "http.request.method": "GET",
        "url.full": f"{upstream.url}/thing",
        "server.address": "127.0.0.1",
        "server.port": upstream.port,
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
    }
    assert (whole.name, leg.name) == ("GET", "GET")
    assert whole.parent is None
    assert below(leg) == context(whole).span_id
    place = told(upstream.heard[0])
    assert place == TraceParent(context(whole).trace_id, context(leg).span_id, sampled=True)
    assert "secret" not in whole.to_json() + leg.to_json()
    assert {whole.status.status_code, leg.status.status_code} == {StatusCode.UNSET}


async def test_a_hit_is_one_span(book: Book, proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh())
    await proxy.ask("/thing")
    await proxy.ask("/thing")
    await proxy.quiet()
    hit = attributes(book.requests[1])
    assert (hit["sidecache.outcome"], hit["sidecache.reason"]) == ("hit", "fresh")
    assert len(book.legs) == 1


async def test_every_hit_is_one_however_often_it_is_asked_for(
    book: Book, proxy: House, upstream: ScriptedUpstream
) -> None:
    """An answer that is known by heart leaves before there is a span; not here."""
    upstream.reply(fresh())
    async with proxy.connect() as client:
        for _ in range(8):
            await client.ask(request("/thing"))
    await proxy.quiet()
    outcomes = [attributes(span)["sidecache.outcome"] for span in book.requests]
    assert outcomes == ["miss", *["hit"] * 7]
    assert book.draws == 8


async def test_chance_has_one_say_in_a_request(book: Book, upstream: ScriptedUpstream) -> None:
    """Whichever door answers: every other draw is for a span here, and so is every other span."""
    upstream.reply(fresh())
    async with traced(upstream, ratio=0.5) as proxy, proxy.connect() as client:
        for _ in range(21):
            await client.ask(request("/thing"))
        await proxy.quiet()
    assert (book.draws, len(book.requests)) == (21, 10)


@pytest.mark.parametrize("line", [SAMPLED, f"{SAMPLED} ", SAMPLED.replace(": ", ":\t")])
async def test_a_caller_is_followed_by_what_is_known_by_heart(
    book: Book, upstream: ScriptedUpstream, line: str
) -> None:
    upstream.reply(fresh())
    async with traced(upstream, ratio=0) as proxy, proxy.connect() as client:
        for lines in ([], [], [], [line], [line], [line], [UNSAMPLED], [UNSAMPLED], []):
            await client.ask(request("/thing", *lines))
        await proxy.quiet()
    assert [context(span).trace_id for span in book.requests] == [CALLER.trace] * 3


async def test_a_caller_that_does_not_record_is_known_by_heart_as_such(
    book: Book, proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh())
    async with proxy.connect() as client:
        for _ in range(6):
            await client.ask(request("/thing", UNSAMPLED))
    await proxy.quiet()
    assert (book.requests, book.draws) == ([], 0)


async def test_pipelined_requests_are_each_decided_about(
    book: Book, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh())
    async with traced(upstream, ratio=0) as proxy, proxy.connect() as client:
        plain, sampled = request("/thing"), request("/thing", SAMPLED)
        for _ in range(3):
            await client.ask(plain)
        await client.send(plain + sampled + plain + sampled + sampled)
        for _ in range(5):
            assert (await client.read()).status == 200
        await proxy.quiet()
    assert len(book.requests) == 3


async def test_a_caller_that_records_is_followed(book: Book, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh())
    async with traced(upstream, ratio=0) as proxy:
        await proxy.ask("/thing", SAMPLED, "tracestate: vendor=1")
        await proxy.quiet()
    [whole], [leg] = book.requests, book.legs
    assert context(whole).trace_id == context(leg).trace_id == CALLER.trace
    assert below(whole) == CALLER.span
    assert told(upstream.heard[0]) == TraceParent(CALLER.trace, context(leg).span_id, sampled=True)
    assert upstream.heard[0].all("tracestate") == [b"vendor=1"]


@pytest.mark.parametrize("ratio", [0, 1])
async def test_a_caller_that_does_not_is_passed_on_untouched(
    book: Book, upstream: ScriptedUpstream, ratio: float
) -> None:
    upstream.reply(fresh())
    async with traced(upstream, ratio=ratio) as proxy:
        await proxy.ask("/thing", UNSAMPLED, "tracestate: vendor=1")
        await proxy.quiet()
    assert book.kept.get_finished_spans() == ()
    assert upstream.heard[0].all("traceparent") == [UNSAMPLED.partition(" ")[2].encode()]
    assert upstream.heard[0].all("tracestate") == [b"vendor=1"]


async def test_without_a_caller_and_without_luck_the_upstream_is_told_nothing(
    book: Book, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh())
    async with traced(upstream, ratio=0) as proxy:
        await proxy.ask("/thing")
    assert book.kept.get_finished_spans() == ()
    assert upstream.heard[0].all("traceparent") == []


async def test_what_is_no_trace_is_replaced_by_a_new_one(
    book: Book, proxy: House, upstream: ScriptedUpstream
) -> None:
    """W3C Trace Context §3.3: the state of a trace that is not continued is dropped."""
    upstream.reply(fresh())
    await proxy.ask("/thing", "traceparent: 00-nonsense-01", "tracestate: vendor=1")
    await proxy.quiet()
    assert told(upstream.heard[0]).trace == context(book.requests[0]).trace_id
    assert upstream.heard[0].all("tracestate") == []


async def test_who_follows_is_linked_to_the_leader_s_fetch(
    book: Book, proxy: House, upstream: ScriptedUpstream
) -> None:
    go = asyncio.Event()
    upstream.reply(go, fresh())
    asking = [asyncio.create_task(proxy.ask("/thing")) for _ in range(3)]
    await upstream.arrival()
    await upstream.until(lambda: proxy.service.stats.in_flight == 3)
    go.set()
    await asyncio.gather(*asking)
    await proxy.quiet()
    [leg] = book.legs
    links = [[link.context.span_id for link in span.links] for span in book.requests]
    assert sorted(links) == [[], [context(leg).span_id], [context(leg).span_id]]


async def test_an_upstream_that_is_away_is_an_error_of_both(
    book: Book, proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.stop_listening()
    assert (await proxy.ask("/thing")).status == 502
    await proxy.quiet()
    for span in (book.requests[0], book.legs[0]):
        assert attributes(span)["error.type"] == "upstream-unreachable"
        assert span.status.status_code is StatusCode.ERROR
    assert attributes(book.requests[0])["http.response.status_code"] == 502


@pytest.mark.parametrize(
    ("status", "errors"),
    [("404 Not Found", (None, "404")), ("500 Oh", ("500", "500")), ("200 OK", (None, None))],
)
async def test_a_status_is_an_error_of_whom_it_blames(
    book: Book, proxy: House, upstream: ScriptedUpstream, status: str, errors: tuple[str | None]
) -> None:
    upstream.reply(ok(status=status))
    await proxy.ask("/thing")
    await proxy.quiet()
    for span, error in zip((book.requests[0], book.legs[0]), errors, strict=True):
        assert attributes(span).get("error.type") == error
        assert (span.status.status_code is StatusCode.ERROR) is (error is not None)


@pytest.mark.parametrize("kept", [True, False])
async def test_a_body_that_breaks_off_is_an_error_of_both(
    book: Book,
    proxy: House,
    upstream: ScriptedUpstream,
    *,
    kept: bool,
) -> None:
    age = "max-age=60" if kept else "no-store"
    head = response("200 OK", f"Cache-Control: {age}", "Content-Length: 50000")
    upstream.reply(head, b"x" * 30_000, End.RESET)
    with pytest.raises(Cut):
        await proxy.ask("/thing")
    await proxy.quiet()
    for span in (book.requests[0], book.legs[0]):
        assert attributes(span)["error.type"] == "upstream-broken"
        assert attributes(span)["http.response.status_code"] == 200


async def test_a_client_that_leaves_is_told_as_such(
    book: Book, proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(asyncio.Event())
    async with proxy.connect() as client:
        await client.send(request("/thing"))
        await upstream.arrival()
    await upstream.heard[0].gone.wait()
    await proxy.quiet()
    assert attributes(book.requests[0])["sidecache.outcome"] == "abandoned"
    assert attributes(book.legs[0])["error.type"] == "cancelled"


async def test_a_refresh_behind_an_answer_is_a_part_of_its_trace(
    book: Book, proxy: House, upstream: ScriptedUpstream
) -> None:
    stale = ("Age: 61", "Cache-Control: stale-while-revalidate=60", 'ETag: "one"')
    upstream.reply(fresh(b"hello", *stale))
    await proxy.ask("/thing")
    upstream.reply(response("304 Not Modified", 'ETag: "one"', "Cache-Control: max-age=60"))
    await proxy.ask("/thing")
    await proxy.quiet()
    whole, leg = book.requests[1], book.legs[1]
    assert attributes(whole)["sidecache.outcome"] == "stale"
    assert below(leg) == context(whole).span_id
    assert attributes(leg)["http.response.status_code"] == 304


async def test_a_tunnel_is_two_spans(book: Book, upstream: ScriptedUpstream) -> None:
    rules = [{"name": "chat", "cache": "off"}]
    ask = ("Connection: Upgrade", "Upgrade: websocket")
    upstream.reply(response("101 Switching Protocols", "Upgrade: websocket"), End.CLOSE)
    async with traced(upstream, rules=rules) as proxy, proxy.connect() as client:
        await client.send(request("/chat", *ask))
        while await client.line() != b"\r\n":
            pass
        client.end()
        await proxy.quiet()
    [whole], [leg] = book.requests, book.legs
    assert attributes(whole)["sidecache.reason"] == "tunnel"
    assert {attributes(span)["http.response.status_code"] for span in (whole, leg)} == {101}
    assert told(upstream.heard[0]).span == context(leg).span_id


async def test_a_tunnel_that_is_not_agreed_to_is_two_spans_as_well(
    book: Book, upstream: ScriptedUpstream
) -> None:
    rules = [{"name": "chat", "cache": "off"}]
    upstream.reply(ok(status="403 Forbidden"))
    async with traced(upstream, rules=rules) as proxy:
        await proxy.ask("/chat", "Connection: Upgrade", "Upgrade: websocket")
        await proxy.quiet()
    assert [attributes(leg)["http.response.status_code"] for leg in book.legs] == [403]
    assert len(book.requests) == 1


async def test_no_more_are_traced_than_may_be(book: Book, upstream: ScriptedUpstream) -> None:
    """A caller that nobody knows may ask for all of its requests to be traced."""
    for _ in range(20):
        upstream.reply(ok())
    async with house(upstream.url, traces={"max_rate": 1}) as proxy:
        for _ in range(20):
            await proxy.ask("/thing", SAMPLED)
        await proxy.quiet()
    assert 1 <= len(book.requests) < 20
    untraced = [heard for heard in upstream.heard if told(heard) == CALLER]
    assert len(untraced) == 20 - len(book.requests)
