"""YAML text as plain data that remembers where each thing stood.

YAML 1.2 core schema: `on`, `off` and `no` are text. Bombs are refused, not defused: no anchors,
no aliases, no tags, no duplicate keys, a limit to size and depth. This module must not know what
the data means.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, StreamMark, YAMLError
from ruamel.yaml.events import (
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from proxy.errors import ConfigError
from proxy.rules.problems import Loc, path_text

MAX_TEXT: Final = 2**20
MAX_DEPTH: Final = 32

_REMEDIES: Final = (
    ("expected ',' or", "inside {…} and […], quote a text that has {, }, [, ] or a comma in it"),
    (r"character '\t'", "indent with spaces"),
    ("mapping values are not allowed", "in one line, a mapping stands in {…}"),
)
"""What the YAML parser says, and what would be right."""

_INT: Final = re.compile(r"[-+]?[0-9]{1,19}")
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: Final[Mapping[str, object]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBERS: Final[tuple[tuple[re.Pattern[str], Callable[[str], object]], ...]] = (
    (_INT, int),
    (_FLOAT, float),
)


@dataclass(frozen=True, slots=True)
class Document:
    """A parsed file: its name, its data, and the line and column of each key and item."""

    name: str
    data: dict[str | int, Any]
    places: Mapping[Loc, tuple[int, int]]

    def place(self, loc: Loc) -> tuple[int, int]:
        """Return line and column, from 1, of `loc` or of the innermost thing around it."""
        while loc not in self.places:
            loc = loc[:-1]
        return self.places[loc]

    def where(self, loc: Loc) -> str:
        """Return `name:line:column: rules[0].ttl`, the beginning of a message about `loc`."""
        line, column = self.place(loc)
        return ": ".join(filter(None, (f"{self.name}:{line}:{column}", path_text(loc))))


def parse(text: str, name: str) -> Document:
    """Read one YAML document whose top is a mapping; an empty one counts as an empty mapping.

    Raises ConfigError, `name:line:column: …`, for what is not YAML or is refused here.
    """
    if len(text) > MAX_TEXT:
        raise ConfigError(f"{name}:1:1: the file is larger than {MAX_TEXT} characters")
    try:
        return _Reader(name, YAML(typ="rt", pure=True).parse(text)).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ConfigError(f"{_at(name, mark)}: {_first_line(error.problem)}") from error
    except YAMLError as error:
        raise ConfigError(f"{name}:1:1: {_first_line(str(error))}") from error


def _at(name: str, mark: StreamMark) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}"


def _first_line(text: str) -> str:
    line = text.splitlines()[0].strip()
    remedy = next((cure for sign, cure in _REMEDIES if sign in line), None)
    return f"{line}; {remedy}" if remedy else line


@dataclass(slots=True)
class _Reader:
    """Builds the data from the parser's events, so that a refusal comes before any expansion."""

    name: str
    events: Iterator[Event]
    places: dict[Loc, tuple[int, int]] = field(default_factory=dict)

    def document(self) -> Document:
        self.places[()] = (1, 1)
        next(self.events)
        if isinstance(start := next(self.events), StreamEndEvent):
            return Document(self.name, {}, self.places)
        data = self.value(next(self.events), ())
        if not isinstance(data, dict | None):
            raise self.refused(start, "the file must be a mapping, 'key: value' at its top")
        next(self.events)
        if not isinstance(more := next(self.events), StreamEndEvent):
            raise self.refused(more, "a second document in the file")
        return Document(self.name, data or {}, self.places)

    def value(self, event: Event, loc: Loc) -> object:
        """Return the value that starts with `event`; what it holds is taken from the events."""
        match event:
            case MappingStartEvent():
                self.check(event, loc)
                return self.mapping(loc)
            case SequenceStartEvent():
                self.check(event, loc)
                return self.sequence(loc)
            case ScalarEvent():
                self.check(event, loc)
                return scalar(event)
            case _:
                raise self.refused(event, "aliases are not accepted; write the value out")

    def check(self, event: MappingStartEvent | SequenceStartEvent | ScalarEvent, loc: Loc) -> None:
        if event.anchor is not None:
            raise self.refused(
                event, "anchors are not accepted; write the value out where it is used"
            )
        if event.tag is not None:
            raise self.refused(event, f"the tag '{event.tag}' is not accepted")
        if len(loc) > MAX_DEPTH:
            raise self.refused(event, f"nested more than {MAX_DEPTH} deep")

    def mapping(self, loc: Loc) -> dict[str | int, object]:
        data: dict[str | int, object] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            key = self.value(event, (*loc, ""))
            if isinstance(key, bool) or not isinstance(key, str | int):
                raise self.refused(event, "a key must be text or a whole number")
            if key in data:
                raise self.refused(event, f"duplicate key '{key}'")
            self.mark((*loc, key), event)
            data[key] = self.value(next(self.events), (*loc, key))
        return data

    def sequence(self, loc: Loc) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            place = (*loc, len(items))
            self.mark(place, event)
            items.append(self.value(event, place))
        return items

    def mark(self, loc: Loc, event: Event) -> None:
        self.places[loc] = (event.start_mark.line + 1, event.start_mark.column + 1)

    def refused(self, event: Event, why: str) -> ConfigError:
        return ConfigError(f"{_at(self.name, event.start_mark)}: {why}")


def scalar(event: ScalarEvent) -> object:
    """Return the value of a plain scalar by YAML 1.2.2 §10.3; a quoted or block one is text."""
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _WORDS:
        return _WORDS[text]
    for pattern, number in _NUMBERS:
        if pattern.fullmatch(text):
            return number(text)
    return text
