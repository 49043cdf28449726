"""Doorway: what all connections of one listener share: limits, how many there are, one clock.

One coarse tick serves all deadlines, so that a request costs no timer. This module must not know
what a connection does when its time has come.
"""

import asyncio
from collections import Counter
from enum import Enum, auto
from functools import partial
from typing import Final, Protocol

from proxy.edge.limits import NO_LIMITS_SET, Edge
from proxy.edge.refusals import App, refuse_plainly
from proxy.edge.stats import EdgeStats

_SHARE: Final = 10
"""Ticks in the shortest deadline; a deadline ends no earlier than it says, and so much later."""
_BOUNDS: Final = (0.01, 1.0)
_AT_ONCE: Final = 50
"""Connections looked at in one turn of the loop: to refuse so many takes a few milliseconds."""
_HOPELESS: Final = 1.1
"""Share of the connections allowed above which nobody is even told why."""


class Connection(Protocol):
    """What a doorway knows of a connection."""

    def tick(self, now: float) -> None:
        """Look whether a deadline has passed, at `now` on the loop's clock."""


class Admission(Enum):
    """What becomes of a connection that was just made."""

    WELCOME = auto()
    CROWDED = auto()
    """It is told that there is no room, and closed."""
    HOPELESS = auto()
    """So many have been told already that this one is dropped."""


class Doorway:
    """The way in through one listener; `refuser` answers requests that cannot be taken."""

    def __init__(
        self,
        limits: Edge = NO_LIMITS_SET,
        refuser: App = refuse_plainly,
        stats: EdgeStats | None = None,
    ) -> None:
        self.limits = limits
        self.refuser = refuser
        self.stats = stats or EdgeStats()
        self.now = 0.0
        """The loop's clock at the last tick, seconds."""
        self.interval = _interval(limits)
        self._present: set[Connection] = set()
        self._admitted: dict[Connection, str] = {}
        self._peers: Counter[str] = Counter()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._present)

    def enter(
        self, connection: Connection, peer: str, loop: asyncio.AbstractEventLoop
    ) -> Admission:
        """Take note of a connection of `peer`, an address, and tell whether there is room."""
        admission = self._admit(connection, peer, loop)
        self.stats.accepted += 1
        self.stats.turned_away += admission is not Admission.WELCOME
        self.stats.connections = len(self._present)
        return admission

    def _admit(
        self, connection: Connection, peer: str, loop: asyncio.AbstractEventLoop
    ) -> Admission:
        if len(self._present) >= self.limits.connections * _HOPELESS + 1:
            return Admission.HOPELESS
        self._present.add(connection)
        if self._timer is None:
            self.now = loop.time()
            self._timer = loop.call_later(self.interval, self._tick, loop)
        cap = self.limits.connections_per_peer or self.limits.connections
        if len(self._admitted) >= self.limits.connections or self._peers[peer] >= cap:
            return Admission.CROWDED
        self._admitted[connection] = peer
        self._peers[peer] += 1
        return Admission.WELCOME

    def leave(self, connection: Connection) -> None:
        """Forget a connection; one that never entered, too."""
        self._present.discard(connection)
        self.stats.connections = len(self._present)
        peer = self._admitted.pop(connection, None)
        if peer is not None:
            self._peers[peer] -= 1
            if not self._peers[peer]:
                del self._peers[peer]

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = loop.time()
        self._timer = None
        if self._present:
            self._timer = loop.call_later(self.interval, self._tick, loop)
            self._look(loop, list(self._present))

    def _look(self, loop: asyncio.AbstractEventLoop, waiting: list[Connection]) -> None:
        """Look at some connections now, and at the others once the loop has had a turn."""
        now = self.now
        for connection in waiting[:_AT_ONCE]:
            if connection in self._present:  # it may have left since
                connection.tick(now)
        if rest := waiting[_AT_ONCE:]:
            loop.call_soon(partial(self._look, loop, rest))


def _interval(limits: Edge) -> float:
    shortest = min(
        *(limits.head_timeout, limits.idle_timeout, limits.body_timeout),
        *(limits.send_timeout, limits.tunnel_timeout),
    )
    low, high = _BOUNDS
    return min(max(shortest / _SHARE, low), high)


class Meter:
    """Tells whether something is slow: fewer bytes a second than `rate` for `window` seconds."""

    __slots__ = ("_least", "_mark", "_since", "_window")

    def __init__(self, window: float, rate: int) -> None:
        self._window = window
        self._least = max(1.0, window * rate)
        self._since = 0.0
        self._mark = 0

    def slow(self, now: float, total: int, *, waiting: bool) -> bool:
        """Take note of `total` bytes at `now`; only time spent `waiting` for them counts."""
        if not waiting:
            self._since = 0.0
        elif not self._since:
            self._since, self._mark = now, total
        elif now - self._since > self._window:
            moved = total - self._mark
            self._since, self._mark = now, total
            return moved < self._least
        return False
