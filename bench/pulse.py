"""The pulse: a process that asks one thing again and again, and tells how long each answer took.

`python -m bench.pulse PORT SECONDS`; the answer is a line of JSON. It is one client on one
connection with a pause behind each answer, so that it loads nobody. Must not know who else is
there.
"""

import json
import socket
import sys
from time import perf_counter, sleep
from typing import Final

TARGET: Final = "/hit/1"

_ASKED: Final = f"GET {TARGET} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
_PAUSE: Final = 0.001
_PATIENCE: Final = 10.0
_END: Final = b"\r\n\r\n"


def feel(port: int, seconds: float) -> list[float]:
    """Return how many seconds each answer took; raises OSError where there is none."""
    times: list[float] = []
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        until = perf_counter() + seconds
        while not times or perf_counter() < until:
            began = perf_counter()
            connection.sendall(_ASKED)
            _read(connection)
            times.append(perf_counter() - began)
            sleep(_PAUSE)
    return times


def _read(connection: socket.socket) -> None:
    data = b""
    while len(data) < whole(data):
        piece = connection.recv(65_536)
        if not piece:
            raise ConnectionResetError("the connection ended within an answer")
        data += piece


def whole(data: bytes) -> int:
    """Return how long the answer is that begins so; more than there is while nobody can tell.

    Raises ConnectionError for any other answer than 200 with a length.
    """
    if _END not in data:
        return len(data) + 1
    head = data[: data.index(_END)].lower()
    _, named, length = head.partition(b"\r\ncontent-length:")
    if not (named and head.startswith(b"http/1.1 200 ")):
        raise ConnectionError(f"not an answer: {head[:80]!r}")
    return len(head) + len(_END) + int(length.partition(b"\r\n")[0])


def told(times: list[float]) -> dict[str, float]:
    """Return what is told of the times, in microseconds."""
    ranked = sorted(times)
    shares = {"p50_us": ranked[len(ranked) // 2], "p99_us": ranked[len(ranked) * 99 // 100]}
    return {"requests": len(ranked)} | {
        name: seconds * 1e6 for name, seconds in (shares | {"max_us": ranked[-1]}).items()
    }


if __name__ == "__main__":
    print(json.dumps(told(feel(int(sys.argv[1]), float(sys.argv[2])))))
