"""The metrics of what replicas share."""

from prometheus_client.parser import text_string_to_metric_families

from proxy.admin.collectors import LedgerCollector, SharedCollector
from proxy.admin.metrics import render
from proxy.engine.ledger import Ledger
from proxy.engine.purge import Purge
from proxy.engine.stats import Stats
from proxy.store.memory import MemoryStore
from tests.admin.desk import Link, Log


def samples(*, now: float = 0.0) -> dict[tuple[str, ...], float]:
    ledger = Ledger(max_unverified=30.0)
    ledger.purge(Purge((b"t",)), 0.0)
    text = render(
        Stats(),
        MemoryStore(1_000),
        LedgerCollector(ledger, lambda: now),
        SharedCollector(Link(), Log()),
    ).decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.documentation.endswith(".") for family in families)
    return {
        (sample.name.removeprefix("sidecache_"), *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_every_number_is_there() -> None:
    found = samples(now=10.0)
    assert found["ledger_sequence",] == 1
    assert found["ledger_lag_seconds",] == 10.0
    assert found["redis_operations_total",] == 7
    assert found["redis_failures_total", "timeout"] == 2
    assert found["redis_spared_total",] == 3
    assert found["redis_usable",] == 0
    assert found["redis_latency_seconds_count",] == 0
    assert found["log_applied_total",] == 4
    assert found["log_rebases_total",] == 5
    assert found["log_reconnects_total",] == 1
    assert found["log_untold",] == 6
    assert found["replicas",] == 8
    assert found["log_latency_seconds_count",] == 0


def test_trust_is_one_state_of_three() -> None:
    for now, state in ((0.0, "confirmed"), (10.0, "unconfirmed"), (100.0, "lapsed")):
        found = samples(now=now)
        states = {key[1]: value for key, value in found.items() if key[0] == "ledger_trust"}
        assert states == {"confirmed": 0, "unconfirmed": 0, "lapsed": 0} | {state: 1}
