"""The load: wrk with one thread and 64 connections, and the strict reading of what it says.

Must not know who is being loaded, nor why.
"""

import json
import math
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.child import last_line, started
from bench.errors import BenchError

CONNECTIONS: Final = 64
_SCRIPT: Final = Path(__file__).with_name("load.lua")
_FAILURES: Final = ("connect", "read", "write", "timeout", "status")
_GRACE: Final = 10.0


@dataclass(frozen=True)
class Load:
    """What wrk saw: completed requests, the time they took, and latency in microseconds."""

    requests: int
    duration_us: int
    p50_us: int
    p99_us: int


def drive(  # noqa: PLR0913, PLR0917 - what one load is made of
    port: int, target: str, fields: Sequence[str], seconds: float, core: int | None, folder: Path
) -> Load:
    """Load a server for some seconds; a target that ends in `/` is the beginning of new ones.

    Raises `BenchError` when any request failed.
    """
    command = _command(f"http://127.0.0.1:{port}{target}", fields, seconds)
    with started(command, folder, "wrk", core) as process:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # wrk counts whole seconds only; this ends it sooner
            _finish(process)
    if process.returncode != 0:
        raise BenchError(f"wrk: {last_line(folder, 'wrk')}")
    return parse(Path(folder, "wrk.out").read_text(encoding="utf-8"))


def _command(url: str, fields: Sequence[str], seconds: float) -> list[str]:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{math.ceil(seconds)}s", "-s", str(_SCRIPT)]
    for field in fields:
        command += ["-H", field]
    prefix = "/" + url.split("/", 3)[3]
    return [*command, url, "--", *([prefix] if prefix.endswith("/") else [])]


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
