"""Child processes: started on a core, ended with everything that they started.

Must not know what the processes serve.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from bench import cpu
from bench.errors import BenchError, MissingTool

_PATIENCE: Final = 5.0
"""Seconds that a child is given to end by itself."""


@dataclass(frozen=True)
class Cores:
    """The core of the server under test, and that of load and origin; None is any."""

    server: int | None
    load: int | None

    @classmethod
    def here(cls) -> Self:
        """Return two different cores, or no choice where there is one core or no taskset."""
        usable = sorted(os.sched_getaffinity(0))
        if len(usable) > 1 and shutil.which("taskset"):
            return cls(usable[0], usable[1])
        return cls(None, None)


@dataclass(frozen=True)
class Place:
    """Where a child runs: its working folder, which takes its output, and its core."""

    folder: Path
    core: int | None

    @classmethod
    def within(cls, home: Path, name: str, core: int | None) -> Self:
        """Return a place in a folder of `home`, which is made unless it is there."""
        folder = home / name.replace(" ", "-")
        folder.mkdir(exist_ok=True)
        return cls(folder, core)


def require(tool: str) -> None:
    """Raise `MissingTool` unless the program is installed."""
    if not shutil.which(tool):
        raise MissingTool(f"{tool} is not installed; the bench needs it")


@contextmanager
def started(
    command: Sequence[str],
    name: str,
    place: Place,
    environ: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command while the context lasts, its output in the files `name`.out and `name`.err.

    Raises `BenchError` when it cannot be started.
    """
    pin = [] if place.core is None else ["taskset", "-c", str(place.core)]
    out_file, err_file = (Path(place.folder, f"{name}.{kind}") for kind in ("out", "err"))
    with out_file.open("wb") as out, err_file.open("wb") as err:
        try:
            process = subprocess.Popen(
                [*pin, *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=place.folder,
                env=environ,
                start_new_session=True,  # a Ctrl-C is ours alone, and a group can be ended whole
            )
        except OSError as error:
            raise BenchError(f"{name} cannot be started: {error}") from error
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        _signal_group(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_PATIENCE)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, number)


def end_all() -> None:
    """Kill every descendant: what an interrupt in the middle of a start has left behind."""
    for pid in cpu.descendants(os.getpid()):
        with suppress(ProcessLookupError, ChildProcessError):  # gone, or a grandchild
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def last_line(folder: Path, name: str) -> str:
    """Return the last thing that a child complained of."""
    text = Path(folder, f"{name}.err").read_text(encoding="utf-8", errors="replace")
    return (text.strip().splitlines() or ["it said nothing"])[-1]
