"""Listeners: the sockets on which clients and operators are heard.

This module must not know what is served on them.
"""

import socket
import sys
from typing import Final

from proxy.errors import ConfigError
from proxy.rules.endpoints import Address

_BACKLOG: Final = 2048
_UNSENT: Final = 262_144
"""Bytes that the kernel takes ahead of what it may send to a client."""


def bind(address: Address, setting: str, *, several: bool = False) -> socket.socket:
    """Return a listening socket, or one of `several`; a port in use is an error of one line."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (address.host, address.port), family=family, backlog=_BACKLOG, reuse_port=several
        )
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (")[0]  # socket adds the address
        raise ConfigError(f"{setting}: cannot listen on {address}: {why}") from error
    # Inherited by what it accepts: a client that vanished while it waits for an answer, for which
    # no deadline runs, is found out by the kernel.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if sys.platform == "linux":
        # And a client that does not read fills its deadline's view, not megabytes of the kernel.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
    return listener


def url_of(listener: socket.socket) -> str:
    """Return where a listener is."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Doors:
    """The listening sockets of one port, each with a queue of its own, one for each worker.

    The kernel spreads connections over them. Who holds one as well keeps its queue alive when the
    worker dies, and nobody in it is lost. Where the kernel does not spread, all share one.
    """

    def __init__(self, address: Address, setting: str, size: int) -> None:
        first = bind(address, setting)  # alone, so that somebody else's port is noticed
        self._setting = setting
        self._address = Address(address.host, first.getsockname()[1])
        self._shared = None if sys.platform == "linux" else first
        self.url = url_of(first)
        self._sockets: list[socket.socket | None] = [self._shared] * size
        if self._shared is None:
            first.close()
            self._sockets = [self._opened() for _ in range(size)]

    def at(self, place: int) -> socket.socket:
        """Return the socket of a place, opened anew if it had been given up."""
        listener = self._sockets[place]
        if listener is None:
            listener = self._sockets[place] = self._opened()
        return listener

    def give_up(self, place: int) -> None:
        """Let the kernel send nobody to a place any more; who waits there is turned away."""
        listener = self._sockets[place]
        if listener is not None and listener is not self._shared:
            listener.close()
            self._sockets[place] = None

    def keep(self, place: int) -> socket.socket:
        """Return the socket of a place, and hold no other any more."""
        kept = self.at(place)
        for listener in self._sockets:
            if listener is not None and listener is not kept:
                listener.close()
        return kept

    def close(self) -> None:
        """Hold none any more."""
        for listener in self._sockets:
            if listener is not None:
                listener.close()

    def _opened(self) -> socket.socket:
        return bind(self._address, self._setting, several=True)
