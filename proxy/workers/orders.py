"""Orders: the words between a supervisor and its workers, a byte each.

Workers heed no signal: whoever ends a service may signal all of its processes, and then each would
be told twice to go, which means at once. This module must not know what an order leads to.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final


class Order(Enum):
    """What a worker is told."""

    END = b"E"
    """Go, as an orchestrator asks for it; told again, at once."""
    NOW = b"N"
    """Take no one else, and finish what is under way."""
    RELOAD = b"R"
    """Read the settings anew."""


READY: Final = b"!"
"""What a worker says once it serves."""


class Listener:
    """A worker's end of the channel: does what the supervisor says, in the running loop.

    Once the supervisor is gone, the worker is told to end, unless it has been already.
    """

    def __init__(self, channel: socket.socket, deeds: Mapping[Order, Callable[[], None]]) -> None:
        channel.settimeout(0.0)
        self._channel = channel
        self._deeds = deeds
        self._ending = False
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(channel, self._read)

    def ready(self) -> None:
        """Tell the supervisor that this worker serves."""
        self._channel.send(READY)

    def _read(self) -> None:
        told = self._channel.recv(64)
        for byte in told:
            self._obey(Order(bytes((byte,))))
        if not told:
            self._loop.remove_reader(self._channel)
            if not self._ending:
                self._obey(Order.END)

    def _obey(self, order: Order) -> None:
        self._ending |= order is not Order.RELOAD
        self._deeds[order]()
