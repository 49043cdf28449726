"""Metrics of several workers as one text, and what remains of one that has ended."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from docs.metrics_page import metrics
from proxy.admin.metrics import render
from proxy.engine.answer import Account
from proxy.engine.stats import Stats
from proxy.policy.reasons import Reason
from proxy.store.memory import MemoryStore
from proxy.workers.counts import Counts, left_behind
from proxy.workers.exposition import GAUGES, joined, lasting

ONE = b"""# HELP a_total Some.
# TYPE a_total counter
a_total{x="1 2",y="\\n"} 1.0
# HELP sidecache_in_flight Now.
# TYPE sidecache_in_flight gauge
sidecache_in_flight 2.0
# HELP sidecache_redis_usable Or not.
# TYPE sidecache_redis_usable gauge
sidecache_redis_usable 1.0
"""
OTHER = b"""# HELP a_total Some.
# TYPE a_total counter
a_total{x="1 2",y="\\n"} 2.5
a_total{x="3",y=""} 1.0
# HELP sidecache_in_flight Now.
# TYPE sidecache_in_flight gauge
sidecache_in_flight 3.0
# HELP sidecache_redis_usable Or not.
# TYPE sidecache_redis_usable gauge
sidecache_redis_usable 0.0
"""


def test_counters_are_added_and_gauges_as_the_table_says() -> None:
    assert joined((ONE, OTHER)) == (
        b"# HELP a_total Some.\n# TYPE a_total counter\n"
        b'a_total{x="1 2",y="\\n"} 3.5\na_total{x="3",y=""} 1.0\n'
        b"# HELP sidecache_in_flight Now.\n# TYPE sidecache_in_flight gauge\n"
        b"sidecache_in_flight 5.0\n"
        b"# HELP sidecache_redis_usable Or not.\n# TYPE sidecache_redis_usable gauge\n"
        b"sidecache_redis_usable 0.0\n"
    )


def test_of_one_that_has_ended_its_counters_remain() -> None:
    assert lasting(ONE) == ONE[: ONE.index(b"# HELP sidecache_in_flight")]


def test_for_every_gauge_there_is_a_way_to_join_it() -> None:
    assert {metric.name for metric in metrics() if metric.type == "gauge"} == GAUGES.keys()


def test_what_is_joined_is_what_one_would_have_counted() -> None:
    parts, whole = (Stats(), Stats()), Stats()
    for number in range(12):
        account = Account(f"r{number % 3}", Reason.FRESH if number % 2 else Reason.URI_MISS)
        for stats in (parts[number % 5 == 0], whole):
            stats.record(account, 2.0 ** (number - 8), 2**number)
    memory = MemoryStore(1_000, 0.5)
    text = joined(render(stats, memory) for stats in parts)
    assert _samples(text) == _samples(render(whole, memory))


def _samples(text: bytes) -> dict[tuple[str, str], float]:
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, str(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_counters_go_on_where_those_of_the_one_before_stopped(tmp_path: Path) -> None:
    told = [ONE]
    assert left_behind(tmp_path, 0) == b""
    assert Counts(tmp_path, 0, lambda: told[-1])() == ONE
    successor = Counts(tmp_path, 0, lambda: OTHER)
    assert b'a_total{x="1 2",y="\\n"} 3.5\n' in successor()
    assert b"sidecache_in_flight 3.0\n" in successor()
    assert b"3.5\n" in left_behind(tmp_path, 0)
    assert b"in_flight" not in left_behind(tmp_path, 0)
