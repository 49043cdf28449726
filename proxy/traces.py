"""Traces: what records them, made from the settings.

OpenTelemetry is imported here, and only where traces are switched on. This module must not know
requests.
"""

from collections.abc import Mapping
from typing import Final

from proxy.engine.journey import Tracer
from proxy.errors import ConfigError
from proxy.settings import Settings

_DISABLED: Final = "OTEL_SDK_DISABLED"


def tracer(settings: Settings, environ: Mapping[str, str]) -> Tracer | None:
    """Return what records traces; None where they are off, in the words of the SDK too.

    Raises `ConfigError` where a variable of the SDK is not what it takes.
    """
    if settings.traces is None or environ.get(_DISABLED, "").lower() == "true":
        return None
    from proxy.trace.export import recorder  # noqa: PLC0415 - an extra, and slow to import

    urls = settings.upstream.url
    try:
        return recorder(settings.traces, urls[0] if len(urls) == 1 else None)
    except ValueError as error:
        raise ConfigError(f"traces: {error}") from error
