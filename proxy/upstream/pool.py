"""The pool: connections to one address, kept between exchanges.

What is taken is known to be open and quiet; the one used last is taken first, so that the others
can end. This module must not know requests, or which address is best.
"""

import asyncio
import ssl
from dataclasses import dataclass

import httpx

from proxy.upstream.address import Address
from proxy.upstream.connection import Connection, Intrusion
from proxy.upstream.stats import UpstreamStats


@dataclass(frozen=True, slots=True)
class Keep:
    """How connections are kept: how many idle, for how long, and how old they may become."""

    idle: int = 64
    idle_seconds: float = 4.0
    """Less than the 5 s after which common servers close."""
    age_seconds: float = 300.0
    """After that a change of what a name stands for is followed at last."""


class Room:
    """The room for connections that all pools share: `most` at once, idle ones included."""

    def __init__(self, most: int, keep: Keep, stats: UpstreamStats) -> None:
        self.keep = keep
        self.stats = stats
        self._most = most
        self._idle: dict[Connection, None] = {}

    def make(self) -> None:
        """Let there be room for one more, if need be at the cost of who has been idle longest."""
        if self.stats.open >= self._most and self._idle:
            next(iter(self._idle)).abort()

    def rests(self, connection: Connection) -> bool:
        """Take in an idle connection; False where there are enough."""
        if len(self._idle) >= self.keep.idle:
            return False
        self._idle[connection] = None
        self.stats.idle = len(self._idle)
        return True

    def leaves(self, connection: Connection) -> None:
        """Take note that a connection is idle no more."""
        self._idle.pop(connection, None)
        self.stats.idle = len(self._idle)


class Pool:
    """The connections to one address."""

    def __init__(self, address: Address, room: Room, tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self._room = room
        self._tls = tls
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._closed = False

    def __len__(self) -> int:
        return len(self._all)

    def take(self) -> Connection | None:
        """Take an idle connection that is still good, or None."""
        while self._idle:
            connection = self._idle.pop()
            self._room.leaves(connection)
            if connection.quiet:
                connection.alarm.set(float("inf"))
                return connection
            self._room.stats.dropped[Intrusion.CLOSED.value] += 1
            connection.abort()
        return None

    async def connect(self, seconds: float) -> Connection:
        """Open a connection; raises `httpx.ConnectError` or `httpx.ConnectTimeout`."""
        self._room.make()
        connection = Connection(asyncio.get_running_loop(), self, self._intruded)
        self._all.add(connection)
        self._room.stats.open += 1
        try:
            await self.address.connect(lambda: connection, self._tls, seconds)
        except BaseException:
            connection.abort()
            raise
        if connection.closed or not (connection.encrypted or connection.quiet):
            self._room.stats.dropped[Intrusion.BYTES.value] += 1
            connection.abort()
            raise httpx.ConnectError(f"{self.address} spoke before it was asked, or left")
        return connection

    def close(self) -> None:
        """End every connection, and keep none any more."""
        self._closed = True
        for connection in list(self._all):
            connection.abort()

    def retire(self) -> None:
        """End idle connections, and keep none any more; those in use go on."""
        self._closed = True
        for connection in list(self._idle):
            connection.abort()

    def released(self, connection: Connection) -> None:
        """See `Keeper.released`."""
        now, keep = asyncio.get_running_loop().time(), self._room.keep
        old = now - connection.opened >= keep.age_seconds
        if self._closed or old or not self._room.rests(connection):
            connection.abort()
            return
        self._idle.append(connection)
        connection.alarm.set(now + keep.idle_seconds)

    def lost(self, connection: Connection) -> None:
        """See `Keeper.lost`."""
        self._all.discard(connection)
        self._room.leaves(connection)
        self._room.stats.open -= 1
        if connection in self._idle:
            self._idle.remove(connection)

    def _intruded(self, how: Intrusion) -> None:
        self._room.stats.dropped[how.value] += 1
