"""Ports for programs that cannot be told to take any free one."""

import random
import socket
from typing import Final

_RANGE: Final = range(20_000, 32_000)
"""Below what systems hand out by themselves: from there, anyone could get it in between."""
_TRIES: Final = 100


def free_port() -> int:
    """Return a port that is free on the loopback now; raises OSError where none is found."""
    for port in random.sample(_RANGE, _TRIES):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port")
