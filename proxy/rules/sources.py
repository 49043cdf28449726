"""Sources: settings from several places laid over one another, each able to say where.

This module must not know what the places are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from proxy.rules.problems import Loc, Problem

Values = Mapping[Any, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """Values from one place, and how a message about one of them begins."""

    values: Values
    where: Callable[[Loc], str]

    def holds(self, loc: Loc) -> bool:
        """Tell whether the value at `loc`, or a list or scalar around it, comes from here."""
        values: object = self.values
        for step in loc:
            if not isinstance(values, Mapping):
                return True
            if step not in values:
                return False
            values = values[step]
        return True


def nested(values: Mapping[Loc, object]) -> dict[str | int, Any]:
    """Return values by their location as mappings in mappings."""
    tree: dict[str | int, Any] = {}
    for loc, value in values.items():
        inner = tree
        for step in loc[:-1]:
            inner = inner.setdefault(step, {})
        inner[loc[-1]] = value
    return tree


def merged(sources: Iterable[Source]) -> dict[Any, Any]:
    """Return the values of all sources as one tree; the first source that has one wins."""
    tree: dict[Any, Any] = {}
    for source in sources:
        tree = _over(tree, source.values)
    return tree


def report(problems: Iterable[Problem], sources: Sequence[Source]) -> list[str]:
    """Return a line for each problem, told by the source it comes from, or else by the last."""
    return [f"{_source_of(p.loc, sources).where(p.loc)}: {p.text}" for p in problems]


def _over(above: Values, below: Values) -> dict[Any, Any]:
    tree = dict(below)
    for key, value in above.items():
        match value, tree.get(key):
            case Mapping(), Mapping() as under:
                tree[key] = _over(value, under)
            case _:
                tree[key] = value
    return tree


def _source_of(loc: Loc, sources: Sequence[Source]) -> Source:
    return next((source for source in sources if source.holds(loc)), sources[-1])
