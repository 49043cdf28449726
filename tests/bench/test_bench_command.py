"""`python -m bench` as a process: a whole run, its refusals, and that no child outlives it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench import cpu
from bench.cases import SUITES

ROOT = Path(__file__).parents[2]
TIMEOUT = 120

needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "bench", "--interpreted", *arguments]


def run(
    temporary: Path, *arguments: str, path: str | None = None
) -> subprocess.CompletedProcess[str]:
    environ = os.environ | {"TMPDIR": str(temporary)} | ({} if path is None else {"PATH": path})
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=environ,
        timeout=TIMEOUT,
    )


@needs_wrk
def test_a_short_run(tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    file = tmp_path / "figures.json"
    done = run(temporary, "hit", "--rounds", "1", "--seconds", "0.5", "--json", str(file))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("case ")
    told = json.loads(file.read_text())
    assert [case["case"] for case in told["cases"]] == [case.name for case in SUITES["hit"]]
    for case in told["cases"]:
        sidecache = case["servers"][-1]
        assert sidecache["server"] == "sidecache"
        assert sidecache["medians"]["cpu_us"] > 0
        assert (sidecache["ratios"] is not None) == bool(shutil.which("nginx"))
    assert told["versions"]["wrk"]
    assert told["machine"]["cores"] == os.cpu_count()
    assert not list(temporary.iterdir())


@needs_wrk
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_no_child_outlives_an_interrupt(tmp_path: Path, number: signal.Signals) -> None:
    with subprocess.Popen(
        command("hit", "--seconds", "100"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    ) as process:
        children = _loaded(process)
        process.send_signal(number)
        _, complaint = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert complaint in {"", "bench: nginx is not installed; Sidecache is measured alone\n"}
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
    assert not list(tmp_path.iterdir())


def _loaded(process: subprocess.Popen[str]) -> list[int]:
    """Wait until wrk is at work; return every process of the run but its first."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        assert process.poll() is None
        children = cpu.descendants(process.pid)
        if len(children) > 2 and "wrk" in map(_name, children):  # alone, it tells its version
            return children
    raise AssertionError("no load was made")


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def test_without_wrk(tmp_path: Path) -> None:
    done = run(tmp_path, "hit", path=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "bench: wrk is not installed; the bench needs it\n"
    assert done.stdout == ""


@needs_wrk
def test_a_server_that_does_not_start(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    nginx = tools / "nginx"
    nginx.write_text("#!/bin/sh\necho first >&2\necho 'nginx: no luck' >&2\nexit 1\n")
    nginx.chmod(0o700)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    done = run(temporary, "hit", path=f"{tools}:{os.environ['PATH']}")
    assert done.returncode == 1
    assert done.stderr == "bench: nginx did not start: nginx: no luck\n"
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fast"], "invalid choice: 'fast'"),
        (["hit", "--rounds", "0"], "0 is not between 1 and 1000"),
        (["hit", "--rounds", "x"], "invalid int value: 'x'"),
        (["hit", "--seconds", "0.1"], "0.1 is not between 0.2 and 3600"),
        (["hit", "--seconds", "nan"], "nan is not between 0.2 and 3600"),
        (["hit", "--json", "/nonexistent/file.json"], "not a file in an existing folder"),
    ],
)
def test_refuses_bad_options(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
