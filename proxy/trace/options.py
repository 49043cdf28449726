"""Options: what can be set of traces.

The sentence below each field is its description in the JSON Schema and in docs/rules.md. This
module must not know OpenTelemetry.
"""

from typing import Annotated

from pydantic import StringConstraints

from proxy.rules.strict import Strict, written
from proxy.rules.units import Count, Share

Collector = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/?#@]+(/[^\s?#@]*)?$")]


class Traces(Strict):
    """Traces by OpenTelemetry, sent as OTLP over HTTP; it needs the extra `otel`.

    The variables of its SDK (`OTEL_…`) hold for all that is not set here.
    """

    endpoint: Collector | None = None
    """The collector, as `http://collector:4318`; without it, OTEL_EXPORTER_OTLP_ENDPOINT's."""
    ratio: Share = written("10%")
    """Share of requests that are traced, of those that are not part of a trace already."""
    max_rate: Count = 500
    """How many requests a second are traced at most, whatever their callers ask for."""
    service: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    """The service's name; without it, OTEL_SERVICE_NAME, or else `sidecache`."""
