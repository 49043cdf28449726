"""The admin side: health, and metrics that Prometheus can read."""

import httpx
import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from proxy import __version__
from proxy.admin.api import create_admin
from proxy.admin.metrics import CONTENT_TYPE, render
from proxy.engine.answer import Account
from proxy.engine.stats import BUCKETS, Stats
from proxy.policy.reasons import Family, Reason
from proxy.store.memory import MemoryStore

OUTCOMES = {"hit", "stale", "validated", "miss", "bypass", "error"}
FORWARDED = [reason for reason in Reason if reason.meaning.family is Family.FORWARD]
ANSWERED = [reason for reason in Reason if reason.meaning.family in {Family.HIT, Family.FORWARD}]
KEPT = [reason for reason in Reason if reason.meaning.family in {Family.KEEP, Family.DECLINE}]
FAILED = [reason for reason in Reason if reason.meaning.family is Family.REFUSE]


def everything() -> Stats:
    """Return stats in which every kind of account was recorded."""
    stats = Stats()
    accounts = [
        *(Account("a", reason) for reason in ANSWERED),
        *(Account("b", reason, storing=kept) for reason in FORWARDED for kept in KEPT),
        *(Account("b", Reason.STALE, fwd_status=304, storing=kept) for kept in KEPT),
        *(Account("c", Reason.URI_MISS, failed=failed) for failed in FAILED),
        Account("a", Reason.URI_MISS, collapsed=True),
    ]
    for at, account in enumerate(accounts):
        stats.record(account, seconds=at / 100, body_bytes=10)
    return stats


def metrics(stats: Stats) -> dict[str, Metric]:
    text = render(stats, MemoryStore(1_000_000, 0.1)).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def labels(family: Metric, name: str) -> set[str]:
    return {sample.labels[name] for sample in family.samples}


async def asked(path: str, *, ready: bool = True) -> httpx.Response:
    admin = create_admin(ready=lambda: ready, metrics=lambda: b"some 1\n")
    transport = httpx.ASGITransport(admin)
    async with httpx.AsyncClient(transport=transport, base_url="http://admin.test") as client:
        return await client.get(path)


async def test_livez() -> None:
    answer = await asked("/livez", ready=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


@pytest.mark.parametrize(
    ("ready", "status", "body"),
    [(True, 200, {"status": "ready"}), (False, 503, {"status": "not ready"})],
)
async def test_readyz(ready: bool, status: int, body: dict[str, str]) -> None:  # noqa: FBT001 - a table
    answer = await asked("/readyz", ready=ready)
    assert (answer.status_code, answer.json()) == (status, body)


async def test_metrics_are_served_as_prometheus_wants_them() -> None:
    answer = await asked("/metrics")
    assert (answer.text, answer.headers["content-type"]) == ("some 1\n", CONTENT_TYPE)


async def test_the_api_describes_itself() -> None:
    described = (await asked("/openapi.json")).json()
    assert described["info"]["version"] == __version__
    assert {"/livez", "/readyz", "/metrics"} <= described["paths"].keys()


def test_every_number_is_there_with_its_sentence() -> None:
    found = metrics(everything())
    assert found.keys() >= {
        *("sidecache_requests", "sidecache_reasons", "sidecache_storing", "sidecache_collapsed"),
        *("sidecache_body_bytes", "sidecache_in_flight", "sidecache_latency_seconds"),
        *("sidecache_memory_bytes", "sidecache_memory_keys", "sidecache_memory_evictions"),
        "sidecache_log_lines_dropped",
    }
    assert all(family.documentation.endswith(".") for family in found.values())


def test_nothing_is_counted_yet() -> None:
    found = metrics(Stats())
    assert [s.value for s in found["sidecache_collapsed"].samples if s.name.endswith("total")] == [
        0.0
    ]
    assert not found["sidecache_requests"].samples


def test_label_sets_are_closed() -> None:
    """Rules, reasons, outcomes: never a path, a host or a value that a client chose."""
    found = metrics(everything())
    reasons = {reason.value for reason in Reason}
    assert labels(found["sidecache_requests"], "rule") == {"a", "b", "c"}
    assert labels(found["sidecache_requests"], "outcome") == OUTCOMES
    assert labels(found["sidecache_body_bytes"], "outcome") == OUTCOMES
    assert labels(found["sidecache_latency_seconds"], "outcome") == OUTCOMES
    assert labels(found["sidecache_reasons"], "reason") <= reasons
    assert labels(found["sidecache_storing"], "reason") == {reason.value for reason in KEPT}


def test_a_histogram_is_cumulative_and_adds_up() -> None:
    stats = Stats()
    for seconds in (0.0001, 0.003, 0.003, 60.0):
        stats.record(Account("a", Reason.FRESH), seconds, 0)
    samples = metrics(stats)["sidecache_latency_seconds"].samples
    counts = [sample.value for sample in samples if sample.name.endswith("_bucket")]
    assert len(counts) == len(BUCKETS) + 1
    assert counts == sorted(counts)
    assert (counts[0], counts[-1]) == (1.0, 4.0)
    [total] = [sample.value for sample in samples if sample.name.endswith("_sum")]
    assert total == pytest.approx(60.0061)


def test_the_memory_is_what_the_store_says() -> None:
    store = MemoryStore(1_000_000, 0.1)
    text = render(Stats(), store).decode()
    assert f"sidecache_memory_bytes {float(store.bytes)}" in text
    assert "sidecache_memory_keys 0.0" in text
