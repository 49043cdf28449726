"""Path patterns, and the trie that finds those which a path meets.

A pattern is compared segment by segment; no user text becomes a regular expression. This module
must not know what a rule is: it gives back numbers.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import quote

from proxy.http.target import segments


class Wild(Enum):
    """A step that takes what is there: one segment that is not empty, or all the rest."""

    ONE = "*"
    REST = "**"


Step = bytes | Wild
Capture = tuple[str, bytes]

_CAPTURE: Final = re.compile(r"\{([a-z_][a-z0-9_]{0,31})\}")
_PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern: its steps, and which segment each name captures."""

    steps: tuple[Step, ...]
    captures: tuple[tuple[str, int], ...]


def parse(text: str) -> Pattern:
    """Compile `/a/{name}/*/b` or `/a/**`. Raises ValueError that says what is accepted."""
    if not text.startswith("/"):
        raise ValueError("a path pattern starts with '/'")
    words = text[1:].split("/")
    if "**" in words[:-1]:
        raise ValueError("'**' stands for the rest of the path and can only come last")
    if "" in words[:-1]:
        raise ValueError("an empty segment, '//', matches no path")
    named = [(found[1], at) for at, word in enumerate(words) if (found := _CAPTURE.fullmatch(word))]
    if len(dict(named)) < len(named):
        raise ValueError("a capture's name can be used once")
    return Pattern(tuple(map(_step, words)), tuple(named))


def _step(word: str) -> Step:
    if word in {"*", "**"}:
        return Wild(word)
    if _CAPTURE.fullmatch(word):
        return Wild.ONE
    if set(word) & set("{}*"):
        raise ValueError("a segment is literal text, '*', '{name}' or, at the end, '**'")
    if set(word) & set("?#"):
        raise ValueError("a path pattern has no query; use match.query")
    return literal(word)


def literal(word: str) -> bytes:
    """Return the decoded segment that a word stands for; raises ValueError where none matches."""
    match segments(b"/" + quote(word, safe=_PRINTABLE).encode()):
        case (segment,):
            return segment
        case _:
            raise ValueError(f"'{word}' is a segment that no path is matched with")


@dataclass(frozen=True, slots=True, order=True)
class _Leaf:
    """The end of a pattern; leaves are ordered as the patterns were given."""

    rank: int
    number: int
    pattern: Pattern

    def captured(self, path: Sequence[bytes]) -> tuple[Capture, ...]:
        return tuple((name, path[at]) for name, at in self.pattern.captures)


@dataclass(slots=True)
class Node:
    """A point in the trie: where it goes on, and which patterns end in it."""

    literals: dict[bytes, "Node"] = field(default_factory=dict)
    one: "Node | None" = None
    ends: list[_Leaf] = field(default_factory=list)
    rests: list[_Leaf] = field(default_factory=list)

    def onward(self, segment: bytes) -> "tuple[Node, ...]":
        """Return the nodes, two at most, that a segment leads to."""
        literal = self.literals.get(segment)
        wild = self.one if segment else None
        if literal is None:
            return () if wild is None else (wild,)
        return (literal,) if wild is None else (literal, wild)

    def shared(self, step: Step) -> "tuple[Node, ...]":
        """Return the nodes that some segment leads to which `step` takes."""
        if isinstance(step, bytes):
            return self.onward(step)
        every = step is Wild.REST
        below = (node for segment, node in self.literals.items() if every or segment)
        return (*below, self.one) if self.one else tuple(below)

    def grown(self, step: Step) -> "Node":
        """Return the node behind `step`, made if need be."""
        if isinstance(step, bytes):
            return self.literals.setdefault(step, Node())
        self.one = self.one or Node()
        return self.one


class Trie:
    """All patterns as one tree by segments.

    A look-up follows the path, not the patterns: its cost depends on the patterns that agree with
    the path so far, never on how many others there are.
    """

    __slots__ = ("_root",)

    def __init__(self, patterns: Sequence[tuple[int, Pattern]]) -> None:
        """Take patterns with the number that a look-up gives back, the first to win first."""
        self._root = Node()
        for rank, (number, pattern) in enumerate(patterns):
            self._add(_Leaf(rank, number, pattern))

    def _add(self, leaf: _Leaf) -> None:
        node = self._root
        for step in leaf.pattern.steps:
            if step is Wild.REST:
                node.rests.append(leaf)
                return
            node = node.grown(step)
        node.ends.append(leaf)

    def levels(self, path: Sequence[bytes]) -> list[list[Node]]:
        """Return the nodes that the path reaches, segment by segment, as far as one goes on."""
        levels = [[self._root]]
        for segment in path:
            below: list[Node] = []
            for node in levels[-1]:
                below += node.onward(segment)
            if not below:
                break
            levels.append(below)
        return levels

    def overlapping(self, steps: Sequence[Step]) -> Iterator[int]:
        """Yield the number of each pattern that shares a path with these steps, in no order.

        The cost depends on the patterns that agree with the steps so far.
        """
        waiting = [(self._root, 0)]
        while waiting:
            node, at = waiting.pop()
            step = steps[at] if at < len(steps) else None
            met = node.rests if step not in {None, Wild.REST} else [*node.rests, *node.ends]
            yield from (leaf.number for leaf in met)
            if step is not None:
                onward = at if step is Wild.REST else at + 1
                waiting += [(below, onward) for below in node.shared(step)]

    def candidates(self, path: Sequence[bytes]) -> Iterator[tuple[int, tuple[Capture, ...]]]:
        """Yield number and captures of each pattern that the path meets, in the given order.

        `path` as `proxy.http.target.segments` splits it.
        """
        levels = self.levels(path)
        met = [leaf for level in levels for node in level for leaf in node.rests]
        if len(levels) > len(path):
            met += [leaf for node in levels[-1] for leaf in node.ends]
        met.sort()
        for leaf in met:
            yield leaf.number, leaf.captured(path)
