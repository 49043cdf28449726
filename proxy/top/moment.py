"""A moment: what the admin API said of a proxy at one time, as numbers.

Whatever a release does not tell yet, or not any more, is empty. This module must not know how it
was asked for, or what follows from it.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Replica:
    """One replica: its name, how many purges it is behind, and seconds since it was heard of."""

    name: str
    address: str
    lag: int
    seen: float


@dataclass(frozen=True, slots=True)
class Asked:
    """The documents of one moment, `taken` at a monotonic time in seconds.

    None is what could not be had; `replicas_problem` says why that of the replicas could not.
    """

    taken: float
    stats: Json
    replicas: Json | None = None
    replicas_problem: str = ""
    advice: Json | None = None
    history: Json | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """The numbers of one moment; counters count from the start of the process."""

    taken: float
    requests: Counter[tuple[str, str]]
    """By rule and outcome."""
    reasons: Counter[str]
    storing: Counter[str]
    body_bytes: int
    collapsed: int
    evictions: int
    in_flight: int
    memory_bytes: int
    memory_keys: int
    trust: str
    unconfirmed: float
    started: float | None
    version: str
    phase: str
    redis: Json | None
    replicas: tuple[Replica, ...]
    replicas_problem: str
    advice: tuple[tuple[str, str], ...]
    """Names of rules, each with what is advised."""
    past: tuple[float, ...]
    """Requests a second, one an interval of the last hour."""


def moment(asked: Asked) -> Moment:
    """Return the numbers of what was said."""
    stats = asked.stats
    memory, ledger = _mapping(stats.get("memory")), _mapping(stats.get("ledger"))
    started = stats.get("started")
    redis = stats.get("redis")
    return Moment(
        taken=asked.taken,
        requests=Counter(
            {
                (str(each["rule"]), str(each["outcome"])): int(each["count"])
                for each in _requests(stats)
            }
        ),
        reasons=_counts(stats.get("reasons")),
        storing=_counts(stats.get("storing")),
        body_bytes=_counts(stats.get("body_bytes")).total(),
        collapsed=int(stats.get("collapsed", 0)),
        evictions=int(memory.get("evictions", 0)),
        in_flight=int(stats.get("in_flight", 0)),
        memory_bytes=int(memory.get("bytes", 0)),
        memory_keys=int(memory.get("keys", 0)),
        trust=str(ledger.get("trust", "")),
        unconfirmed=float(ledger.get("unconfirmed_for", 0.0)),
        started=float(started) if isinstance(started, int | float) else None,
        version=str(stats.get("version", "")),
        phase=str(stats.get("phase", "")),
        redis=redis if isinstance(redis, Mapping) else None,
        replicas=tuple(_replicas(asked.replicas)),
        replicas_problem=asked.replicas_problem,
        advice=tuple(_advice(asked.advice)),
        past=tuple(_past(asked.history)),
    )


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _requests(stats: Json) -> list[Json]:
    found: list[Json] = stats.get("requests", [])
    return found


def _counts(value: object) -> Counter[str]:
    return Counter({str(name): int(count) for name, count in _mapping(value).items()})


def _replicas(document: Json | None) -> Iterator[Replica]:
    for each in _mapping(document).get("replicas", ()):
        yield Replica(each["name"], each.get("address", ""), int(each["lag"]), float(each["seen"]))


def _advice(document: Json | None) -> Iterator[tuple[str, str]]:
    for rule in _mapping(document).get("rules", ()):
        for each in rule.get("advice", ()):
            yield str(rule["rule"]), str(each["text"])


def _past(document: Json | None) -> Iterator[float]:
    """Yield the rate of each interval: what was counted by its own length."""
    told = _mapping(document)
    times, outcomes = told.get("times", ()), _mapping(told.get("outcomes")).values()
    for at in range(len(times) - 1):
        yield sum(counts[at] for counts in outcomes) / max(times[at + 1] - times[at], 0.001)
