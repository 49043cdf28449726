"""Writes docs/metrics.md from the collectors of a proxy: what it names is what /metrics shows."""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from proxy.admin.collectors import DeclaredCollector
from proxy.admin.metrics import EngineCollector
from proxy.app import Service
from proxy.coding.packing import Level
from proxy.edge.stats import Deadline
from proxy.engine.ledger import Trust
from proxy.engine.purge import Mode
from proxy.engine.purging import Source
from proxy.rules.comparison import Finding
from proxy.settings import load
from proxy.store.redis.failures import Failure
from proxy.upstream.breaker import State
from proxy.upstream.connection import Intrusion
from proxy.upstream.faults import EXPIRED

_HEAD: Final = """# Metrics

`GET /metrics` on the admin listener, in Prometheus' text format, without a token. Numbers are
counted where things happen and read at scrape. Labels are closed sets or the names of rules: a
path, a host or a tag is never one. Several workers show as one process: counters, bytes and
connections are added up, of a state the worst is told. A counter's name ends in `_total`; a
histogram has `_bucket`, `_sum` and `_count`. The chart's alerts and dashboard use them
([runbook](runbook.md)).

This page is generated from where the metrics are declared.
"""


def _one_of(kinds: type[Enum]) -> str:
    return ", ".join(f"`{kind.value}`" for kind in kinds)


_LABELLED: Final = "\n## Labels\n\n| label | values |\n|---|---|\n"
_LABELS: Final = {
    "rule": "the name of a rule, or of a built-in one",
    "outcome": "`hit`, `stale`, `validated`, `miss`, `bypass`, `error`",
    "finding": _one_of(Finding),
    "reason": "one of [the reasons](reasons.md)",
    "mode": _one_of(Mode),
    "source": _one_of(Source),
    "trust": _one_of(Trust),
    "kind": _one_of(Failure),
    "coding": "`br`, `zstd`, `gzip`",
    "level": _one_of(Level),
    "phase": ", ".join(f"`{phase}`" for phase in ("connect", *EXPIRED)),
    "cause": _one_of(Intrusion),
    "deadline": _one_of(Deadline),
    "state": f"{_one_of(State)}, `unwell` by its checks",
}
"""What the values of each label are."""

LINE: Final = {
    "time": "when it was answered, seconds since the epoch",
    "method": "of the request",
    "path": "of the request, without its query, at most 1,024 characters",
    "status": "of the answer",
    "rule": "the name of the rule",
    "reason": "why it was answered or forwarded, one of [the reasons](reasons.md)",
    "storing": "why the response was stored or not, or null",
    "failed": "what failed, or null",
    "ms": "milliseconds from the request's head to the answer's end",
    "bytes": "of the body that were sent",
    "peer": "the address that the request came from",
}
"""The fields of a line of the access log."""

_LOG: Final = """
## The access log

One JSON object a line on standard output, for misses, for all requests or for none
(`log.access`). Tokens and cookies are never in it.

| field | meaning |
|---|---|
"""

_TITLES: Final = {
    "EngineCollector": "Requests and memory",
    "LedgerCollector": "Purges",
    "QuarantineCollector": "Quarantine",
    "ReloadCollector": "Settings",
    "AddressesCollector": "The upstream's addresses",
    "upstream": "The upstream",
    "edge": "Clients' connections",
    "SharedCollector": "Redis and its log, where there is one",
    "recall": "What is remembered of answers",
    "coding": "Content codings",
    "shared": "Entries in Redis",
}
"""Collector, or the prefix of its counters → heading."""


def metrics() -> tuple[Metric, ...]:
    """Return every metric that a proxy can show, those of Redis included."""
    return tuple(metric for _, group in _groups() for metric in group)


def labels(metric: Metric) -> tuple[str, ...]:
    """Return the names of a metric's labels."""
    return tuple(getattr(metric, "_labelnames", ()))


def exposed(metric: Metric) -> tuple[str, ...]:
    """Return the names under which its values can be asked for."""
    ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return tuple(f"{metric.name}{end}" for end in ends.get(metric.type, ("",)))


def page() -> str:
    """Return the page."""
    sections = [_section(title, group) for title, group in _groups()]
    used = dict.fromkeys(label for metric in metrics() for label in labels(metric))
    rows = "".join(f"| `{name}` | {_LABELS[name]} |\n" for name in used)
    fields = "".join(f"| `{name}` | {meaning} |\n" for name, meaning in LINE.items())
    return "".join((_HEAD, *sections, _LABELLED, rows, _LOG, fields))


def _groups() -> Iterator[tuple[str, Iterable[Metric]]]:
    for collector in _collectors():
        yield _title(collector), collector.collect()


def _collectors() -> Iterator[Collector]:
    """Yield the collectors of a proxy that has all that a proxy can have; nothing is connected."""
    flags = {"upstream": "http://127.0.0.1:8000", "redis": "redis://127.0.0.1:6379"}
    service = Service(load(None, flags, {}), "settings", {})
    yield EngineCollector(service.stats, service.stores.near)
    yield from service._collectors()  # noqa: SLF001 - what its /metrics is made of


def _title(collector: Collector) -> str:
    name = type(collector).__name__
    if isinstance(collector, DeclaredCollector):
        name = collector._prefix  # noqa: SLF001 - as above
    return _TITLES.get(name, name.removesuffix("Collector").capitalize())


def _section(title: str, group: Iterable[Metric]) -> str:
    rows = "".join(map(_row, group))
    head = "| metric | type | labels | meaning |\n|---|---|---|---|\n"
    return f"\n## {title}\n\n{head}{rows}"


def _row(metric: Metric) -> str:
    end = "_total" if metric.type == "counter" else ""
    told = ", ".join(f"`{label}`" for label in labels(metric))
    return f"| `{metric.name}{end}` | {metric.type} | {told} | {metric.documentation} |\n"
