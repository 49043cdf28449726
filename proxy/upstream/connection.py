"""One connection: an exchange at a time, and nothing else.

Whatever arrives outside of an exchange ends it (9112 §9.2: there is no request to associate it
with). Who uses it, and when, is its keeper's business. This module must not know HTTP.
"""

import asyncio
import select
from collections.abc import Callable
from enum import Enum
from typing import Protocol, cast

from proxy.upstream.alarm import Alarm


class Keeper(Protocol):
    """Who keeps a connection between exchanges."""

    def released(self, connection: "Connection") -> None:
        """Take it back, clean."""

    def lost(self, connection: "Connection") -> None:
        """Take note that it has ended; told once."""


class Client(Protocol):
    """What a connection is used by: it gets all that comes, in order."""

    def received(self, data: bytes) -> None:
        """Take what came."""

    def ended(self, error: Exception | None) -> None:
        """Take note that no more comes; `error` is None where the peer said so."""

    def expired(self) -> None:
        """Take note that the alarm rang."""

    def hold_open(self) -> bool:
        """Tell whether we may go on writing when the peer writes no more."""


class Intrusion(Enum):
    """Why a connection ended that nobody used."""

    BYTES = "bytes"
    EXPIRED = "expired"
    CLOSED = "closed"


class Connection(asyncio.Protocol):
    """A connection, and how it goes with it.

    `used` counts exchanges; `opened` is the loop's time at which it was made.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        keeper: Keeper,
        intruded: Callable[[Intrusion], None] = lambda _: None,
    ) -> None:
        self.used = 0
        self.opened = loop.time()
        self.alarm = Alarm(loop, self._rang)
        self.closed = False
        self._loop = loop
        self._keeper = keeper
        self._intruded = intruded
        self._client: Client | None = None
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._draining: asyncio.Future[None] | None = None
        self._resting = False
        self.writable = True

    # what its user does

    def begin(self, client: Client) -> None:
        """Let `client` have it: an exchange begins."""
        self._client = client
        self.used += 1

    def finish(self, *, clean: bool) -> None:
        """End the exchange: a clean connection goes back to its keeper, another ends."""
        if not clean:
            self.abort()
            return
        self._client = None
        self.listen()
        self._keeper.released(self)

    def write(self, data: bytes) -> None:
        """Send; where it is not `writable` afterwards, wait for `drain` before the next."""
        if (transport := self._open) is not None:
            transport.write(data)

    def write_eof(self) -> None:
        """Say that no more will be sent, where that can be said."""
        transport = self._open
        if transport is not None and transport.can_write_eof():
            transport.write_eof()

    async def drain(self) -> None:
        """Wait until it is writable, or has ended."""
        while not (self.writable or self.closed):
            self._draining = self._draining or self._loop.create_future()
            await asyncio.shield(self._draining)

    def rest(self) -> None:
        """Read no more until `listen`: the peer has to wait."""
        if not (self._resting or self.closed) and self._transport is not None:
            self._resting = True
            self._transport.pause_reading()

    def listen(self) -> None:
        """Read on."""
        if self._resting and not self.closed and self._transport is not None:
            self._transport.resume_reading()
        self._resting = False

    def abort(self) -> None:
        """End it now; what has not been sent never will be."""
        if self._transport is not None and not self.closed:
            self._transport.abort()
        self._end()

    @property
    def _open(self) -> asyncio.Transport | None:
        """The transport, unless it has ended: uvloop raises at a write before it tells that."""
        transport = self._transport
        ended = self.closed or transport is None or transport.is_closing()
        return None if ended else transport

    @property
    def encrypted(self) -> bool:
        """Whether it is TLS, whose own records may wait to be read at its beginning."""
        transport = self._transport
        return transport is not None and transport.get_extra_info("ssl_object") is not None

    @property
    def quiet(self) -> bool:
        """Whether it is open and nothing waits to be read, not even its end.

        What the kernel holds already came before the next request: it is no answer to it.
        """
        if self.closed or self._transport is None or self._transport.is_closing():
            return False
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._poll.poll(0)

    # what the loop does

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        if self.closed:  # nobody waited for it
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Hand on what came; without an exchange, end."""
        if self._client is not None:
            self._client.received(data)
        elif not self.closed:
            self._intruded(Intrusion.BYTES)
            self.abort()

    def eof_received(self) -> bool:
        """Take note that the peer writes no more; True keeps the way to it open."""
        client = self._client
        if client is None:
            if not self.closed:
                self._intruded(Intrusion.CLOSED)
                self.abort()
            return False
        client.ended(None)
        return client.hold_open() and not self.encrypted

    def connection_lost(self, exc: Exception | None) -> None:
        """Take note of the end."""
        client, self._transport = self._client, None
        self._end()
        if client is not None:
            client.ended(exc or ConnectionResetError("the connection was given up"))

    def pause_writing(self) -> None:
        """Take note that the peer does not take what is sent as fast as it comes."""
        self.writable = False

    def resume_writing(self) -> None:
        """Take note that it goes on."""
        self.writable = True
        self._drained()

    def _rang(self) -> None:
        if self._client is not None:
            self._client.expired()
        else:
            self._intruded(Intrusion.EXPIRED)
            self.abort()

    def _end(self) -> None:
        if self.closed:
            return
        self.closed = True
        self.alarm.stop()
        self._drained()
        self._keeper.lost(self)

    def _drained(self) -> None:
        draining, self._draining = self._draining, None
        if draining is not None and not draining.done():
            draining.set_result(None)
