"""Collectors: the metrics of all that the engine does not count itself.

Read at scrape from plain objects; this module counts nothing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import Field, fields
from typing import Any, Protocol

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from proxy.admin.control import Link, Log, Outcome
from proxy.admin.metrics import cumulated
from proxy.engine.ledger import Ledger, Trust
from proxy.engine.stats import Histogram

Counts = Counter[str] | Counter[tuple[str, ...]]
"""The value of a label, or the values of several → how often."""


class LedgerCollector(Collector):
    """How far this replica knows what has been purged; `now` is the engine's clock."""

    def __init__(self, ledger: Ledger, now: Callable[[], float]) -> None:
        self._ledger = ledger
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Yield every metric there is."""
        now = self._now()
        yield _gauge(
            "ledger_sequence", "Purges in the log that are applied.", self._ledger.sequence
        )
        sentence = "Seconds since this replica last knew that it had applied every purge."
        yield _gauge("ledger_lag_seconds", sentence, self._ledger.lag(now))
        trust = GaugeMetricFamily(
            "sidecache_ledger_trust",
            "How far the ledger is believed: 1 for the state it is in.",
            labels=["trust"],
        )
        for each in Trust:
            trust.add_metric([each.value], float(each is self._ledger.trust(now)))
        yield trust


class SharedCollector(Collector):
    """How it goes with the shared store, and with the log of purges in it."""

    def __init__(self, link: Link, log: Log) -> None:
        self._link = link
        self._log = log

    def collect(self) -> Iterator[Metric]:
        """Yield every metric there is."""
        calls, log = self._link.stats, self._log
        yield _gauge("redis_usable", "1 where calls to Redis are made.", self._link.usable)
        yield _count("redis_operations", "Calls made to Redis.", calls.operations)
        yield _count("redis_spared", "Calls not made while Redis is left alone.", calls.spared)
        failures = CounterMetricFamily(
            "sidecache_redis_failures", "Calls to Redis that failed, by kind.", labels=["kind"]
        )
        for kind, count in calls.failures.items():
            failures.add_metric([kind], count)
        yield failures
        yield _histogram(
            "redis_latency_seconds", "Seconds that calls to Redis took.", calls.latency
        )
        yield _count("log_applied", "Purges from the log that were applied.", log.applied)
        yield _count("log_rebases", "Times that the ledger had to begin anew.", log.rebases)
        yield _count("log_reconnects", "Times that the log was lost.", log.reconnects)
        sentence = "Replicas that follow the log, this one among them, as it was last heard."
        yield _gauge("replicas", sentence, log.present)
        yield _gauge("replicas_here", "Replicas that are here: each worker is one.", 1)
        yield _gauge("log_untold", "Purges that wait to be told to the log.", log.untold)
        sentence = "Seconds until a purge was accepted by the log and applied here."
        yield _histogram("log_latency_seconds", sentence, log.latency)


class Reloads(Protocol):
    """What is counted of settings that were read anew."""

    generation: int
    outcomes: dict[Outcome, int]
    refused: tuple[str, ...]


class ReloadCollector(Collector):
    """Which settings are in force, and whether others were refused."""

    def __init__(self, reloads: Reloads) -> None:
        self._reloads = reloads

    def collect(self) -> Iterator[Metric]:
        """Yield every metric there is."""
        sentence = "Times that settings have been put in force."
        yield _gauge("config_generation", sentence, self._reloads.generation)
        sentence = "1 where the settings that were read last are wrong, and others in force."
        yield _gauge("config_refused", sentence, bool(self._reloads.refused))
        sentence = "Times that settings were read anew, by what became of them."
        family = CounterMetricFamily("sidecache_config_reloads", sentence, labels=["outcome"])
        for outcome, count in self._reloads.outcomes.items():
            family.add_metric([outcome.value], count)
        yield family


class DeclaredCollector(Collector):
    """A dataclass of numbers; each has its sentence, and its labels, where it is declared.

    A number is a counter unless `gauge` is said of it.
    """

    def __init__(self, prefix: str, stats: Any) -> None:  # noqa: ANN401 - any such dataclass
        self._prefix = prefix
        self._stats = stats

    def collect(self) -> Iterator[Metric]:
        """Yield every metric there is."""
        for each in fields(self._stats):
            yield self._metric(each)

    def _metric(self, declared: Field[Any]) -> Metric:
        told = declared.metadata
        name, sentence = f"{self._prefix}_{declared.name}", told["help"]
        value = getattr(self._stats, declared.name)
        if isinstance(value, Histogram):
            return _histogram(f"{name}_seconds", sentence, value)
        if "labels" in told:
            return _labelled(name, sentence, told["labels"], value)
        return (_gauge if told.get("gauge") else _count)(name, sentence, value)


class AddressesCollector(Collector):
    """How many addresses of the upstream are in which state."""

    def __init__(self, states: Callable[[], Mapping[str, int]]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        """Yield the one metric."""
        sentence = "Addresses of the upstream, by what is thought of them."
        family = GaugeMetricFamily("sidecache_upstream_addresses", sentence, labels=["state"])
        for state, count in self._states().items():
            family.add_metric([state], count)
        yield family


class QuarantineCollector(Collector):
    """Which rules are out of use."""

    def __init__(self, quarantined: Callable[[], Iterable[str]]) -> None:
        self._quarantined = quarantined

    def collect(self) -> Iterator[Metric]:
        """Yield the one metric."""
        sentence = "1 for each rule under which callers got each other's answers."
        family = GaugeMetricFamily("sidecache_quarantined", sentence, labels=["rule"])
        for name in self._quarantined():
            family.add_metric([name], 1)
        yield family


def _labelled(name: str, sentence: str, labels: tuple[str, ...], counts: Counts) -> Metric:
    family = CounterMetricFamily(f"sidecache_{name}", sentence, labels=labels)
    for key, count in counts.items():
        family.add_metric([key] if isinstance(key, str) else list(key), count)
    return family


def _gauge(name: str, sentence: str, value: float) -> Metric:
    return GaugeMetricFamily(f"sidecache_{name}", sentence, value)


def _count(name: str, sentence: str, value: int) -> Metric:
    return CounterMetricFamily(f"sidecache_{name}", sentence, value)


def _histogram(name: str, sentence: str, histogram: Histogram) -> Metric:
    buckets = cumulated(histogram)
    return HistogramMetricFamily(f"sidecache_{name}", sentence, buckets, histogram.sum)
