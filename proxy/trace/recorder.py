"""Recorder: journeys as spans of the OpenTelemetry SDK.

One span for the request and one for each exchange with the upstream. This module must not know
where spans go, or which requests have any.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider

from proxy import __version__
from proxy.engine.answer import Account
from proxy.engine.journey import Sample
from proxy.http.message import Head, Request
from proxy.http.trace_context import TRACEPARENT, TRACESTATE, TraceParent
from proxy.trace import attributes
from proxy.trace.sampling import Sampler
from proxy.values import replace

Flush = Callable[[], Awaitable[None]]

ABANDONED: Final = "abandoned"
"""The outcome of a request whose client left before there was an answer."""

_NOWHERE: Final = Context()


class Recorder:
    """A `Tracer` on a provider of the SDK, which records all that it is given.

    `origin` is the upstream's URL, None where there are several; `flush` gives away what waits,
    and may take its time.
    """

    def __init__(
        self, provider: TracerProvider, sampler: Sampler, origin: str | None, flush: Flush
    ) -> None:
        self._tracer = provider.get_tracer("sidecache", __version__)
        self.sample = sampler.sample
        self._origin = origin
        self._flush = flush

    def begin(self, sample: Sample, request: Request) -> "RequestSpan":
        """See `Tracer.begin`."""
        span = self._tracer.start_span(
            attributes.name_of(request),
            _NOWHERE if sample.parent is None else _below(_context_of(sample.parent)),
            trace.SpanKind.SERVER,
            attributes.of_server(request),
        )
        return RequestSpan(self._tracer, span, sample, self._origin)

    async def aclose(self) -> None:
        """See `Tracer.aclose`."""
        await self._flush()


class RequestSpan:
    """A `Trace`: the span of a request that came here."""

    def __init__(
        self, tracer: trace.Tracer, span: trace.Span, sample: Sample, origin: str | None
    ) -> None:
        self._tracer = tracer
        self._span = span
        self._root = sample.parent is None
        self._origin = origin
        self._ended = False

    def leg(self, request: Request) -> "LegSpan":
        """See `Trace.leg`."""
        span = self._tracer.start_span(
            attributes.name_of(request),
            _below(self._span.get_span_context()),
            trace.SpanKind.CLIENT,
            attributes.of_client(request, self._origin),
        )
        place = _place_of(span.get_span_context())
        # What a caller says of its own trace says nothing of a new one (§3.3)
        replaced = {TRACEPARENT, TRACESTATE} if self._root else {TRACEPARENT}
        fields = request.fields.without(replaced).plus((TRACEPARENT, place.render()))
        return LegSpan(span, place, replace(request, fields=fields))

    def link(self, place: TraceParent) -> None:
        """See `Trace.link`."""
        self._span.add_link(_context_of(place))

    def end(self, status: int | None, account: Account | None) -> None:
        """See `Trace.end`."""
        if self._ended:
            return
        self._ended = True
        if status is None or account is None:
            self._span.set_attribute("sidecache.outcome", ABANDONED)
        else:
            self._span.set_attributes(attributes.of_account(account))
            self._span.set_attribute(attributes.STATUS, status)
            _fail(self._span, attributes.error_of(status, account))
        self._span.end()


class LegSpan:
    """A `Leg`: the span of an exchange with the upstream."""

    def __init__(self, span: trace.Span, place: TraceParent, request: Request) -> None:
        self._span = span
        self._ended = False
        self.place = place
        self.request = request

    def answered(self, head: Head) -> None:
        """See `Leg.answered`."""
        self._span.set_attribute(attributes.STATUS, head.status)
        self._span.set_attribute(attributes.VERSION, head.version)
        _fail(self._span, attributes.error_of_upstream(head.status))

    def end(self, failed: str | None = None) -> None:
        """See `Leg.end`."""
        if not self._ended:
            self._ended = True
            _fail(self._span, failed)
            self._span.end()


def _fail(span: trace.Span, why: str | None) -> None:
    if why is not None:
        span.set_attribute(attributes.ERROR, why)
        span.set_status(trace.StatusCode.ERROR)


def _context_of(place: TraceParent) -> trace.SpanContext:
    flags = trace.TraceFlags(place.sampled)
    return trace.SpanContext(place.trace, place.span, is_remote=True, trace_flags=flags)


def _place_of(context: trace.SpanContext) -> TraceParent:
    return TraceParent(context.trace_id, context.span_id, context.trace_flags.sampled)


def _below(context: trace.SpanContext) -> Context:
    return trace.set_span_in_context(trace.NonRecordingSpan(context), _NOWHERE)
