"""Metrics: the engine's plain numbers in the words of Prometheus, made at scrape.

Names and sentences come from where the numbers are declared; this module counts nothing.
"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from proxy.engine.stats import BUCKETS, Histogram, Occupancy, Stats

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_SENTENCES: Final = {f.name: f.metadata["help"] for f in fields(Stats)}


class EngineCollector(Collector):
    """Reads stats and store when Prometheus asks."""

    def __init__(self, stats: Stats, memory: Occupancy) -> None:
        self._stats = stats
        self._memory = memory

    def collect(self) -> Iterator[Metric]:
        """Yield every metric there is."""
        yield _paired("requests", ("rule", "outcome"), self._stats.requests)
        yield _paired("purges", ("mode", "source"), self._stats.purges)
        yield _labelled("reasons", "reason", self._stats.reasons)
        yield _labelled("storing", "reason", self._stats.storing)
        yield _labelled("body_bytes", "outcome", self._stats.body_bytes)
        yield _plain("collapsed", self._stats.collapsed)
        yield _plain("upstream_seconds_saved", self._stats.upstream_seconds_saved)
        yield _plain("log_lines_dropped", self._stats.log_lines_dropped)
        yield GaugeMetricFamily(
            "sidecache_in_flight", _SENTENCES["in_flight"], value=self._stats.in_flight
        )
        yield self._latency()
        yield _paired("shadow_requests", ("rule", "outcome"), self._stats.shadow_requests)
        yield _plain("shadow_seconds_saved", self._stats.shadow_seconds_saved)
        yield _paired("comparisons", ("rule", "finding"), self._stats.comparisons)
        yield _plain("verifications_dropped", self._stats.verifications_dropped)
        yield _plain("verifications_failed", self._stats.verifications_failed)
        yield from self._store()

    def _latency(self) -> Metric:
        family = HistogramMetricFamily(
            "sidecache_latency_seconds", _SENTENCES["latency"], labels=["outcome"]
        )
        for outcome, histogram in self._stats.latency.items():
            family.add_metric([outcome], cumulated(histogram), histogram.sum)
        return family

    def _store(self) -> Iterator[Metric]:
        yield GaugeMetricFamily(
            "sidecache_memory_bytes", "Bytes that the memory tier holds.", self._memory.bytes
        )
        yield GaugeMetricFamily(
            "sidecache_memory_keys", "Keys that the memory tier holds.", len(self._memory)
        )
        yield CounterMetricFamily(
            "sidecache_memory_evictions",
            "Keys that the memory tier gave up for want of room.",
            self._memory.evictions,
        )


def render(stats: Stats, memory: Occupancy, *others: Collector) -> bytes:
    """Return the exposition text of all metrics, those of other collectors included."""
    registry = CollectorRegistry(auto_describe=False)
    for collector in (EngineCollector(stats, memory), *others):
        registry.register(collector)
    return generate_latest(registry)


def cumulated(histogram: Histogram) -> list[tuple[str, float]]:
    """Return the buckets of a histogram as Prometheus has them: each with all below it."""
    total = 0
    buckets = []
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), histogram.counts, strict=True):
        total += count
        buckets.append((bound, float(total)))
    return buckets


def _plain(name: str, value: float) -> Metric:
    return CounterMetricFamily(f"sidecache_{name}", _SENTENCES[name], value)


def _labelled(name: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"sidecache_{name}", _SENTENCES[name], labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family


def _paired(name: str, labels: tuple[str, str], counts: dict[tuple[str, str], int]) -> Metric:
    family = CounterMetricFamily(f"sidecache_{name}", _SENTENCES[name], labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family
