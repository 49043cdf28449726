"""The admin side: health, and metrics that Prometheus can read."""

import pytest
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from proxy import __version__
from proxy.admin.control import Phase
from proxy.admin.metrics import CONTENT_TYPE, render
from proxy.engine.answer import Account
from proxy.engine.stats import BUCKETS, Stats
from proxy.policy.reasons import Family, Reason
from proxy.store.memory import MemoryStore
from tests.admin.desk import Desk, problem

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
    stats.purges["hard", "admin"] = 2
    return stats


def metrics(stats: Stats) -> dict[str, Metric]:
    text = render(stats, MemoryStore(1_000_000, 0.1)).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def labels(family: Metric, name: str) -> set[str]:
    return {sample.labels[name] for sample in family.samples}


@pytest.mark.parametrize(
    ("phase", "path", "status", "word"),
    [
        (Phase.STARTING, "/livez", 200, "alive"),
        (Phase.STARTING, "/startupz", 503, "not started"),
        (Phase.STARTING, "/readyz", 503, "not ready"),
        (Phase.READY, "/startupz", 200, "started"),
        (Phase.READY, "/readyz", 200, "ready"),
        (Phase.DRAINING, "/livez", 200, "alive"),
        (Phase.DRAINING, "/startupz", 200, "started"),
        (Phase.DRAINING, "/readyz", 503, "not ready"),
    ],
)
async def test_probes_are_open_to_anybody(phase: Phase, path: str, status: int, word: str) -> None:
    answer = await Desk(phase=phase).get(path, token=None)
    assert (answer.status_code, answer.json()) == (status, {"status": word})


async def test_metrics_are_served_as_prometheus_wants_them() -> None:
    answer = await Desk().get("/metrics", token=None)
    assert (answer.text, answer.headers["content-type"]) == ("some 1\n", CONTENT_TYPE)


async def test_the_api_describes_itself() -> None:
    described = (await Desk().get("/openapi.json", token=None)).json()
    assert described["info"]["version"] == __version__
    purge = described["paths"]["/v1/purge"]["post"]
    body = purge["requestBody"]["content"]["application/json"]["schema"]
    assert body["examples"]
    assert "$defs" not in body
    assert all("description" in field for field in body["properties"].values())
    assert {"200", "202", "401", "403", "422", "503"} <= purge["responses"].keys()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/v2", 404), ("GET", "/v1/purge", 405), ("DELETE", "/v1/stats", 405)],
)
async def test_what_there_is_not_is_a_problem(method: str, path: str, status: int) -> None:
    async with Desk().client() as client:
        answer = await client.request(method, path)
    told, detail = problem(answer)
    assert told == status
    assert detail == f"{method} {path}: /openapi.json tells what there is."


async def test_a_bug_of_ours_is_a_problem_without_its_insides(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    desk = Desk()
    monkeypatch.setattr(desk.play.purging, "receipts", None)
    status, detail = problem(await desk.get("/v1/purges"))
    assert status == 500
    assert "NoneType" not in detail


def test_every_number_is_there_with_its_sentence() -> None:
    found = metrics(everything())
    assert found.keys() >= {
        *("sidecache_requests", "sidecache_reasons", "sidecache_storing", "sidecache_collapsed"),
        *("sidecache_body_bytes", "sidecache_in_flight", "sidecache_latency_seconds"),
        *("sidecache_memory_bytes", "sidecache_memory_keys", "sidecache_memory_evictions"),
        *("sidecache_log_lines_dropped", "sidecache_purges"),
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
