"""Asking: what the fields of a request mean, read the slow way from RFC 9110.

Accept-Encoding (§12.5.3), If-None-Match and entity tags (§8.8.3, §13.1.2), dates (§5.6.7), Range
(§14.1.2). This module must not know how the proxy reads them.
"""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Final

from tests.plays.rawclient import Response

_TAG: Final = re.compile(r'(?:W/)?"[^"]*"')
_SPEC: Final = re.compile(r"(\d*)-(\d*)")

Spec = tuple[int | None, int | None]


@dataclass(frozen=True)
class Asked:
    """A request: its method and its fields, each once, by their names in lower case."""

    method: str = "GET"
    fields: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str | None:
        """Return the value of a field, or None."""
        return dict(self.fields).get(name)

    @property
    def lines(self) -> list[str]:
        """The lines to send."""
        return [f"{name}: {value}" for name, value in self.fields]

    @property
    def plainly(self) -> "Asked":
        """The GET with the same Accept-Encoding and nothing else."""
        return Asked("GET", tuple(f for f in self.fields if f[0] == "accept-encoding"))

    def quality(self, coding: str) -> float:
        """Return how acceptable a coding is, 0 where it is not (§12.5.3)."""
        value = self.get("accept-encoding")
        if value is None:
            return 1.0
        said: dict[str, float] = {}
        for member in value.split(","):
            name, *parameters = (text.strip().lower() for text in member.split(";"))
            weights = [float(text[2:]) for text in parameters if text.startswith("q=")]
            if name:
                said["gzip" if name == "x-gzip" else name] = weights[0] if weights else 1.0
        if coding in said:
            return said[coding]
        return said.get("*", 1.0 if coding == "identity" else 0.0)


def tags_in(value: str) -> list[str]:
    """Return the tags of a list."""
    return _TAG.findall(value)


def told_tag(answer: Response) -> str | None:
    """Return an answer's tag."""
    value = answer.first("etag")
    return None if value is None else value.decode()


def weakly(one: str | None, other: str | None) -> bool:
    """Tell whether two tags are alike, weak or not (§8.8.3.2)."""
    if one is None or other is None:
        return False
    return one.removeprefix("W/") == other.removeprefix("W/")


def since(value: str | None) -> float | None:
    """Return a date in seconds, or None where it is none."""
    try:
        return parsedate_to_datetime(value or "").timestamp()
    except ValueError:
        return None


def ranges(value: str | None) -> list[Spec] | None:
    """Return what a Range asks for, None where it is to be ignored (§14.2)."""
    unit, _, listed = (value or "").partition("=")
    if unit.strip().lower() != "bytes":
        return None
    specs: list[Spec] = []
    for member in listed.split(","):
        text = member.strip(" \t")
        if not text:
            continue
        found = _SPEC.fullmatch(text)
        if found is None or text == "-":
            return None
        first, last = (int(digits) if digits else None for digits in found.groups())
        if first is not None and last is not None and last < first:
            return None
        specs.append((first, last))
    return specs or None


def resolved(specs: list[Spec], size: int) -> list[tuple[int, int]]:
    """Return what can be satisfied of `size` bytes: first and last, inclusive (§14.1.2)."""
    found = []
    for first, last in specs:
        if first is None:
            begin, end = max(0, size - (last or 0)), size - 1
        else:
            begin, end = first, size - 1 if last is None else min(last, size - 1)
        if begin <= end:
            found.append((begin, end))
    return found


def united(places: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the same bytes in as few places as can be, in order."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(places):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found
