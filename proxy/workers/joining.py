"""Joining: what several workers say of themselves, as one proxy says it.

Documents of the admin API in, one document out. This module must not know who asks, nor how the
workers are reached.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

Json = dict[str, Any]
Each = Mapping[int, Json]
"""A worker's number → what it says."""


def stats(each: Each) -> Json:
    """Return the counts of all workers; the ledger is that of the one that knows least."""
    all_of = list(each.values())
    phases = [document["phase"] for document in all_of]
    return {
        **_added(all_of),
        "phase": next((phase for phase in phases if phase != "ready"), "ready"),
        "started": min(document["started"] for document in all_of),
        "ledger": max(
            (document["ledger"] for document in all_of),
            key=lambda ledger: float(ledger["unconfirmed_for"]),
        ),
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


def history(each: Each) -> Json:
    """Return what all workers counted lately, at the times of the one that looks back furthest.

    The others' intervals are told with those that ended last beside each other.
    """
    base = max(each.values(), key=lambda document: len(document["times"]))
    length = len(base["times"]) - 1
    outcomes = dict.fromkeys(name for document in each.values() for name in document["outcomes"])
    windows = [document["window"] for document in each.values()]
    return {
        **base,
        "outcomes": {
            name: [sum(counts) for counts in zip(*_series(each, name, length), strict=True)]
            for name in outcomes
        },
        "window": {**_added(windows), "seconds": max(window["seconds"] for window in windows)},
    }


def _series(each: Each, name: str, length: int) -> list[list[int]]:
    found = [document["outcomes"].get(name, []) for document in each.values()]
    return [[0] * (length - len(counts)) + counts for counts in found]


def advice(each: Each) -> Json:
    """Return what the traffic of all workers says of each rule."""
    rules: dict[str, list[Json]] = {}
    for document in each.values():
        for rule in document["rules"]:
            rules.setdefault(rule["rule"], []).append(rule)
    return {"rules": [_advised(told) for told in rules.values()]}


def _advised(told: Sequence[Json]) -> Json:
    """Return one rule's counts, and each piece of advice that any worker gives."""
    total = _added([_without(rule, "advice") for rule in told])
    pieces = {piece["about"]: piece for rule in reversed(told) for piece in rule["advice"]}
    ratio = round(total["hits"] / total["requests"], 4) if total["requests"] else None
    return {
        **total,
        "verify": told[0]["verify"],
        "quarantined": any(rule["quarantined"] for rule in told),
        "hit_ratio": ratio,
        "misses": sorted(total["misses"], key=lambda missed: -missed["count"]),
        "advice": list(pieces.values()),
    }


def quarantined(each: Each) -> Json:
    """Return the rules that any worker passes by."""
    return {"rules": sorted({rule for document in each.values() for rule in document["rules"]})}


def explained(each: Each) -> Json:
    """Return what the worker that knows most says of a request, and what differs by worker."""
    telling = max(each.values(), key=lambda told: (bool(told["memory"]), bool(told["declined"])))
    own = [
        {"worker": number, **{name: document[name] for name in ("verdict", "memory", "declined")}}
        for number, document in each.items()
    ]
    return {**telling, "workers": own}


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
    """Return several values of one shape as one.

    Numbers are added up, in mappings and in lists of counts too; what is true of all is true, and
    a text is the first's. Of how values are spread the worst is told.
    """
    known = [value for value in values if value is not None]
    first: Any = known[0] if known else None
    match first:
        case {"p50": _}:
            return {name: _worst(name, known) for name in known[0]}
        case dict():
            names = dict.fromkeys(name for value in known for name in value)
            return {name: _added([v[name] for v in known if name in v]) for name in names}
        case list():
            return _counted([line for value in known for line in value])
        case bool():
            return all(known)
        case int() | float():
            return sum(known)
        case _:
            return first


def _worst(name: str, spreads: Sequence[Json]) -> float | None:
    """Return a number of several spreads: the sum of counts, or the greatest quantile."""
    known = [spread[name] for spread in spreads if spread[name] is not None]
    return (sum(known) if name == "count" else max(known)) if known else None


def _counted(lines: Sequence[Json]) -> list[Json]:
    """Return lines that count something, those of the same thing as one, in their order."""
    found: dict[bytes, Json] = {}
    for line in lines:
        what = orjson.dumps(_without(line, "count"))
        count = found[what]["count"] if what in found else 0
        found[what] = {**line, "count": count + line["count"]}
    return list(found.values())
