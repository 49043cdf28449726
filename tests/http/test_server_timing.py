"""Server-Timing (W3C Server Timing)."""

import pytest

from proxy.http.message import Fields
from proxy.http.server_timing import Metric, asked, render


@pytest.mark.parametrize(
    ("metrics", "rendered"),
    [
        pytest.param((), b"", id="none"),
        pytest.param((Metric("missed"),), b"missed", id="name-alone"),
        pytest.param((Metric("cache", told="hit"),), b'cache;desc="hit"', id="desc"),
        pytest.param((Metric("total", 0.0123456),), b"total;dur=12.3", id="milliseconds"),
        pytest.param(
            (Metric("db", 1.0, "two words"),), b'db;desc="two words";dur=1000.0', id="all"
        ),
        pytest.param((Metric("a"), Metric("b", 0.0)), b"a, b;dur=0.0", id="list"),
    ],
)
def test_rendered(metrics: tuple[Metric, ...], rendered: bytes) -> None:
    assert render(metrics) == rendered


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((), False),
        ((b"no-cache",), False),
        ((b"server-timing",), True),
        ((b"no-cache, Server-Timing",), True),
        ((b"no-cache", b"server-timing"), True),
        ((b"server-timing-not",), False),
    ],
)
def test_asked_for_by_pragma(values: tuple[bytes, ...], *, wanted: bool) -> None:
    assert asked(Fields((b"Pragma", value) for value in values)) is wanted
