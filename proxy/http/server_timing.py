"""Server-Timing: metrics for the one who waits, printed (W3C Server Timing §3).

What is measured, and who may see it, is decided elsewhere.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from proxy.http._grammar import members
from proxy.http.message import Fields

SERVER_TIMING: Final = b"server-timing"
"""The response field, and the word in Pragma that asks for it."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: `name` is a token, `seconds` how long it took, `told` a few words on it."""

    name: str
    seconds: float | None = None
    told: str | None = None

    def render(self) -> str:
        """Return the member of the list; durations are in milliseconds there."""
        parts = [self.name]
        if self.told is not None:
            parts.append(f'desc="{self.told}"')
        if self.seconds is not None:
            parts.append(f"dur={self.seconds * 1000:.1f}")
        return ";".join(parts)


def render(metrics: Iterable[Metric]) -> bytes:
    """Return the field's value; `told` is of printable ASCII without quotes and backslashes."""
    return ", ".join(metric.render() for metric in metrics).encode("ascii")


def asked(fields: Fields) -> bool:
    """Tell whether a request asks for timings, by `Pragma: server-timing`.

    CloudFront takes the same word; no cache takes it for one of its own directives (9111 §5.4).
    """
    said = (member for value in fields.all(b"pragma") for member in members(value))
    return any(member.lower() == SERVER_TIMING for member in said)
