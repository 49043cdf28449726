"""Proposals: the rules that suit the operations of a document, each with its reasons.

What the document leaves open is decided for safety: short lifetimes, tags that drop too much rather
than too little, no caching where an answer may be one caller's. This module must not know YAML.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Final

from proxy.openapi import routes
from proxy.openapi.operations import Declared, Operation
from proxy.openapi.resources import Level, levels
from proxy.openapi.routes import Route

PURGED_TTL: Final = "1m"
"""Lifetime of what writes purge: a purge that is missed is not missed for long."""
UNPURGED_TTL: Final = "10s"
"""Lifetime of what changes without anybody here noticing."""

_LONGEST_NAME: Final = 56
Kind = tuple[str, int, bool]


@dataclass(frozen=True, slots=True)
class Remarked:
    """A path of a rule, and what is remarked about it."""

    path: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """One rule; what is None or empty is not written.

    `operations` are those that it is for. `query` None leaves the whole query in the key.
    """

    name: str
    paths: tuple[Remarked, ...]
    methods: tuple[str, ...]
    operations: tuple[Operation, ...]
    remarks: tuple[str, ...] = ()
    off: bool = False
    ttl: str | None = None
    query: tuple[str, ...] | None = None
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    purge: tuple[str, ...] = ()


def proposals(operations: Iterable[Operation]) -> tuple[Proposal, ...]:
    """Return rules for these operations, in the order in which they have to be tried."""
    operations = tuple(operations)
    reads = sorted(routes.reading(operations), key=lambda route: route.rank)
    writes = sorted(routes.writing(operations), key=lambda route: route.rank)
    tagging = _Tagging(reads, writes)
    found: list[Proposal] = []
    for off, group in groupby(reads, lambda route: route.rank[0] if route.off else None):
        alike = tuple(group)
        found += map(tagging.read, alike) if off is None else [_off(alike)]
    found += [proposal for route in writes if (proposal := tagging.write(route))]
    return tuple(_distinct(found))


class _Tagging:
    """Who carries which tag, and who purges it: what reads and writes have to know of each other.

    A write whose path names no single item, `POST /items/{id}:archive`, purges the collection; so
    the items of such a one carry the collection's tag as well.
    """

    def __init__(self, reads: Sequence[Route], writes: Sequence[Route]) -> None:
        self._blunt = {
            _levels(route)[-1].kind for route in writes if not route.shape.exact and _levels(route)
        }
        kept = [route for route in reads if not route.off]
        self._carried = {level.kind for route in kept for level in self._carries(route)}
        self._purged = {level.kind for route in writes for level in self._purges(route)}

    def read(self, route: Route) -> Proposal:
        """Return the rule of what is read, and may be kept."""
        operations = route.operations
        carried = self._carries(route)
        ttl, why = _lifetime(operations, purged=any(each.kind in self._purged for each in carried))
        queries = [operation.asked.query for operation in operations]
        known = [query for query in queries if query is not None]
        headers = dict.fromkeys(name for op in operations for name in _headers(op))
        return Proposal(
            name=_name(route),
            paths=(Remarked(route.shape.text),),
            methods=("GET", "HEAD"),
            operations=operations,
            remarks=(*_told(operations), *why, *_beside_the_key(operations)),
            ttl=ttl,
            query=_union(known) if len(known) == len(queries) else None,
            headers=tuple(headers),
            cookies=_union(operation.asked.cookies for operation in operations),
            tags=tuple(dict.fromkeys(level.tag for level in carried)),
        )

    def write(self, route: Route) -> Proposal | None:
        """Return the rule of what is written, None where nothing that is kept is touched."""
        purged = [level for level in self._purges(route) if level.kind in self._carried]
        if not purged:
            return None
        methods = dict.fromkeys(operation.method for operation in route.operations)
        return Proposal(
            name=f"{_name(route)}-writes",
            paths=(Remarked(route.shape.text),),
            methods=tuple(methods),
            operations=route.operations,
            remarks=_told(route.operations),
            purge=tuple(dict.fromkeys(level.tag for level in purged)),
        )

    def _carries(self, route: Route) -> list[Level]:
        """Return what an answer is called: itself, and every item that it belongs to."""
        path = _levels(route)
        found = [*path[-1:], *(level for level in path if level.item)]
        blunt = (above for above, level in pairwise(path) if level.item)
        return [*found, *(above for above in blunt if above.kind in self._blunt)]

    def _purges(self, route: Route) -> list[Level]:
        """Return what a write changes: itself, its collection, and what it is a part of."""
        path = _levels(route)
        items = 2 if path and path[-1].item else 1
        found: list[Level] = []
        for level in reversed(path):
            items -= level.item
            if items < 0:
                break
            found.append(level)
        return found


def _levels(route: Route) -> tuple[Level, ...]:
    groups = [group for operation in route.operations for group in operation.groups]
    return levels(route.shape, groups[0] if groups else "")


def _off(group: Sequence[Route]) -> Proposal:
    paths = tuple(Remarked(route.shape.text, _why_off(route)) for route in group)
    operations = tuple(operation for route in group for operation in route.operations)
    return Proposal("not-cached", paths, ("GET", "HEAD"), operations, off=True)


def _why_off(route: Route) -> str:
    named = next((operation.name for operation in route.operations if operation.name), "")
    return f"{named}: {route.off}" if named else str(route.off)


def _lifetime(
    operations: Sequence[Operation], *, purged: bool
) -> tuple[str | None, tuple[str, ...]]:
    """Return the lifetime to write, and why it is that."""
    declared = {each for operation in operations for each in operation.answered.fields}
    validator = declared & {Declared.ETAG, Declared.LAST_MODIFIED}
    after = "; after that, it is validated" if validator else ""
    if Declared.CACHE_CONTROL in declared:
        return None, ("no ttl: the API declares Cache-Control, which decides",)
    if purged:
        return PURGED_TTL, (f"writes that pass here purge it; longer once they all do{after}",)
    return UNPURGED_TTL, (f"short: no write that changes it is known to pass here{after}",)


def _headers(operation: Operation) -> Iterator[str]:
    yield from operation.asked.headers
    if len(operation.answered.types) > 1:
        yield "accept"


def _told(operations: Sequence[Operation]) -> tuple[str, ...]:
    return tuple(f"{each}{', deprecated' if each.deprecated else ''}" for each in operations)


def _beside_the_key(operations: Sequence[Operation]) -> Iterator[str]:
    """Yield what answers depend on, or may depend on, beside what the key holds."""
    ignored = _union(operation.asked.ignored for operation in operations)
    if ignored:
        yield f"not in the key, though read: {', '.join(ignored)}"
    if any(Declared.VARY in operation.answered.fields for operation in operations):
        yield "the API declares Vary: each variant is kept under one key"
    if any(operation.asked.query is None for operation in operations):
        yield "the names of its query parameters are open: the whole query is in the key"


def _union(lists: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for each in lists for name in each))


def _name(route: Route) -> str:
    """Return a name for a rule: the items on the way, and what is at its end."""
    path = _levels(route)
    nouns = [level.noun for level in path if level.item] + [level.noun for level in path[-1:]]
    words = "-".join(dict.fromkeys(nouns))
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")[:_LONGEST_NAME].strip("-") or "root"


def _distinct(found: Iterable[Proposal]) -> Iterator[Proposal]:
    """Yield the rules, with a number behind a name that is taken."""
    taken = {"default"}
    for proposal in found:
        name, number = proposal.name, 2
        while name in taken:
            name, number = f"{proposal.name}-{number}", number + 1
        taken.add(name)
        yield replace(proposal, name=name)
