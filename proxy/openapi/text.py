"""The text of a description as plain data: JSON, or YAML 1.2 with anchors and merge keys.

An alias is the value it stands for, not a copy, so that no text becomes large by being read. This
module must not know what the data means.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from proxy.errors import ConfigError
from proxy.rules.places import scalar

MAX_JSON: Final = 32 * 2**20
MAX_YAML: Final = 4 * 2**20
"""Characters; YAML takes seconds for as many."""
MAX_DEPTH: Final = 100
MAX_MERGED: Final = 100_000
"""Keys that all merge keys (`<<`) of a document may bring in."""

_MERGE: Final = "<<"


def parse(text: str, name: str) -> dict[str, Any]:
    """Return the mapping that a text holds; raises ConfigError, `name:line:column: …`."""
    data = _json(text, name) if text.lstrip()[:1] == "{" else _yaml(text, name)
    if not isinstance(data, dict):
        raise ConfigError(f"{name}:1:1: an OpenAPI document is a mapping at its top")
    return data


def _json(text: str, name: str) -> object:
    if len(text) > MAX_JSON:
        raise ConfigError(f"{name}:1:1: the document is larger than {MAX_JSON} characters")
    try:
        data: object = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{name}:{error.lineno}:{error.colno}: {error.msg}") from error
    return data


def _yaml(text: str, name: str) -> object:
    if len(text) > MAX_YAML:
        remedy = "write it as JSON, of which more is read"
        raise ConfigError(f"{name}:1:1: larger than {MAX_YAML} characters of YAML; {remedy}")
    try:
        return _Composer(name, YAML(typ="rt", pure=True).parse(text)).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = (error.problem or "is no YAML").splitlines()[0]
        raise ConfigError(f"{name}:{mark.line + 1}:{mark.column + 1}: {why}") from error
    except YAMLError as error:
        raise ConfigError(f"{name}:1:1: {str(error).splitlines()[0]}") from error


@dataclass(slots=True)
class _Composer:
    """Builds the data from the parser's events."""

    name: str
    events: Iterator[Event]
    anchors: dict[str, object] = field(default_factory=dict)
    merged: int = 0

    def document(self) -> object:
        next(self.events)
        if isinstance(next(self.events), StreamEndEvent):
            return None
        data = self.value(next(self.events), 0)
        next(self.events)
        if not isinstance(more := next(self.events), StreamEndEvent):
            raise self.refused(more, "a second document in the file")
        return data

    def value(self, event: Event, depth: int) -> object:
        if depth > MAX_DEPTH:
            raise self.refused(event, f"nested more than {MAX_DEPTH} deep")
        match event:
            case AliasEvent(anchor=anchor):
                if anchor not in self.anchors:
                    raise self.refused(event, f"the alias *{anchor} stands for nothing before it")
                return self.anchors[anchor]
            case MappingStartEvent():
                return self.kept(event, self.mapping(depth + 1))
            case SequenceStartEvent():
                return self.kept(event, self.sequence(depth + 1))
            case ScalarEvent():
                return self.kept(event, scalar(event))
            case _:
                raise self.refused(event, "is no value")

    def kept(self, event: Any, value: object) -> object:  # noqa: ANN401 - events share no base
        if event.anchor is not None:
            self.anchors[event.anchor] = value
        return value

    def mapping(self, depth: int) -> dict[str, object]:
        """Return a mapping; its keys are text, as in JSON, and its own ones win over merged ones.

        An unquoted 200 is what OpenAPI calls "200".
        """
        data: dict[str, object] = {}
        under: dict[str, object] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            if not isinstance(event, ScalarEvent):
                raise self.refused(event, "a key must be text")
            key, value = event.value, self.value(next(self.events), depth)
            if key == _MERGE and event.implicit[0]:
                self.merge(event, under, value)
            elif key in data:
                raise self.refused(event, f"duplicate key '{key}'")
            else:
                data[key] = value
        return under | data if under else data

    def merge(self, event: Event, under: dict[str, object], value: object) -> None:
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, dict):
                raise self.refused(event, "only mappings can be merged")
            self.merged += len(each)
            if self.merged > MAX_MERGED:
                raise self.refused(event, f"more than {MAX_MERGED} keys come from merges")
            for key, inner in each.items():
                under.setdefault(key, inner)

    def sequence(self, depth: int) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            items.append(self.value(event, depth))
        return items

    def refused(self, event: Event, why: str) -> ConfigError:
        mark = event.start_mark
        return ConfigError(f"{self.name}:{mark.line + 1}:{mark.column + 1}: {why}")
