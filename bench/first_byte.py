"""The first byte: how long it takes from the upstream itself, and how long in a miss through us.

The upstream sends the first half of its answer at once and the rest later; asked are both in turn.
"""

import re
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final

from bench.budget import OWN, Figures
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.rounds import Plan
from bench.servers import origin, sidecache

UPSTREAM: Final = "upstream"

_TIMEOUT: Final = 10.0
_END: Final = b"\r\n\r\n"
_LENGTH: Final = re.compile(rb"\r\nContent-Length: (\d+)\r\n", re.IGNORECASE)


def measure(plan: Plan, cores: Cores) -> Figures:
    """Return the median milliseconds of each round; raises `BenchError`."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sidecache-bench-")))
        source = stack.enter_context(origin(Place(home, cores.load)))
        server = stack.enter_context(sidecache(source.port, Place(home, cores.server)))
        asked = {
            UPSTREAM: stack.enter_context(_connected(source.port)),
            OWN: stack.enter_context(_connected(server.port)),
        }
        figures: dict[str, list[float]] = {name: [] for name in asked}
        for number in range(plan.rounds):
            for name, taken in _round(asked, number, plan.seconds).items():
                figures[name].append(median(taken) * 1000)
        return figures


def _round(asked: dict[str, socket.socket], number: int, seconds: float) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in asked}
    until, turn = time.monotonic() + seconds, 0
    while not turn or time.monotonic() < until:
        for name, connection in asked.items():
            taken[name].append(_first_byte(connection, f"/halves/{number}-{turn}"))
        turn += 1
    return taken


@contextmanager
def _connected(port: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=_TIMEOUT) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def _first_byte(connection: socket.socket, target: str) -> float:
    """Return the seconds from a request to the first byte of its answer's body."""
    try:
        began = time.perf_counter()
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        got = b""
        while not got.partition(_END)[2]:
            got += _received(connection)
        taken = time.perf_counter() - began
        head, _, body = got.partition(_END)
        length = _LENGTH.search(head + b"\r\n")
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            raise BenchError(f"GET {target} gave {head!r}")
        while len(body) < int(length[1]):
            body += _received(connection)
    except OSError as error:
        raise BenchError(f"GET {target} failed: {error!r}") from error
    return taken


def _received(connection: socket.socket) -> bytes:
    if got := connection.recv(65_536):
        return got
    raise BenchError("a connection ended in the middle of an answer")
