"""Plain: engine values as JSON has them. What a value means is not known here."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum

from proxy.engine.stats import quantile


def plain(value: object) -> object:
    """Return a value as JSON can tell it; bytes that are no UTF-8 are backslash-escaped."""
    match value:
        case Enum():
            return plain(value.value)
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted(str(plain(item)) for item in value)
        case tuple() | list():
            return [plain(item) for item in value]
        case None | bool() | int() | float() | str():
            return value
        case _:
            return _object(value)


def text(value: bytes) -> str:
    """Return bytes as text; what is no UTF-8 is backslash-escaped."""
    return value.decode("utf-8", "backslashreplace")


def when(seconds: float) -> str:
    """Return a time, seconds since the epoch, as RFC 3339 has it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def spread(counts: Sequence[int]) -> dict[str, float | None]:
    """Return how values of a histogram's buckets are spread; seconds."""
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    found = {name: quantile(counts, share) for name, share in shares.items()}
    rounded = {name: None if value is None else round(value, 6) for name, value in found.items()}
    return {"count": sum(counts), **rounded}


def _object(value: object) -> object:
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    return text(value) if isinstance(value, bytes) else str(value)
