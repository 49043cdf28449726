"""The bench of the edge: its tables, a short run, and a head that is not refused."""

import pytest

from bench import edge
from bench.child import Cores
from bench.edge import REFUSED, Sample
from bench.errors import BenchError
from bench.rounds import Plan


def test_tables() -> None:
    sample = Sample(10_000, 72.4, 143.2, 0.0234, {"1 MB": 0.384, "answered": 0.1})
    assert "\n".join(edge.rows(sample)) == (
        "    idle  before MB    held MB    CPU s/s\n"
        "   10000         72        143      0.023\n"
        "\n"
        "heads            CPU ms\n"
        "1 MB               0.38\n"
        "answered           0.10"
    )


def test_a_short_run() -> None:
    sample = edge.measure(Plan(1, 0.2), Cores(None, None), idle=20, heads=20)
    assert sample.held_mb >= sample.before_mb > 10
    assert sample.heads_ms.keys() == {*REFUSED, "answered"}
    (told,) = edge.data(sample)
    assert told["idle"] == 20


def test_a_head_that_is_answered_is_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    harmless = b"GET /hit/1 HTTP/1.1\r\nHost: a\r\n\r\n"
    monkeypatch.setattr(edge, "REFUSED", {"small": harmless})
    with pytest.raises(BenchError, match="200"):
        edge.measure(Plan(1, 0.2), Cores(None, None), idle=1, heads=1)


def test_more_connections_than_the_system_allows() -> None:
    with pytest.raises(BenchError, match="open files"):
        edge.measure(Plan(1, 0.2), Cores(None, None), idle=10**9)
