"""Ports for programs that cannot be told to take any free one."""

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Final

_FIRST: Final = 20_000
"""From here to 32,000, below what systems hand out by themselves: anyone could get those."""
_PARTS: Final = 16
_EACH: Final = 750


def _in_turn() -> Iterator[int]:
    """Yield ports, the same again only after all others, and hardly those of another process.

    It takes a while until a port that was told is taken; processes that run tests at the same time
    were begun one after the other, so their numbers have different remainders.
    """
    first = _FIRST + os.getpid() % _PARTS * _EACH
    skipped = random.SystemRandom().randrange(_EACH)
    return islice(cycle(range(first, first + _EACH)), skipped, None)


_PORTS: Final = _in_turn()


def free_port() -> int:
    """Return a port that is free on the loopback now; raises OSError where none is found."""
    for port in islice(_PORTS, _EACH):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port")
