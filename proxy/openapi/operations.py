"""Operations: what a document says of each request that an API takes, as far as caches care.

This module must not know which rule would suit an operation.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

from proxy.openapi import parameters, security
from proxy.openapi.document import Document, Json
from proxy.openapi.parameters import Asked
from proxy.openapi.security import Security
from proxy.openapi.shapes import Shape, shape

METHODS: Final = ("get", "head", "put", "post", "delete", "patch", "options", "trace")
READING: Final = frozenset({"GET", "HEAD"})
WRITING: Final = frozenset({"PUT", "POST", "DELETE", "PATCH"})
MOST: Final = 5_000
"""Operations of a document, each counted once a server's path."""
LONGEST: Final = 8_192
"""Characters of a server's URL, its variables filled in."""

_SHOWN: Final = 60
_EVENTS: Final = "text/event-stream"


class Declared(Enum):
    """Response fields that say something to a cache."""

    CACHE_CONTROL = "cache-control"
    ETAG = "etag"
    LAST_MODIFIED = "last-modified"
    SET_COOKIE = "set-cookie"
    VARY = "vary"


@dataclass(frozen=True, slots=True)
class Answered:
    """What is declared of successful responses: their fields, and what Cache-Control may say."""

    fields: frozenset[Declared] = frozenset()
    cache_control: str = ""
    types: frozenset[str] = frozenset()

    @property
    def streams(self) -> bool:
        """Whether the response has no end."""
        return _EVENTS in self.types


@dataclass(frozen=True, slots=True)
class Operation:
    """One method on one path, the servers' own path included; `template` as the document has it."""

    method: str
    template: str
    shape: Shape
    asked: Asked
    security: Security
    answered: Answered
    groups: tuple[str, ...] = ()
    has_body: bool = False
    deprecated: bool = False
    name: str = ""

    @property
    def personal(self) -> bool:
        """Whether an answer may be one caller's alone, and the cache would not see that itself."""
        return self.security.needed or self.asked.secret is not None

    def __str__(self) -> str:
        told = f"{self.method} {_shown(self.template)}"
        return f"{told} ({_shown(self.name)})" if self.name else told


@dataclass(frozen=True, slots=True)
class Inventory:
    """The operations of a document, and the paths that no rule can match, each with the reason."""

    operations: tuple[Operation, ...]
    unmatchable: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    operations: list[Operation] = field(default_factory=list)
    unmatchable: list[str] = field(default_factory=list)


def inventory(document: Document, base: str | None = None) -> Inventory:
    """Return the operations of a document; raises ConfigError where it cannot be followed.

    `base` is what every path begins with, instead of the paths of the document's servers.
    Callbacks and webhooks are requests that the API makes: they are none of its operations.
    """
    found = _Found()
    for template, item in document.mapping(document.data.get("paths"), "paths").items():
        if template.startswith("x-"):
            continue
        where = f"paths.{template}"
        each = document.overlaid(item, where)
        for method in METHODS:
            if method in each:
                _add(found, document, (template, method), each, base)
                if len(found.operations) > MOST:
                    raise document.refused(where, f"more than {MOST} operations; split the file")
    return Inventory(tuple(found.operations), tuple(dict.fromkeys(found.unmatchable)))


def _add(
    found: _Found, document: Document, place: tuple[str, str], item: Json, base: str | None
) -> None:
    template, method = place
    where = f"paths.{template}.{method}"
    told = document.mapping(item[method], where)
    bases = [base.rstrip("/")] if base is not None else _bases(document, item, told, where)
    for each in bases:
        try:
            made = shape(each + template)
        except ValueError as error:
            found.unmatchable.append(f"{_shown(each + template)}: {error}")
            continue
        found.operations.append(
            Operation(
                method.upper(),
                each + template,
                made,
                parameters.asked(document, (item, told), where),
                security.security(document, told, where),
                _answered(document, told.get("responses"), f"{where}.responses"),
                _tags(document, told, where),
                has_body="requestBody" in told,
                deprecated=bool(told.get("deprecated")),
                name=document.text(told.get("operationId") or told.get("summary"), where),
            )
        )


def _tags(document: Document, told: Json, where: str) -> tuple[str, ...]:
    place = f"{where}.tags"
    return tuple(document.text(tag, place) for tag in document.items(told.get("tags"), place))


def _bases(document: Document, item: Json, told: Json, where: str) -> Sequence[str]:
    """Return the distinct paths of the servers of an operation, which its own path follows."""
    for holder in (told, item, document.data):
        if servers := document.items(holder.get("servers"), f"{where}.servers"):
            return tuple(dict.fromkeys(_base(document, each, where) for each in servers))
    return ("",)


def _base(document: Document, server: object, where: str) -> str:
    told = document.mapping(server, f"{where}.servers")
    url = document.text(told.get("url"), f"{where}.servers")
    for name, given in document.mapping(told.get("variables"), f"{where}.servers").items():
        default = document.mapping(given, f"{where}.servers").get("default")
        variable, value = f"{{{name}}}", document.text(default, f"{where}.servers")
        if len(url) + url.count(variable) * len(value) > LONGEST:
            raise document.refused(f"{where}.servers", f"a URL is longer than {LONGEST} characters")
        url = url.replace(variable, value)
    try:
        path = urlsplit(url).path.rstrip("/")
    except ValueError as error:
        raise document.refused(f"{where}.servers", f"{url!r} is no URL") from error
    return path if not path or path.startswith("/") else f"/{path.removeprefix('.')}".rstrip("/")


def _answered(document: Document, responses: object, where: str) -> Answered:
    fields, said, types = set(), list[str](), set[str]()
    for status, response in document.mapping(responses, where).items():
        if not status.startswith("2"):
            continue
        told = document.mapping(response, f"{where}.{status}")
        types.update(document.mapping(told.get("content"), f"{where}.{status}.content"))
        headers = document.mapping(told.get("headers"), f"{where}.{status}.headers")
        for name, header in headers.items():
            if name.lower() in _DECLARED:
                fields.add(_DECLARED[name.lower()])
            if name.lower() == Declared.CACHE_CONTROL.value:
                said += _values(document, header, f"{where}.{status}.headers.{name}")
    return Answered(frozenset(fields), ", ".join(said).lower(), frozenset(types))


_DECLARED: Final = {each.value: each for each in Declared}


def _values(document: Document, header: object, where: str) -> Iterator[str]:
    """Yield what a field is said to hold: its examples, and what its schema allows."""
    told = document.mapping(header, where)
    schema = document.mapping(told.get("schema"), where)
    examples = document.mapping(told.get("examples"), where).values()
    given: Iterable[Any] = (
        *(told.get("example"), schema.get("example"), schema.get("default"), schema.get("const")),
        *(document.mapping(each, where).get("value") for each in examples),
        *document.items(schema.get("enum"), where),
    )
    return (value for value in given if isinstance(value, str))


def _shown(text: str) -> str:
    """Return a text of the document's in one line, fit for a comment."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"
