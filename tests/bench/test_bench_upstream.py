"""The bench of the upstream's engines: its table, and a short run."""

from bench import upstream
from bench.child import Cores
from bench.rounds import Plan

SAMPLES = {
    (1, "floor"): [20.0, 10.0, 20.0],
    (1, "own"): [100.0, 50.0, 100.0],
    (1, "plain httpx"): [800.0, 500.0, 900.0],
}


def test_table() -> None:
    assert [line.rstrip() for line in upstream.rows(SAMPLES)] == [
        "in flight    engine             CPU µs       x   net x",
        "1            floor                  20    0.20    0.00",
        "             own                   100    1.00    1.00",
        "             plain httpx           800    9.00   11.00",
    ]


def test_data_holds_every_round() -> None:
    assert upstream.data(SAMPLES)[2] == {
        "in_flight": 1,
        "engine": "plain httpx",
        "cpu_us": [800.0, 500.0, 900.0],
    }


def test_every_engine_is_measured() -> None:
    samples = upstream.measure(Plan(1, 0.01), Cores(None, None))
    assert len(samples) == 10
    assert all(cost > 0 for figures in samples.values() for cost in figures)
