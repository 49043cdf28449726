"""Export: spans leave as OTLP over HTTP, from a thread of the SDK's own.

Its queue is bounded, and what does not fit is dropped; nothing here waits on the event loop.
"""

import asyncio
from contextlib import suppress
from functools import partial
from threading import Thread
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from proxy import __version__
from proxy.trace.options import Traces
from proxy.trace.recorder import Recorder
from proxy.trace.sampling import Sampler

FLUSHING: Final = 2.0
"""Seconds that the collector is given at the end to take what is left."""

_PATH: Final = "/v1/traces"
_UNNAMED: Final = "unknown_service"


def recorder(options: Traces, origin: str | None) -> Recorder:
    """Return a recorder whose spans are exported; `origin` is the upstream's URL, if it has one."""
    provider = TracerProvider(
        sampler=ALWAYS_ON,  # ours has decided when a span is begun
        resource=_resource(options.service),
        shutdown_on_exit=False,  # it would wait for half a minute
    )
    endpoint = options.endpoint and options.endpoint.rstrip("/") + _PATH
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    sampler = Sampler(options.ratio, options.max_rate)
    return Recorder(provider, sampler, origin, partial(_flushed, provider))


def _resource(service: str | None) -> Resource:
    """Return what is said of this process, by OTEL_RESOURCE_ATTRIBUTES too."""
    own = {SERVICE_VERSION: __version__}
    given = Resource.create(own if service is None else own | {SERVICE_NAME: service})
    if str(given.attributes.get(SERVICE_NAME, "")).startswith(_UNNAMED):
        return given.merge(Resource({SERVICE_NAME: "sidecache"}))
    return given


async def _flushed(provider: TracerProvider) -> None:
    """Export what is left, for as long as there is time; a thread that is stuck is left behind."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def shut_down() -> None:
        provider.shutdown()
        with suppress(RuntimeError):  # nobody waits any more, the loop is closed
            loop.call_soon_threadsafe(over.set)

    Thread(target=shut_down, name="traces-flush", daemon=True).start()
    with suppress(TimeoutError):
        await asyncio.wait_for(over.wait(), FLUSHING)
