"""Comparing: whether two answers to the same question are the same.

This module must not know who gave them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

KEPT: Final = 65_536
"""Bytes of a body that are kept to say where two begin to differ."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer: its status, type and body; `digest` and `size` are of all of it."""

    status: int
    type: str
    size: int
    digest: bytes
    start: bytes

    @property
    def told(self) -> tuple[int, str, bytes]:
        """What two answers are compared by."""
        return self.status, self.type, self.digest


def differences(through: Given, direct: Given) -> Iterator[str]:
    """Yield in what two answers differ, in a few words each."""
    if through.status != direct.status:
        yield f"status {through.status}, directly {direct.status}"
    if through.type != direct.type:
        yield f"Content-Type {through.type or 'absent'}, directly {direct.type or 'absent'}"
    if through.digest != direct.digest:
        yield f"body of {through.size} bytes, directly {direct.size}{_where(through, direct)}"


def _where(one: Given, other: Given) -> str:
    shorter = min(len(one.start), len(other.start))
    pieces = zip(one.start, other.start, strict=False)
    at = next((at for at, (a, b) in enumerate(pieces) if a != b), shorter)
    return f", differing from byte {at}" if at < KEPT else f", the same up to byte {KEPT}"
