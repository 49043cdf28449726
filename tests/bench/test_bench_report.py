"""The table: medians, ratios paired round by round, and how far the rounds lie apart."""

import json

import pytest

from bench import report
from bench.rounds import Sample


def sample(cpu_us: float, *, requests: int = 1000, p50_us: int = 1000) -> Sample:
    return Sample(requests, 1.0, cpu_us * requests / 1e6, p50_us, 4 * p50_us)


NGINX = [sample(10), sample(20), sample(40)]
SIDECACHE = [
    sample(20, requests=500, p50_us=2000),
    sample(20, requests=500, p50_us=2500),
    sample(160, requests=250, p50_us=3000),
]


def test_table() -> None:
    lines = [report.header(), *report.rows("hit", {"nginx": NGINX, "sidecache": SIDECACHE})]
    assert "\n".join(lines) == (
        "case         server        CPU µs      x     req/s      x"
        "    p50 ms      x    p99 ms      x  spread  busy\n"
        "hit          nginx           20.0            1,000       "
        "      1.00             4.00           150%    2%\n"
        "             sidecache       20.0   2.00       500   0.50"
        "      2.50   2.50     10.00   2.50    700%    1%"
    )


def test_alone_there_are_no_ratios() -> None:
    (summary,) = report.summaries({"sidecache": SIDECACHE})
    assert summary.ratios is None
    (line,) = report.rows("hit", {"sidecache": SIDECACHE})
    assert line.split() == ["hit", "sidecache", "20.0", "500", "2.50", "10.00", "700%", "1%"]


def test_ratios_are_paired_before_the_median_is_taken() -> None:
    pairs = {"nginx": [sample(10), sample(20), sample(30)]}
    pairs["sidecache"] = [sample(30), sample(20), sample(60)]
    _, summary = report.summaries(pairs)
    assert summary.ratios is not None
    assert summary.ratios["cpu_us"] == pytest.approx(2.0)  # of 3, 1, 2; not 30/20


def test_latency_below_the_clock_gives_no_division_by_zero() -> None:
    quick = [sample(10, p50_us=0)]
    _, summary = report.summaries({"nginx": quick, "sidecache": quick})
    assert summary.ratios is not None
    assert summary.ratios["p50_ms"] == 0


@pytest.mark.parametrize(
    ("values", "share"),
    [([10.0], 0.0), ([9.0, 10.0, 11.0], 0.2), ([0.0, 0.0], 0.0)],
)
def test_spread(values: list[float], share: float) -> None:
    assert report.spread(values) == pytest.approx(share)


def test_data_holds_every_round() -> None:
    told = json.loads(json.dumps(report.data("hit", {"nginx": NGINX, "sidecache": SIDECACHE})))
    assert told["case"] == "hit"
    assert [server["server"] for server in told["servers"]] == ["nginx", "sidecache"]
    assert [one["requests"] for one in told["servers"][1]["rounds"]] == [500, 500, 250]
