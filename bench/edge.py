"""The edge: what connections take that ask for nothing, and what heads cost that are refused.

`python -m bench edge`. Whoever connects is this very process; the proxy's memory and CPU time are
the system's own figures. Must not know what a proxy does with a connection.
"""

import resource
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from bench import cpu, resident
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.rounds import Plan
from bench.servers import Server, origin, sidecache

IDLE: Final = 10_000
"""Connections that have asked for one thing and stay."""
HEADS: Final = 500
"""Connections on each of which one head comes."""

_ASKED: Final = b"GET /hit/1 HTTP/1.1\r\nHost: a\r\n\r\n"
REFUSED: Final[Mapping[str, bytes]] = {
    "1,000 fields": _ASKED[:-2] + b"a: b\r\n" * 1_000 + b"\r\n",
    "1 MB": _ASKED[:-2] + b"a: " + b"b" * 1_048_576 + b"\r\n\r\n",
}
"""Heads that are too large, each in its own way."""

_TOO_LARGE: Final = b"HTTP/1.1 431 "
_PATIENCE: Final = 10.0
_ENVIRON: Final = {"SIDECACHE_EDGE__CONNECTIONS": "20000"}

NOTE: Final = """\
idle: MB resident before the connections came and with all of them, and CPU seconds in each second
that they stay. heads: CPU ms for each that is refused, its connection with it; and the same for one
that is answered."""


@dataclass(frozen=True)
class Sample:
    """What was measured: MB, CPU seconds a second, and CPU ms a head."""

    idle: int
    before_mb: float
    held_mb: float
    idle_cpu: float
    heads_ms: Mapping[str, float]


def measure(plan: Plan, cores: Cores, idle: int = IDLE, heads: int = HEADS) -> Sample:
    """Hold connections for as long as a round of the plan takes, then send heads.

    Raises `BenchError`.
    """
    _allow(idle + 1_000)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecache-bench-")))
        source = stack.enter_context(origin(Place.within(home, "origin", cores.load)))
        place = Place.within(home, "sidecache", cores.server)
        server = stack.enter_context(sidecache(source.port, place, "", _ENVIRON))
        costs = {name: _cost(server, head, heads) for name, head in REFUSED.items()}
        costs["answered"] = _cost(server, _ASKED, heads, b"HTTP/1.1 200 ")
        before = resident.megabytes(server.pid)
        for _ in range(idle):
            stack.enter_context(_asking(server, _ASKED, b"HTTP/1.1 200 "))
        began = cpu.spent(server.pid)
        time.sleep(plan.seconds)
        spent = cpu.spent(server.pid) - began
        held = resident.megabytes(server.pid)
        return Sample(idle, before, held, spent / plan.seconds, costs)


def _allow(files: int) -> None:
    """Let this process and those that it starts hold so many connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < files:
        raise BenchError(f"the system allows {most} open files, and {files} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))


def _cost(server: Server, head: bytes, times: int, expected: bytes = _TOO_LARGE) -> float:
    """Return CPU milliseconds for a connection on which one head comes."""
    began = cpu.spent(server.pid)
    for _ in range(times):
        _asking(server, head, expected).close()
    return (cpu.spent(server.pid) - began) / times * 1_000


def _asking(server: Server, head: bytes, expected: bytes) -> socket.socket:
    """Return a connection on which something was asked and answered."""
    asking = socket.create_connection(("127.0.0.1", server.port), _PATIENCE)
    asking.sendall(head)
    answer = asking.recv(len(expected), socket.MSG_WAITALL)
    if answer != expected:
        asking.close()
        raise BenchError(f"a head was answered by {answer!r} in the place of {expected!r}")
    return asking


def rows(sample: Sample) -> Iterator[str]:
    """Yield the lines of both tables."""
    yield f"{'idle':>8} {'before MB':>10} {'held MB':>10} {'CPU s/s':>10}"
    figures = (f"{sample.before_mb:.0f}", f"{sample.held_mb:.0f}", f"{sample.idle_cpu:.3f}")
    yield f"{sample.idle:>8} " + " ".join(f"{each:>10}" for each in figures)
    yield ""
    yield f"{'heads':<14} {'CPU ms':>8}"
    yield from (f"{name:<14} {ms:>8.2f}" for name, ms in sample.heads_ms.items())


def data(sample: Sample) -> list[dict[str, object]]:
    """Return all of it as plain data."""
    return [asdict(sample)]
