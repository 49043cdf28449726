"""The metrics of the way to the upstream; each number has its sentence where it is declared.

Read at scrape from plain objects; this module counts nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import Field, fields
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from proxy.admin.metrics import cumulated
from proxy.engine.stats import Histogram


class UpstreamCollector(Collector):
    """Reads the counters, and how many addresses are in which state."""

    def __init__(self, stats: Any, states: Callable[[], Mapping[str, int]]) -> None:  # noqa: ANN401 - any dataclass of counters
        self._stats = stats
        self._states = states

    def collect(self) -> list[Metric]:
        """Return every metric there is."""
        return [*(self._metric(each) for each in fields(self._stats)), self._addresses()]

    def _metric(self, declared: Field[Any]) -> Metric:
        name, sentence = f"sidecache_upstream_{declared.name}", declared.metadata["help"]
        value = getattr(self._stats, declared.name)
        if isinstance(value, Histogram):
            return HistogramMetricFamily(f"{name}_seconds", sentence, cumulated(value), value.sum)
        if isinstance(value, Counter):
            return _labelled(name, sentence, declared.metadata["label"], value)
        if declared.metadata.get("gauge"):
            return GaugeMetricFamily(name, sentence, value)
        return CounterMetricFamily(name, sentence, value)

    def _addresses(self) -> Metric:
        sentence = "Addresses of the upstream, by what is thought of them."
        family = GaugeMetricFamily("sidecache_upstream_addresses", sentence, labels=["state"])
        for state, count in self._states().items():
            family.add_metric([state], count)
        return family


def _labelled(name: str, sentence: str, label: str, counts: Counter[str]) -> Metric:
    family = CounterMetricFamily(name, sentence, labels=[label])
    for value, count in counts.items():
        family.add_metric([value], count)
    return family
