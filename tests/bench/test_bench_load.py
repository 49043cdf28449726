"""What wrk says is read strictly: a run with any failure is no measurement."""

import json
import shutil
from pathlib import Path

import pytest

from bench import servers
from bench.asked import Asked
from bench.child import Place
from bench.errors import BenchError
from bench.load import Load, drive, parse

CLEAN = {
    "requests": 88637,
    "duration_us": 1000680,
    "p50_us": 750,
    "p99_us": 1163,
    "connect": 0,
    "read": 0,
    "write": 0,
    "timeout": 0,
    "status": 0,
}
PREAMBLE = """\
Running 1s test @ http://127.0.0.1:18998/hit/1
  1 threads and 64 connections
  88637 requests in 1.00s, 100.08MB read
Requests/sec:  88576.77
"""


def output(**changes: object) -> str:
    return f"{PREAMBLE}{json.dumps(CLEAN | changes)}\n"


def test_reads_the_last_line() -> None:
    assert parse(output()) == Load(requests=88637, duration_us=1000680, p50_us=750, p99_us=1163)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(output(status=3), "some failed: 3 status", id="status-400-and-above"),
        pytest.param(output(connect=64), "some failed: 64 connect", id="refused"),
        pytest.param(output(read=1, write=2), "some failed: 1 read, 2 write", id="reset"),
        pytest.param(output(timeout=1), "some failed: 1 timeout", id="timeout"),
        pytest.param(output(requests=0), "completed no request", id="nothing-done"),
        pytest.param(output(duration_us=0), "completed no request", id="no-time"),
        pytest.param(output(p99_us=None), "not understood", id="no-number"),
        pytest.param(PREAMBLE, "not understood", id="no-last-line"),
        pytest.param("", "not understood", id="silence"),
        pytest.param("[]", "not understood", id="no-object"),
        pytest.param("{}", "not understood", id="no-fields"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(BenchError, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")
def test_paced_connections_ask_no_sooner(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    with servers.origin(place) as origin:
        load = drive(origin.port, Asked("/hit/1", every=100), 4, 0.5, place)
    assert load.requests <= 4 * (load.duration_us / 100_000 + 1)
