"""JSON paths: which values of a JSON document are meant, as in `$.related[*].id` (RFC 9535).

Names, indexes, slices, wildcards and descendants; no filters and no functions, for they would
make code and regular expressions of a setting. The library reads the text; the walk is ours, for
it has to be bounded. This module must not know what the values are for.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from jsonpath import JSONPath, JSONPathEnvironment, JSONPathError
from jsonpath.segments import JSONPathRecursiveDescentSegment, JSONPathSegment
from jsonpath.selectors import (
    IndexSelector,
    JSONPathSelector,
    NameSelector,
    SliceSelector,
    WildcardSelector,
)

LONGEST: Final = 256
"""Characters of a path."""

MOST_STEPS: Final = 200_000
"""Values looked at in one document, by all paths together."""

_LIBRARY: Final = JSONPathEnvironment(strict=True)


@dataclass(frozen=True, slots=True)
class Name:
    """The member of an object that has this name."""

    name: str

    def children(self, value: object) -> Iterable[object]:
        """Return what is selected of a value."""
        return (value[self.name],) if isinstance(value, dict) and self.name in value else ()


@dataclass(frozen=True, slots=True)
class Slice:
    """Some elements of an array, as Python slices (9535 §2.3.4.2); a step of 0 selects none."""

    start: int | None
    stop: int | None
    step: int | None

    def children(self, value: object) -> Iterable[object]:
        """Return what is selected of a value."""
        if not isinstance(value, list) or self.step == 0:
            return ()
        return value[self.start : self.stop : self.step]


@dataclass(frozen=True, slots=True)
class Wildcard:
    """Every member of an object, every element of an array."""

    def children(self, value: object) -> Iterable[object]:
        """Return what is selected of a value."""
        if isinstance(value, dict):
            return value.values()
        return value if isinstance(value, list) else ()


Selector = Name | Slice | Wildcard
_ALL: Final = Wildcard()


@dataclass(frozen=True, slots=True)
class Segment:
    """One step: what is selected of a value, or, `deep`, of all that is in it too."""

    selectors: tuple[Selector, ...]
    deep: bool


Path = tuple[Segment, ...]


class TooLarge(ValueError):
    """More values would have to be looked at than MOST_STEPS."""


def parse(text: str) -> Path:
    """Compile a path. Raises ValueError that says what is accepted."""
    if not text.startswith("$") or len(text) > LONGEST:
        raise ValueError(f"a JSON path starts with '$' and has {LONGEST} characters at most")
    try:
        parsed = cast("JSONPath", _LIBRARY.compile(text))  # two in one text are not in RFC 9535
    except JSONPathError as error:
        raise ValueError(f"is no JSON path like '$.related[*].id': {error.message}") from error
    return tuple(map(_segment, parsed.segments))


def values(paths: Sequence[Path], document: object) -> Iterator[tuple[int, object]]:
    """Yield what the paths lead to, with the number of the path, in no particular order.

    `document` is made of what a JSON reader returns. Raises TooLarge.
    """
    ahead = [(path, 0, document) for path in range(len(paths))]
    steps = 0
    while ahead:
        number, at, value = ahead.pop()
        if at == len(paths[number]):
            yield number, value
            continue
        for onward, child in _steps(paths[number][at], value):
            steps += 1
            if steps > MOST_STEPS:
                raise TooLarge(f"more than {MOST_STEPS} values")
            if onward or isinstance(child, (dict, list)):
                ahead.append((number, at + onward, child))


def _steps(segment: Segment, value: object) -> Iterator[tuple[int, object]]:
    """Yield the values to go on with, and whether the segment is done with (1) or stays (0)."""
    for selector in segment.selectors:
        for child in selector.children(value):
            yield 1, child
    if segment.deep:
        for child in _ALL.children(value):
            yield 0, child


def _segment(segment: JSONPathSegment) -> Segment:
    deep = isinstance(segment, JSONPathRecursiveDescentSegment)
    return Segment(tuple(map(_selector, segment.selectors)), deep)


def _selector(selector: JSONPathSelector) -> Selector:
    read = _SELECTORS.get(type(selector))
    if read is None:
        raise ValueError("filters and functions are not accepted in a path")
    return read(selector)


def _element(index: int) -> Slice:
    return Slice(index, index + 1 or None, None)


_SELECTORS: Final[Mapping[type[JSONPathSelector], Callable[[Any], Selector]]] = {
    NameSelector: lambda selector: Name(selector.name),
    IndexSelector: lambda selector: _element(selector.index),
    SliceSelector: lambda selector: Slice(
        selector.slice.start, selector.slice.stop, selector.slice.step
    ),
    WildcardSelector: lambda _: _ALL,
}
