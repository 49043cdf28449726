"""Shapes: a templated path as a pattern of ours, and how two patterns lie to one another.

`{id}` alone in a segment becomes a capture. A segment that is only in part a parameter, `{id}.json`
or `{id}:cancel`, becomes `*`, which meets more than was meant: such a shape is not exact. This
module must not know operations.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final
from urllib.parse import quote, unquote

from proxy.rules import paths
from proxy.rules.paths import Step, Wild

Steps = tuple[Step, ...]

_PIECES: Final = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}|/|[^{/]+|\{")
_SPANS: Final = re.compile(r"^\+|^[^:]*\*$|\.\.\.$|:(?:.*\.[*+]|path$)")
"""How frameworks write a parameter that takes several segments."""
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_DELIMITING: Final = re.compile("[;?#]")
_SAFE: Final = "-._~!$&'()+,=:@"
_LONGEST: Final = 28
"""Characters of a capture's name, with room for a number."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A path as a pattern: its text, its steps, and whether it meets no more than was meant."""

    text: str
    steps: Steps
    captures: tuple[str | None, ...]
    """For each step the name that it captures, if any."""
    exact: bool = True


def shape(template: str) -> Shape:
    """Return the shape of a templated path; raises ValueError where no rule can match it."""
    path, mark, _ = re.sub(r"\{[?&#;][^{}]*\}", "", template).partition("?")
    path, hash_, _ = path.partition("#")
    words, exact = list(_words(path)), not (mark or hash_)
    text, captures = [], list[str | None]()
    for word in words:
        written, capture = _written(word, captures)
        captures.append(capture)
        text.append(written)
        exact = exact and written not in {"*", "**"}
        if written == "**":
            break
    pattern = "/" + "/".join(text)
    if _DELIMITING.search(unquote(path)):
        raise ValueError("a path with ';', '?' or '#' in it is read in two ways: it is not cached")
    return Shape(pattern, paths.parse(pattern).steps, tuple(captures), exact)


def text_of(steps: Steps) -> str:
    """Return a pattern that has these steps, without captures."""
    return "/" + "/".join(s.value if isinstance(s, Wild) else _literal(s) for s in steps)


def meet(one: Steps, other: Steps) -> Steps | None:
    """Return the steps of what meets both patterns, None where nothing does."""
    met: list[Step] = []
    for at, (a, b) in enumerate(zip_longest(one, other)):
        if a is Wild.REST:
            return (*met, *other[at:])
        if b is Wild.REST:
            return (*met, *one[at:])
        if a == b and a is not None:
            met.append(a)
        elif a is Wild.ONE and b:  # `*` takes no empty segment
            met.append(b)
        elif b is Wild.ONE and a:
            met.append(a)
        else:
            return None
    return tuple(met)


def covers(one: Steps, other: Steps) -> bool:
    """Tell whether whatever meets `other` meets `one` too."""
    return meet(one, other) == other


def weight(steps: Steps) -> int:
    """Return how particular a pattern is: more than that of any pattern that covers it."""
    literals = sum(isinstance(step, bytes) for step in steps)
    ones = sum(step is Wild.ONE for step in steps)
    return 2 * literals + ones + (Wild.REST not in steps)


def _words(path: str) -> Iterator[list[str]]:
    """Yield the segments of a path, each in pieces: literal text, and parameters in braces.

    A slash inside braces, as a regular expression may have it, is no end of a segment.
    """
    if not path.startswith("/"):
        raise ValueError("a path starts with '/'")
    word: list[str] = []
    for piece in _PIECES.findall(path[1:]):
        if piece == "/":
            yield word
            word = []
        else:
            word.append(piece)
    yield word


def _written(word: Sequence[str], taken: Sequence[str | None]) -> tuple[str, str | None]:
    """Return a segment as a pattern has it, and the name that it captures."""
    parameters = [piece[1:-1] for piece in word if _is_parameter(piece)]
    if any(_SPANS.search(name) for name in parameters):
        return "**", None
    if len(word) == len(parameters) == 1:
        name = _name(parameters[0], taken)
        return f"{{{name}}}", name
    if parameters:
        return "*", None
    literal = "".join(word)
    if literal in {"*", "**"}:  # not of OpenAPI, but of some who write it
        return literal, None
    return (_literal(paths.literal(literal)) if literal else ""), None


def _is_parameter(piece: str) -> bool:
    return piece.startswith("{") and piece.endswith("}")


def _name(parameter: str, taken: Sequence[str | None]) -> str:
    """Return a name for what a parameter captures: its own, as far as that is one of ours."""
    plain = re.split(r"[:=]", parameter, maxsplit=1)[0]
    snake = re.sub(r"[^a-z0-9]+", "_", _HUMPS.sub("_", plain).lower()).strip("_")[:_LONGEST]
    if not snake or not snake[0].isalpha():
        snake = f"p_{snake}".strip("_")
    name, number = snake, 2
    while name in taken:
        name, number = f"{snake}_{number}", number + 1
    return name


def _literal(segment: bytes) -> str:
    """Return a literal segment as a pattern has it: readable where that says the same."""
    try:
        text = segment.decode()
    except UnicodeDecodeError:
        return quote(segment, safe=_SAFE)
    return "".join(
        each if each.isalnum() or each in _SAFE else quote(each, safe="") for each in text
    )
