"""The resident memory of a Sidecache that holds many small answers, beside their bodies' bytes.

Must not know how they are held.
"""

import os
import re
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from bench import cpu
from bench.asked import Asked
from bench.budget import OWN, Figures
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.load import drive
from bench.origin import BODY
from bench.probe import fetched
from bench.rounds import Plan
from bench.servers import Server, origin, sidecache

ENTRIES: Final = 100_000
PAYLOAD: Final = "payload"

_ENOUGH: Final = {"SIDECACHE_STORE__MEMORY__MAX_BYTES": "2GiB"}
_CONNECTIONS: Final = 64
_A_TURN: Final = 2.0
"""Seconds of load between two looks at how many there are."""
_PATIENCE: Final = 300.0
_KEYS: Final = re.compile(rb"^sidecache_memory_keys (\S+)$", re.MULTILINE)


def measure(_: Plan, cores: Cores, entries: int = ENTRIES) -> Figures:
    """Return megabytes, once: of the process, and of the bodies; raises `BenchError`."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecache-bench-")))
        source = stack.enter_context(origin(Place(home, cores.load)))
        server = stack.enter_context(
            sidecache(source.port, Place(home, cores.server), environ=_ENOUGH)
        )
        held = _filled(server, entries, Place(home, cores.load))
        return {PAYLOAD: [held * 2 * len(BODY) / 1e6], OWN: [megabytes(server.pid)]}


def _filled(server: Server, entries: int, place: Place) -> int:
    """Ask for ever new answers until so many are held; return how many are."""
    turn, deadline = 0, time.monotonic() + _PATIENCE
    while (held := _held(server)) < entries:
        if time.monotonic() > deadline:
            raise BenchError(f"only {held:,} of {entries:,} answers were held in time")
        drive(server.port, Asked(f"/2k/{turn}/", unique=True), _CONNECTIONS, _A_TURN, place)
        turn += 1
    return held


def _held(server: Server) -> int:
    found = _KEYS.search(fetched(server.name, server.admin, Asked("/metrics")))
    if found is None:
        raise BenchError("/metrics does not tell how many keys the memory tier holds")
    return int(float(found[1]))


def megabytes(pid: int) -> float:
    """Return the memory that a process and all its descendants have."""
    pages = (_pages(member) for member in (pid, *cpu.descendants(pid)))
    return sum(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _pages(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
