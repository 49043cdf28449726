"""Trace context: the traceparent field, read and printed (W3C Trace Context, level 1).

Whether anything is traced is not known here.
"""

import re
from dataclasses import dataclass
from typing import Final

TRACEPARENT: Final = b"traceparent"
TRACESTATE: Final = b"tracestate"

_SAMPLED: Final = 0x01
_FORM: Final = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_NO_VERSION: Final = b"ff"
_FIRST_VERSION: Final = b"00"


@dataclass(frozen=True, slots=True)
class TraceParent:
    """A span's place in a trace (§3.2): two numbers that are not 0, and whether it is recorded."""

    trace: int
    span: int
    sampled: bool

    def render(self) -> bytes:
        """Return the field's value, in version 00."""
        return b"00-%032x-%016x-%02x" % (self.trace, self.span, self.sampled)


def parse(values: tuple[bytes, ...]) -> TraceParent | None:
    """Return what the traceparent fields of a request say, None where that is nothing valid.

    Of a later version the part is read that this one has (§3.2.4).
    """
    found = _FORM.fullmatch(values[0]) if len(values) == 1 else None
    if found is None or found[1] == _NO_VERSION:
        return None
    if found[5] is not None and found[1] == _FIRST_VERSION:
        return None
    trace, span = int(found[2], 16), int(found[3], 16)
    return TraceParent(trace, span, bool(int(found[4], 16) & _SAMPLED)) if trace and span else None
