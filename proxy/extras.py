"""Extras: what some settings need installed beside the core.

This module must not know what any of it is for.
"""

from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from typing import Final

from proxy.errors import ConfigError
from proxy.settings import Settings

_MODULES: Final = {
    "http2": ("h2",),
    "otel": ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http"),
}
"""Extra → modules that come with it."""


def check(settings: Settings) -> None:
    """Raise `ConfigError`, a line for each setting whose extra is not installed."""
    lines = [
        f"{setting}: needs the extra: pip install 'sidecache[{extra}]'"
        for setting, extra in _wanted(settings)
        if not all(map(_installed, _MODULES[extra]))
    ]
    if lines:
        raise ConfigError("\n".join(lines))


def _wanted(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield each setting that needs an extra, and the extra."""
    if settings.upstream.http2:
        yield "upstream.http2", "http2"
    if settings.traces is not None:
        yield "traces", "otel"


def _installed(module: str) -> bool:
    with suppress(ModuleNotFoundError):  # of a package around it
        return find_spec(module) is not None
    return False
