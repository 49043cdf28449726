"""Exposition: the metrics of several workers, in Prometheus' text format, as those of one proxy.

Counters and histograms are added up; of each gauge the table says what it is of several. The
text that stands before a sample's value is its identity: all workers write it alike. This module
must not know what is counted, nor where a text comes from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

Join = Callable[[float, float], float]


def _sum(one: float, other: float) -> float:
    return one + other


GAUGES: Final[Mapping[str, Join]] = {
    "sidecache_in_flight": _sum,
    "sidecache_memory_bytes": _sum,
    "sidecache_memory_keys": _sum,
    "sidecache_recall_bytes": _sum,
    "sidecache_recall_answers": _sum,
    "sidecache_edge_connections": _sum,
    "sidecache_upstream_in_flight": _sum,
    "sidecache_upstream_waiting": _sum,
    "sidecache_upstream_open": _sum,
    "sidecache_upstream_idle": _sum,
    "sidecache_log_untold": _sum,
    "sidecache_replicas_here": _sum,
    "sidecache_ledger_sequence": min,
    "sidecache_redis_usable": min,
    "sidecache_replicas": min,
    "sidecache_config_generation": min,
    "sidecache_ledger_lag_seconds": max,
    "sidecache_ledger_trust": max,
    "sidecache_config_refused": max,
    "sidecache_upstream_addresses": max,
    "sidecache_quarantined": max,
}
"""Gauge → what it is of two workers: a sum of amounts, or the worse of two states."""


class _Family:
    """One metric: its sentence, its type, and its samples in the order in which they came."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sentence = ""
        self.type = ""
        self.samples: dict[str, float] = {}

    @property
    def is_gauge(self) -> bool:
        return self.type == "gauge"

    def add(self, sample: str, value: float) -> None:
        """Join a sample to what is known of it."""
        join = GAUGES.get(self.name, max) if self.is_gauge else _sum
        known = self.samples.get(sample)
        self.samples[sample] = value if known is None else join(known, value)

    def lines(self) -> Iterator[str]:
        """Yield its lines, without their ends."""
        yield f"# HELP {self.name} {self.sentence}"
        yield f"# TYPE {self.name} {self.type}"
        for sample, value in self.samples.items():
            yield f"{sample} {value!r}"


def joined(texts: Iterable[bytes]) -> bytes:
    """Return the metrics of all texts as one."""
    families: dict[str, _Family] = {}
    for text in texts:
        _read(text, families)
    return _written(families.values())


def lasting(text: bytes) -> bytes:
    """Return what stays true of a worker that has ended: what it has counted, no gauge."""
    families: dict[str, _Family] = {}
    _read(text, families)
    return _written(family for family in families.values() if not family.is_gauge)


def _written(families: Iterable[_Family]) -> bytes:
    return "".join(f"{line}\n" for family in families for line in family.lines()).encode()


def _read(text: bytes, families: dict[str, _Family]) -> None:
    """Add the samples of a text; each stands behind the two lines about its metric."""
    family = _Family("")
    for line in text.decode().splitlines():
        if line.startswith("# HELP "):
            name, _, sentence = line[7:].partition(" ")
            family = families.setdefault(name, _Family(name))
            family.sentence = sentence
        elif line.startswith("# TYPE "):
            family.type = line.rpartition(" ")[2]
        elif line:
            sample, _, value = line.rpartition(" ")
            family.add(sample, float(value))
