"""The bench of purges: its table, its store, and a short run on a real fleet."""

import shutil
from pathlib import Path

import pytest

from bench import purge, purge_report
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.purge import Sample
from bench.rounds import Plan
from bench.valkey import store

needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")


def sample(p50_us: int, redis_seconds: float) -> Sample:
    return Sample(100, 0.5, p50_us, 2 * p50_us, 1_400, redis_seconds, 0.2)


SAMPLES = {
    (1_000, "one by one"): [sample(1_000, 0.01), sample(2_000, 0.01), sample(1_000, 0.01)],
    (1_000_000, "one by one"): [sample(1_100, 0.01), sample(2_000, 0.02), sample(900, 0.01)],
}


def test_table() -> None:
    assert "\n".join([purge_report.header(), *purge_report.rows(SAMPLES)]) == (
        "purge             entries   p50 ms   p99 ms      x   purge/s  commands"
        "  Redis µs  proxy µs      x\n"
        "one by one          1,000     1.00     2.00   1.00       200      14.0"
        "       100      2000   1.00\n"
        "                1,000,000     1.10     2.20   1.00       200      14.0"
        "       100      2000   1.00"
    )


def test_data_holds_every_round() -> None:
    first, second = purge_report.data(SAMPLES)
    assert (first["entries"], first["way"]) == (1_000, "one by one")
    assert second["rounds"] == [
        {
            "requests": 100,
            "seconds": 0.5,
            "p50_us": p50,
            "p99_us": 2 * p50,
            "commands": 1_400,
            "redis_seconds": redis,
            "proxy_seconds": 0.2,
        }
        for p50, redis in ((1_100, 0.01), (2_000, 0.02), (900, 0.01))
    ]


def test_the_store_counts_its_commands(tmp_path: Path) -> None:
    with store(Place(tmp_path, None)) as shared:
        before = shared.commands()
        assert shared.run("SET", "a", "1")
        assert shared.commands() > before
        assert shared.version.count(".") == 2
        with pytest.raises(BenchError, match="'INCR' failed"):
            shared.run("INCR", "sidecache", "x")


@needs_wrk
def test_a_short_run() -> None:
    samples = purge.measure(Plan(rounds=1, seconds=0.3), Cores.here(), sizes=(10, 300))
    assert list(samples) == [(size, way.name) for size in (10, 300) for way in purge.WAYS]
    for [one] in samples.values():
        assert one.requests > 0
        assert 1 <= one.commands / one.requests < 100
