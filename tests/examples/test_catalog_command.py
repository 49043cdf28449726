"""The example catalog as a process: its first line, its end, its refusals."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest


def test_runs_as_a_command(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "examples.catalog", "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"TMPDIR": str(tmp_path), "PYTHONPATH": "."},
        cwd=Path(__file__).parents[2],
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = line.removeprefix("catalog listening on ").strip()
        assert httpx.get(f"{address}/products/1").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=10) == ("", "")
    assert process.returncode == 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--port", "65536", "not a port"),
        ("--port", "http", "not a port"),
        ("--host", "192.0.2.1", "catalog: "),
        ("--database", "/nonexistent/catalog.sqlite3", "catalog: unable to open"),
    ],
)
def test_refuses_bad_options(option: str, value: str, message: str) -> None:
    command = [sys.executable, "-m", "examples.catalog", "--port", "0", option, value]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert run.returncode != 0
    assert message in run.stderr
    assert "Traceback" not in run.stderr
