"""Joining: what several workers say of themselves, as one proxy says it.

Documents of the admin API in, one document out. This module must not know who asks, nor how the
workers are reached.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Json = dict[str, Any]
Each = Mapping[int, Json]
"""A worker's number → what it says."""


def stats(each: Each) -> Json:
    """Return the counts of all workers; the ledger is that of the one that knows least."""
    ledgers = [document["ledger"] for document in each.values()]
    total = _added([_without(document, "ledger") for document in each.values()])
    return {
        **total,
        "ledger": max(ledgers, key=lambda ledger: float(ledger["unconfirmed_for"])),
        "workers": [
            {
                "worker": number,
                "requests": sum(line["count"] for line in document["requests"]),
                "in_flight": document["in_flight"],
                "memory": document["memory"],
            }
            for number, document in each.items()
        ],
    }


def explained(each: Each) -> Json:
    """Return what one worker says of a request, and what of it differs by worker."""
    first = next(iter(each.values()))
    own = [
        {"worker": number, "verdict": document["verdict"], "memory": document["memory"]}
        for number, document in each.items()
    ]
    return {**first, "workers": own}


def reloaded(each: Each) -> Json:
    """Return what became of settings that all who answered have put in force."""
    first = next(iter(each.values()))
    generation = min(document["generation"] for document in each.values())
    own = [{"worker": number, **document} for number, document in each.items()]
    return {**first, "generation": generation, "workers": own}


def matching(each: Each) -> Json:
    """Return how much of all workers' memory a purge would void."""
    first = next(iter(each.values()))
    return {**first, "matching": sum(document["matching"] for document in each.values())}


def under_key(each: Each, limit: int) -> Json:
    """Return the entries that all workers hold under one key."""
    entries = [entry for number, document in each.items() for entry in _named(document, number)]
    return {"entries": entries[:limit], "cursor": None}


def page(document: Json, number: int, workers: int) -> Json:
    """Return a page of one worker's entries as one of all: they come one worker after the other."""
    at = document["cursor"]
    following = number + 1 if number + 1 < workers else None
    cursor = following if at is None else at * workers + number
    return {"entries": _named(document, number), "cursor": cursor}


def _named(document: Json, number: int) -> list[Json]:
    return [{"worker": number, **entry} for entry in document["entries"]]


def _without(document: Json, name: str) -> Json:
    return {field: value for field, value in document.items() if field != name}


def _added(values: Sequence[Any]) -> Any:  # noqa: ANN401 - JSON, of a shape that is the same in all
    """Return the sum of values of one shape: numbers, mappings of them, or lists of counts."""
    first = values[0]
    if isinstance(first, dict):
        names = dict.fromkeys(name for value in values for name in value)
        return {name: _added([v[name] for v in values if name in v]) for name in names}
    if isinstance(first, list):
        return _counted([line for value in values for line in value])
    return sum(values)


def _counted(lines: Sequence[Json]) -> list[Json]:
    """Return lines that count something, those of the same thing as one."""
    counts: dict[tuple[tuple[str, str], ...], int] = {}
    for line in lines:
        what = tuple(_without(line, "count").items())
        counts[what] = counts.get(what, 0) + line["count"]
    return [{**dict(what), "count": count} for what, count in counts.items()]
