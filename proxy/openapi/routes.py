"""Routes: operations that no rule of ours can tell apart, and which of them must not be cached.

A route is all operations that read, or all that write, on one pattern. What may be personal stays
so on every request that could be meant for it: where two patterns overlap and neither is the more
particular one, their overlap is a route of its own. This module must not know how rules look.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from proxy.errors import ConfigError
from proxy.openapi.operations import READING, WRITING, Declared, Operation
from proxy.openapi.shapes import Shape, Steps, covers, meet, text_of, weight
from proxy.rules.paths import Wild

MOST_BETWEEN: Final = 10_000
"""Overlaps of routes: two lists of routes may have as many as their product."""

_FORBIDDING: Final = ("no-store", "private")

Objection = Callable[[Operation], str | None]


@dataclass(frozen=True, slots=True)
class Route:
    """Operations on one pattern. `off` says why answers are not to be kept, if so."""

    shape: Shape
    operations: tuple[Operation, ...]
    off: str | None = None

    @property
    def rank(self) -> tuple[int, bool, str]:
        """Where it stands among others: before whatever covers it; what is off comes first."""
        return -weight(self.shape.steps), self.off is None, self.shape.text


def writing(operations: Iterable[Operation]) -> list[Route]:
    """Return the routes of what changes something."""
    return _grouped(each for each in operations if each.method in WRITING)


def reading(operations: Iterable[Operation]) -> list[Route]:
    """Return the routes of what GET and HEAD ask for, those between them included.

    Raises ConfigError where those are too many for any file.
    """
    routes = [_judged(r) for r in _grouped(op for op in operations if op.method in READING)]
    off = [route for route in routes if route.off]
    kept = [_apart(route, off) for route in routes if not route.off]
    known = {route.shape.steps for route in routes}
    return [*off, *kept, *_between(off, [route for route in kept if not route.off], known)]


def _grouped(operations: Iterable[Operation]) -> list[Route]:
    groups: dict[Steps, list[Operation]] = defaultdict(list)
    for operation in operations:
        groups[operation.shape.steps].append(operation)
    return [Route(_common(group), tuple(group)) for group in groups.values()]


def _common(group: Sequence[Operation]) -> Shape:
    """Return the one shape of a group: as little exact as its least exact member."""
    return next((op.shape for op in group if not op.shape.exact), group[0].shape)


def _judged(route: Route) -> Route:
    why = (object_(operation) for operation in route.operations for object_ in _OBJECTIONS)
    return replace(route, off=next(filter(None, why), None))


def _apart(route: Route, off: Sequence[Route]) -> Route:
    """Return a route, off itself where something that is off could be meant by any of its paths."""
    if route.shape.exact:
        return route
    for other in off:
        if covers(other.shape.steps, route.shape.steps):
            return replace(route, off=f"cannot be told from {other.shape.text}")
    return route


def _between(off: Sequence[Route], kept: Sequence[Route], known: set[Steps]) -> list[Route]:
    """Return the overlaps of what is off and what is kept, where neither comes first by itself."""
    by_length = defaultdict(list)
    for route in off:
        by_length[_length(route)].append(route)
    found: dict[Steps, Route] = {}
    for route in kept:
        steps, length = route.shape.steps, _length(route)
        lengths = by_length if length is None else (length, None)
        for other in (other for each in lengths for other in by_length.get(each, ())):
            met = meet(steps, other.shape.steps)
            if met and met not in {steps, other.shape.steps} and met not in known:
                why = f"{other.shape.text} and {route.shape.text} overlap here"
                found[met] = Route(_plain(met), (), why)
                if len(found) > MOST_BETWEEN:
                    raise ConfigError(f"more than {MOST_BETWEEN} overlaps of paths; split the file")
    return list(found.values())


def _length(route: Route) -> int | None:
    """Return how many segments a route has, None where there is no telling."""
    return None if Wild.REST in route.shape.steps else len(route.shape.steps)


def _plain(steps: Steps) -> Shape:
    return Shape(text_of(steps), steps, (None,) * len(steps), exact=False)


def _credentials(operation: Operation) -> str | None:
    """Object to what needs to know who asks."""
    security, asked = operation.security, operation.asked
    if security.needed:
        return f"needs {', '.join(map(str, security.credentials))}"
    return f"reads {asked.secret}, which may tell who asks" if asked.secret else None


def _declared(operation: Operation) -> str | None:
    """Object to what says itself that it is not for all."""
    answered = operation.answered
    for word in _FORBIDDING:
        if word in answered.cache_control:
            return f"its Cache-Control is declared as {word}"
    return "sets a cookie" if Declared.SET_COOKIE in answered.fields else None


def _nature(operation: Operation) -> str | None:
    """Object to what no cache can keep."""
    if operation.answered.streams:
        return "is a stream of events"
    if operation.has_body:
        return "has a request body, which no key holds"
    unkeyed = operation.asked.unkeyed
    return f"reads {unkeyed}, which no key can hold" if unkeyed else None


_OBJECTIONS: Final[Sequence[Objection]] = (_credentials, _declared, _nature)
