"""The load: wrk with one thread, and the strict reading of what it says.

Must not know who is being loaded, nor why.
"""

import json
import math
import re
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.asked import Asked
from bench.child import Place, last_line, started
from bench.errors import BenchError

_TIMEOUT: Final = "10s"  # a slow answer is a figure, not a failure
_SCRIPT: Final = Path(__file__).with_name("load.lua")
_FAILURES: Final = ("connect", "read", "write", "timeout", "status")
_CAUGHT: Final = re.compile(r"^SigCgt:\s*([0-9a-f]+)", re.MULTILINE)
_GRACE: Final = 10.0


@dataclass(frozen=True)
class Load:
    """What wrk saw: completed requests, the time they took, and latency in microseconds."""

    requests: int
    duration_us: int
    p50_us: int
    p99_us: int


def drive(port: int, asked: Asked, connections: int, seconds: float, place: Place) -> Load:
    """Load the server on the port; raises `BenchError` when any request failed."""
    with started(_command(port, asked, connections, seconds), "wrk", place) as process:
        _await_begin(process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # wrk counts whole seconds only; this ends it sooner
            _finish(process)
    if process.returncode != 0:
        raise BenchError(f"wrk: {last_line(place.folder, 'wrk')}")
    return parse(Path(place.folder, "wrk.out").read_text(encoding="utf-8"))


def _command(port: int, asked: Asked, connections: int, seconds: float) -> list[str]:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{math.ceil(seconds)}s", "-s", str(_SCRIPT)]
    command += ["--timeout", _TIMEOUT]
    for field in asked.fields:
        command += ["-H", field]
    command.append(f"http://127.0.0.1:{port}{asked.target}")
    command += ["--", f"body={asked.body}", f"connections={connections}", f"every={asked.every}"]
    return (
        [*command, f"prefix={asked.target}", f"keys={asked.keys}"] if asked.is_prefix else command
    )


def _await_begin(process: subprocess.Popen[bytes]) -> None:
    """Wait until wrk lets itself be interrupted, which it does once it loads."""
    until = time.monotonic() + _GRACE
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError):  # it has ended meanwhile
            caught = _CAUGHT.search(Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8"))
            if caught and int(caught[1], 16) >> (signal.SIGINT - 1) & 1:
                return
        time.sleep(0.002)


def _finish(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired as error:
        raise BenchError("wrk did not end in time") from error


def parse(output: str) -> Load:
    """Read wrk's output, whose last line is the JSON that the script writes.

    Raises `BenchError` for socket errors, statuses of 400 and above, and a run without requests.
    """
    try:
        told = json.loads(output.strip().rpartition("\n")[2])
        load = Load(*(int(told[name]) for name in Load.__dataclass_fields__))
        failures = {name: int(told[name]) for name in _FAILURES if told[name]}
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError(f"wrk's output is not understood: {output[-200:]!r}") from error
    if failures:
        counts = ", ".join(f"{count} {name}" for name, count in failures.items())
        raise BenchError(f"of {load.requests} requests some failed: {counts}")
    if load.requests < 1 or load.duration_us < 1:
        raise BenchError("wrk completed no request")
    return load
