"""CPU time of a process and its children, and which children it has, from /proc.

Must not know what the processes do.
"""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.errors import BenchError

_PROC: Final = Path("/proc")
_TICKS: Final = (11, 12, 13, 14)
"""Where utime, stime, cutime and cstime stand, counted from the field behind the name."""


@dataclass(frozen=True)
class Stat:
    """What /proc/PID/stat tells; `ticks` are its own and those of children that have ended."""

    parent: int
    ticks: int


def require_proc() -> None:
    """Raise `BenchError` where the system has no /proc as Linux has it."""
    if not Path(_PROC, "self", "stat").exists():
        raise BenchError("CPU time is read from /proc, which this system does not have")


def spent(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process and all its descendants.

    Raises `BenchError` when there is no such process.
    """
    table = _processes()
    if pid not in table:
        raise BenchError(f"process {pid} has ended")
    return sum(table[member].ticks for member in _descent(pid, table)) / os.sysconf("SC_CLK_TCK")


def descendants(pid: int) -> list[int]:
    """Return the processes below `pid`, parents first."""
    return list(_descent(pid, _processes()))[1:]


def parse(text: str) -> Stat:
    """Read the text of /proc/PID/stat (proc(5)); raises `BenchError` when it is cut short."""
    # The second field is the program's name in parentheses, which may itself hold ") ".
    fields = text.rpartition(")")[2].split()
    try:
        return Stat(parent=int(fields[1]), ticks=sum(int(fields[at]) for at in _TICKS))
    except (IndexError, ValueError) as error:
        raise BenchError(f"/proc/PID/stat is not understood: {text!r}") from error


def _processes() -> dict[int, Stat]:
    table = {}
    for entry in _PROC.glob("[0-9]*/stat"):
        try:
            text = entry.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we were looking
        table[int(entry.parent.name)] = parse(text)
    return table


def _descent(pid: int, table: Mapping[int, Stat]) -> Iterator[int]:
    children = defaultdict(list)
    for child, stat in table.items():
        children[stat.parent].append(child)
    waiting = [pid]
    while waiting:
        member = waiting.pop()
        yield member
        waiting += children[member]
