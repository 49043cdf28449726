"""The proxy as an operator starts it: a process, its announcement, its end."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_ANNOUNCED: Final = re.compile(r"sidecache on (\S+) before (\S+), admin (\S+?)(?:, \d+ workers)?\n")
_DEADLINE: Final = 20


@dataclass(frozen=True)
class Serving:
    """A running `sidecache serve`."""

    process: "subprocess.Popen[str]"
    url: str
    admin: str

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def peak_memory(self) -> int:
        """Return the most memory that was ever resident, bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024

    def stop(self) -> tuple[str, str]:
        """End it as an operator would; return what it wrote to stdout and stderr."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=_DEADLINE)
        assert self.process.returncode == 0, err
        return out, err


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without settings of the proxy, and with these variables."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("SIDECACHE_")}
    return {**kept, "PYTHONPATH": str(ROOT), "SIDECACHE_DRAIN__DELAY": "0s", **variables}


def run(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=_DEADLINE,
        env=environment(**variables),
    )


@contextmanager
def serving(*flags: str, variables: Mapping[str, str] = {}) -> Iterator[Serving]:
    """Run `sidecache serve` on free ports until the block ends."""
    ports = ("--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", "serve", *ports, *flags],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**variables),
    ) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        found = _ANNOUNCED.fullmatch(first)
        assert found, first + process.stderr.read()
        try:
            yield Serving(process, found[1], found[3])
        finally:
            process.kill()
            process.communicate()
