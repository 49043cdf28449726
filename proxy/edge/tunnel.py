"""Tunnel: the client's end of a connection on which HTTP has ended (9110 §7.8).

It is a `proxy.engine.ports.Tunnel`. This module must not know what is at the other end.
"""

import asyncio
from typing import Final, Protocol

from uvicorn.protocols.http.flow_control import FlowControl

from proxy.errors import ClientGone

_MOST: Final = 65_536
"""Bytes that wait to be read before the client has to wait."""


class Wire(Protocol):
    """The connection, as a tunnel knows it."""

    transport: asyncio.Transport
    flow: FlowControl

    def write(self, data: bytes) -> None:
        """Write, at once."""


class ClientTunnel:
    """Bytes from and to one client; `early` is what came before anybody could read it."""

    def __init__(self, wire: Wire, early: bytes) -> None:
        self._wire = wire
        self._come = bytearray(early)
        self._said_all = False
        self._lost = False
        self._news = asyncio.Event()

    async def read(self) -> bytes:
        """See `Tunnel.read`; raises `ClientGone`."""
        while not self._come and not self._said_all:
            self._check()
            self._news.clear()
            await self._news.wait()
        data, self._come = bytes(self._come), bytearray()
        self._wire.flow.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        """See `Tunnel.write`; raises `ClientGone`."""
        self._check()
        self._wire.write(data)
        if self._wire.flow.write_paused:
            await self._wire.flow.drain()

    async def end(self) -> None:
        """See `Tunnel.end`."""
        if not self._lost and self._wire.transport.can_write_eof():
            self._wire.transport.write_eof()

    async def aclose(self) -> None:
        """See `Tunnel.aclose`."""
        self._wire.transport.close()

    def feed(self, data: bytes) -> None:
        """Take bytes that came."""
        self._come += data
        if len(self._come) > _MOST:
            self._wire.flow.pause_reading()
        self._news.set()

    def feed_end(self) -> None:
        """Take the end of what the client says."""
        self._said_all = True
        self._news.set()

    def lose(self) -> None:
        """Take the end of the connection."""
        self._lost = True
        self._news.set()

    def _check(self) -> None:
        if self._lost:
            raise ClientGone("the client left its tunnel")
