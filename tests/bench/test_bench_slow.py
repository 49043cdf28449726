"""The bench of slow clients: its tables, its two processes, and a short run."""

from math import inf, isfinite

import pytest

from bench import slow, slow_report
from bench.child import Cores
from bench.idlers import KINDS
from bench.pulse import told, whole
from bench.rounds import Plan
from bench.slow import Crowd, Sample

SAMPLES = {
    "none": [Sample(100, 100.0, 200.0, 300.0, {}), Sample(100, 200.0, 400.0, 500.0, {})],
    "one by one": [
        Sample(90, 110.0, 200.0, 900.0, {"silent": [2.1, inf], "slow head": [2.2]}),
        Sample(90, 200.0, 480.0, 700.0, {"silent": [2.3]}),
    ],
}


def test_tables() -> None:
    assert "\n".join(slow_report.rows(SAMPLES)) == (
        "slow clients      p50 µs    p99 µs    max µs   x p50   x p99\n"
        "none                 150       300       400    1.00    1.00\n"
        "one by one           155       340       800    1.05    1.10\n"
        "\n"
        "kind            deadline  median s    last s   ended    late\n"
        "silent               2.0      2.20      2.30       2       1\n"
        "slow head            2.0      2.20      2.20       1       0\n"
        "slow body            2.0         -         -       0       0\n"
        "slow reading         2.0         -         -       0       0"
    )


def test_data_holds_every_round() -> None:
    first, second = slow_report.data(SAMPLES)
    assert (first["slow_clients"], second["slow_clients"]) == ("none", "one by one")
    assert second["rounds"] == [
        {"requests": 90, "p50_us": p50, "p99_us": p99, "max_us": most, "ended": ended}
        for p50, p99, most, ended in (
            (110.0, 200.0, 900.0, {"silent": [2.1, inf], "slow head": [2.2]}),
            (200.0, 480.0, 700.0, {"silent": [2.3]}),
        )
    ]


def test_shares_of_the_pulse() -> None:
    times = [number / 1e6 for number in range(100, 0, -1)]
    assert told(times) == pytest.approx(
        {"requests": 100, "p50_us": 51.0, "p99_us": 100.0, "max_us": 100.0}
    )


@pytest.mark.parametrize(
    ("data", "length"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n", 37),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nA: b\r\n\r\nab", 47),
    ],
)
def test_an_answer_is_known_by_its_length(data: bytes, length: int) -> None:
    assert whole(data) == length


@pytest.mark.parametrize(
    "data", [b"HTTP/1.1 502 No\r\nContent-Length: 3\r\n\r\n", b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n"]
)
def test_any_other_answer_is_an_error(data: bytes) -> None:
    with pytest.raises(ConnectionError):
        whole(data)


def test_every_kind_is_ended() -> None:
    ways = {name: slow.WAYS[name] for name in ("none", "all at once")}
    samples = slow.measure(Plan(1, 0.1), Cores(None, None), Crowd(1, 0.3), ways)
    assert list(samples) == list(ways)
    for name, (only,) in samples.items():
        assert 0 < only.p50_us <= only.p99_us <= only.max_us
        assert set(only.ended) == (set() if name == "none" else set(KINDS))
        assert all(each >= 0.3 and isfinite(each) for own in only.ended.values() for each in own)
