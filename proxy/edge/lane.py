"""Lane: one connection's way through the fast door, before the parser and behind it.

What is known byte for byte is answered unparsed; what the parser made of a request is asked for
next, and learned by heart where it was all that came. This module must not know what is
remembered, nor for how long.
"""

from collections.abc import Sequence

from proxy.edge.shortcut import Shortcut, Wire
from proxy.engine.recall import Asked, Memory
from proxy.http.message import Line


class Lane:
    """The fast door as one connection finds it; `peer` is the client's address."""

    __slots__ = ("_believed", "_last", "_shortcut", "_wire", "peer")

    def __init__(self, shortcut: Shortcut, wire: Wire) -> None:
        self._shortcut = shortcut
        self._wire = wire
        self._last: Memory | None = None
        """What a request of the piece at hand was answered with."""
        self._believed = False
        self.peer: str | None = None

    def known(self, data: bytes) -> bool:
        """Answer what came if it is known byte for byte; it begins with a head."""
        self._last, self._believed = None, self._shortcut.believes(self.peer)
        return self._shortcut.by_heart(self._wire, data, believed=self._believed)

    def recalled(self, method: bytes, target: bytes, lines: Sequence[Line]) -> bool:
        """Answer a parsed request if that is remembered."""
        self._last = self._shortcut.give(self._wire, self.asked(method, target, lines))
        return self._last is not None

    def learn(self, data: bytes) -> None:
        """Learn what came, one request and no more, by heart if it was answered here."""
        if self._last is not None:
            self._shortcut.know(data, self._last, believed=self._believed)
            self._last = None

    def asked(self, method: bytes, target: bytes, lines: Sequence[Line]) -> Asked:
        """Return a parsed request as it is remembered."""
        return Asked(self._shortcut.believes(self.peer), method, target, lines)
