"""Ranges: Range and Content-Range, in bytes alone (9110 §14).

Which ranges are worth serving, and how, is not decided here.
"""

import re
from typing import Final

from proxy.http._grammar import OWS
from proxy.values import valueclass

_MOST_MEMBERS: Final = 100
# 19 digits hold every length that a file system can have, and cost nothing to read.
_NUMBER: Final = rb"\d{1,19}+"
_SPEC: Final = re.compile(rb"(?P<first>%(n)s)?-(?P<last>%(n)s)?" % {b"n": _NUMBER})
_CONTENT: Final = re.compile(
    rb"bytes (?P<first>%(n)s)-(?P<last>%(n)s)/(?:\*|(?P<size>%(n)s))" % {b"n": _NUMBER},
    re.IGNORECASE,
)


@valueclass(frozen=True, slots=True)
class ByteRange:
    """One range-spec: `first` to `last` inclusive, either may be open (9110 §14.1.2).

    Without `first` it is a suffix, and `last` the number of bytes from the end.
    """

    first: int | None
    last: int | None


@valueclass(frozen=True, slots=True)
class ContentRange:
    """The bytes `first` to `last` inclusive of `size`, None if unknown (9110 §14.4)."""

    first: int
    last: int
    size: int | None

    @property
    def length(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1

    def render(self) -> bytes:
        """Return the value of a Content-Range field."""
        size = b"*" if self.size is None else b"%d" % self.size
        return b"bytes %d-%d/%s" % (self.first, self.last, size)


def parse_range(value: bytes | None) -> tuple[ByteRange, ...] | None:
    """Return the ranges that are asked for, or None if the field is to be ignored (9110 §14.2).

    More than 100 members, empty ones included, are an attack and ignored as well (§14.2).
    """
    unit, _, listed = (value or b"").strip(OWS).partition(b"=")
    if unit.lower() != b"bytes" or listed.count(b",") >= _MOST_MEMBERS:
        return None
    specs = [_spec(text) for member in listed.split(b",") if (text := member.strip(OWS))]
    ranges = tuple(spec for spec in specs if spec)
    return ranges if ranges and len(ranges) == len(specs) else None


def _spec(text: bytes) -> ByteRange | None:
    found = _SPEC.fullmatch(text)
    if not found:
        return None
    first, last = (None if digits is None else int(digits) for digits in found.groups())
    if last is None:
        return None if first is None else ByteRange(first, None)
    return None if first is not None and last < first else ByteRange(first, last)


def resolve(ranges: tuple[ByteRange, ...], size: int) -> tuple[slice, ...]:
    """Return the satisfiable ranges as half-open slices of `size` bytes, in order.

    None at all means 416 (9110 §15.5.17). Of an empty representation nothing is satisfiable,
    not even a suffix: no Content-Range could say so.
    """
    slices = (_slice(each, size) for each in ranges)
    return tuple(each for each in slices if each.start < each.stop)


def merged(slices: tuple[slice, ...]) -> tuple[slice, ...]:
    """Return slices that do not overlap, each where its first part stood (9110 §15.3.7.2).

    What touches is one slice, too: a part costs its client more than it brings.
    """
    found: list[tuple[int, int, int]] = []
    for start, stop, place in sorted((s.start, s.stop, n) for n, s in enumerate(slices)):
        if found and start <= found[-1][1]:
            first, last, earliest = found[-1]
            found[-1] = (first, max(last, stop), min(earliest, place))
        else:
            found.append((start, stop, place))
    return tuple(slice(start, stop) for start, stop, _ in sorted(found, key=lambda each: each[2]))


def _slice(asked: ByteRange, size: int) -> slice:
    if asked.first is None:
        return slice(max(0, size - (asked.last or 0)), size)
    return slice(asked.first, size if asked.last is None else min(asked.last + 1, size))


def parse_content_range(value: bytes | None) -> ContentRange | None:
    """Return the part that a 206 holds, or None without a valid field (9110 §14.4)."""
    found = _CONTENT.fullmatch(value.strip(OWS)) if value else None
    if not found:
        return None
    first, last = int(found["first"]), int(found["last"])
    size = None if found["size"] is None else int(found["size"])
    valid = first <= last and (size is None or last < size)
    return ContentRange(first, last, size) if valid else None


def unsatisfied(size: int) -> bytes:
    """Return the Content-Range of a 416 (9110 §14.4)."""
    return b"bytes */%d" % size
