"""Templates: a tag with places to be filled, as in `product:{id}` or `page:{query.page}`.

A place that holds several values makes as many tags. This module must not know which rule a
template belongs to, nor what becomes of the tags.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import product
from math import prod
from typing import Final

from proxy.http.message import NO_FIELDS, Fields, Request
from proxy.rules.paths import Capture
from proxy.rules.problems import nearest
from proxy.rules.query import parameters
from proxy.values import valueclass

LONGEST: Final = 512
"""Characters of a template."""

_PIECE: Final = re.compile(r"(?P<brace>\{\{|\}\})|\{(?P<place>[^{}]*+)\}|(?P<literal>[^{}]++)")
_CAPTURE: Final = re.compile(r"[a-z_][a-z0-9_]{0,31}")
_FIELD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_SECRET: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization", b"set-cookie"})


class Source(Enum):
    """Where the values of a place come from."""

    CAPTURE = "capture"
    QUERY = "query"
    REQUEST = "request"
    RESPONSE = "response"
    VALUE = "value"
    """What was found in a body."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a template: a source, and the name of what is wanted from it."""

    source: Source
    name: bytes = b""


@dataclass(frozen=True, slots=True)
class Template:
    """A tag in pieces: literal bytes, and places to be filled."""

    pieces: tuple[bytes | Place, ...]

    def takes(self, source: Source) -> frozenset[str]:
        """Return the names of what the places take from there."""
        places = (piece for piece in self.pieces if isinstance(piece, Place))
        return frozenset(place.name.decode() for place in places if place.source is source)


@valueclass(frozen=True, slots=True)
class Exchange:
    """What templates are filled from: a request, what its path captured, and its response."""

    captures: Sequence[Capture]
    request: Request
    fields: Fields = NO_FIELDS


def parse(text: str) -> Template:
    """Compile a template whose places are `{name}`, `{query.a}`, `{request.a}`, `{response.a}`.

    Raises ValueError that says what is accepted.
    """
    return Template(tuple(_pieces(text, _place)))


def parse_for_value(text: str) -> Template:
    """Compile a template whose one kind of place is `{}`. Raises ValueError."""
    template = Template(tuple(_pieces(text, _value_place)))
    if not template.takes(Source.VALUE):
        raise ValueError("write {} where the value is to stand, as in 'product:{}'")
    return template


def filled(template: Template, exchange: Exchange, most: int) -> Iterable[bytes] | None:
    """Return the tags that a template makes of an exchange; None for more than `most`.

    A place without a value that is not empty makes none.
    """
    choices = [
        (piece,) if isinstance(piece, bytes) else _values(piece, exchange)
        for piece in template.pieces
    ]
    if prod(map(len, choices)) > most:
        return None
    return map(b"".join, product(*choices))


def filled_with(template: Template, value: bytes) -> bytes:
    """Return the tag that a template for values makes of one."""
    return b"".join(piece if isinstance(piece, bytes) else value for piece in template.pieces)


def _pieces(text: str, place: Callable[[str], Place]) -> Iterator[bytes | Place]:
    if not 0 < len(text) <= LONGEST:
        raise ValueError(f"a tag is text of 1 to {LONGEST} characters")
    end = 0
    for found in _PIECE.finditer(text):
        if found.start() != end:
            break
        end = found.end()
        if found["place"] is None:
            yield (found["literal"] or found["brace"][0]).encode()
        else:
            yield place(found["place"])
    if end != len(text):
        raise ValueError("a brace is open or closed alone; write {{ or }} for one that is meant")


def _place(text: str) -> Place:
    word, dot, name = text.partition(".")
    if not dot:
        if not _CAPTURE.fullmatch(text):
            raise ValueError(f"'{{{text}}}' is no place; {_PLACES}")
        return Place(Source.CAPTURE, text.encode())
    if word not in _NAMED:
        raise ValueError(f"'{word}' holds no values; {nearest(word, _NAMED)}")
    source = _NAMED[word]
    if source is Source.QUERY and name:
        return Place(source, name.encode())
    if not _FIELD.fullmatch(name):
        raise ValueError(f"'{{{text}}}' names nothing; {_PLACES}")
    if (field := name.lower().encode()) in _SECRET:
        raise ValueError(f"'{name}' holds secrets, and tags are no secret")
    return Place(source, field)


def _value_place(text: str) -> Place:
    if text:
        raise ValueError(f"'{{{text}}}' is unknown here; {{}} is the value that the path finds")
    return Place(Source.VALUE)


_NAMED: Final = {source.value: source for source in (Source.QUERY, Source.REQUEST, Source.RESPONSE)}
_PLACES: Final = "write {name} as in the path, {query.name}, {request.field} or {response.field}"


def _values(place: Place, exchange: Exchange) -> Sequence[bytes]:
    """Return the values at a place, each once; none is empty."""
    return tuple(dict.fromkeys(filter(None, _READERS[place.source](place.name, exchange))))


def _captured(name: bytes, exchange: Exchange) -> Iterator[bytes]:
    wanted = name.decode()
    return (value for known, value in exchange.captures if known == wanted)


def _asked(name: bytes, exchange: Exchange) -> Iterator[bytes]:
    return (value for known, value in parameters(exchange.request.query) if known == name)


def _members(fields: Fields, name: bytes) -> Iterator[bytes]:
    """Yield the members of a field, which is a list for all that is known here (9110 §5.6.1)."""
    return (member.strip(b" \t") for value in fields.all(name) for member in value.split(b","))


_READERS: Final[Mapping[Source, Callable[[bytes, Exchange], Iterator[bytes]]]] = {
    Source.CAPTURE: _captured,
    Source.QUERY: _asked,
    Source.REQUEST: lambda name, exchange: _members(exchange.request.fields, name),
    Source.RESPONSE: lambda name, exchange: _members(exchange.fields, name),
}
