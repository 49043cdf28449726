"""One exchange: a request out, a response in, on a connection that it has to itself.

The response is read no faster than it is taken; every wait has its own limit; an exchange that
does not come to a clean end takes its connection with it. This module must not know pools.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

import httpx

from proxy.upstream.bodies import Body
from proxy.upstream.call import Call
from proxy.upstream.connection import Connection
from proxy.upstream.faults import EXPIRED, Vanished
from proxy.upstream.head import Framing, Malformed, ResponseHead
from proxy.upstream.parser import ResponseParser

HIGH: Final = 262_144
"""Bytes that may wait to be taken before no more are read."""
LOW: Final = 65_536


class Exchange:
    """One request and its response.

    `ended` is called with it once, when the connection is no longer needed; the body may still wait
    to be taken. `expired_in` is the phase in which it ran out of time.
    """

    __slots__ = (
        *("_chunks", "_connection", "_deadline", "_ended", "_error", "_framing", "_head", "_held"),
        *("_loop", "_outgoing", "_over", "_parser", "_phase", "_reader", "_sent", "_waits"),
        *("expired_in", "touched"),
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        connection: Connection,
        call: Call,
        ended: Callable[["Exchange"], None],
    ) -> None:
        outgoing = call.outgoing
        self.touched = False
        self.expired_in: str | None = None
        self._loop = loop
        self._connection = connection
        self._outgoing = outgoing
        self._waits = call.waits
        self._deadline = call.deadline
        self._ended = ended
        self._parser = ResponseParser(
            outgoing.method, upgrade=outgoing.upgrade, informed=call.informed
        )
        self._head: asyncio.Future[ResponseHead] = loop.create_future()
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._reader: asyncio.Future[None] | None = None
        self._error: Exception | None = None
        self._framing: Framing | None = None
        self._phase = "total"
        self._sent = False
        self._over = False

    @property
    def over(self) -> bool:
        """Whether the connection is no longer needed."""
        return self._over

    # what its owner does

    async def send(self) -> ResponseHead:
        """Send the request and return the response's head as soon as it is here.

        Raises httpx's errors, and whatever the request's body raises. Cancelled or failed, it
        gives the connection up.
        """
        outgoing, connection = self._outgoing, self._connection
        connection.begin(self)
        connection.write(outgoing.head)
        if outgoing.body is not None:
            return await self._send_with(outgoing.body)
        self._sent = True
        self._await_head()
        try:
            return await self._head
        except BaseException:
            self.close()
            raise

    async def read(self) -> bytes:
        """Return the next piece of the body, nothing at its end; raises httpx's errors."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._over or self._parser.complete:
                return b""
            await self._more()
        piece = self._chunks.popleft()
        self._held -= len(piece)
        if self._held <= LOW and not self._over:
            self._connection.listen()
        return piece

    async def write(self, data: bytes) -> None:
        """Send through a tunnel, no faster than it is taken; raises httpx's errors."""
        if self._over:
            raise self._error or httpx.WriteError("the tunnel is closed")
        self._connection.write(data)
        self._arm("tunnel")
        await self._connection.drain()

    def write_eof(self) -> None:
        """Say that no more goes through the tunnel."""
        if not self._over:
            self._connection.write_eof()

    def close(self) -> None:
        """Give up what has not been read; where that is not all here, the connection with it."""
        self._chunks.clear()
        self._held = 0
        if not self._over:
            self._fail(httpx.StreamClosed())

    # what the connection does

    def received(self, data: bytes) -> None:
        """Take what came."""
        self.touched = True
        if self._over:
            return
        parser = self._parser
        try:
            piece = parser.feed(data)
        except Malformed as error:
            self._fail(httpx.RemoteProtocolError(str(error)))
            return
        if self._framing is None and parser.head is not None:
            self._began(parser.head)
        if piece:
            self._keep(piece)
        if parser.complete:
            self._finish()
        elif self._framing is Framing.TUNNEL:
            self._arm("tunnel")
        if self._reader is not None:
            self._wake()

    def ended(self, error: Exception | None) -> None:
        """Take note that no more comes."""
        if self._over:
            return
        if self._parser.complete:  # a tunnel whose other end fell silent before
            self._finish()
            return
        try:
            if error is None:
                self._parser.end()
        except Malformed as malformed:
            self._fail((httpx.RemoteProtocolError if self.touched else Vanished)(str(malformed)))
            return
        if error is not None:
            self._fail(
                (httpx.ReadError if self.touched else Vanished)(
                    f"the connection broke off: {type(error).__name__}"
                )
            )
        elif self._framing is Framing.TUNNEL:
            self._wake()
        else:
            self._finish()

    def expired(self) -> None:
        """Take note that a wait was too long."""
        phase = "total" if self._loop.time() >= self._deadline else self._phase
        self.expired_in = phase
        kind, text = EXPIRED[phase]
        self._fail(kind(text))

    def hold_open(self) -> bool:
        """Tell whether the tunnel may still be written to."""
        return self._framing is Framing.TUNNEL and not self._over

    # inside

    async def _send_with(self, body: Body) -> ResponseHead:
        """Send the body while listening: an answer may come early, and ends the upload then."""
        uploading = self._loop.create_task(self._upload(body))
        try:
            head = await self._head
            if not uploading.done():
                uploading.cancel()
                await asyncio.wait({uploading})
        except BaseException:
            self.close()
            uploading.cancel()
            raise
        return head

    async def _upload(self, body: Body) -> None:
        try:
            await body.carry(self._send_piece)
        except Exception as error:  # noqa: BLE001 - the client's side may fail in any way: told below
            # Once the answer has begun, whoever reads it knows nothing of the request any more.
            late = self._framing is not None
            self._fail(httpx.WriteError("the request's body broke off") if late else error)

    async def _send_piece(self, piece: bytes) -> bool:
        """Send a piece of the body, no faster than it is taken; False once it is not wanted."""
        connection, body = self._connection, self._outgoing.body
        if self._over:
            return False
        connection.write(piece)
        self._sent = body is None or body.whole
        if not connection.writable:
            self._arm("write")
            await connection.drain()
        self._await_head()
        return True

    def _await_head(self) -> None:
        """Limit the time to the head, once there is nothing left to send."""
        if self._over or self._framing is not None:
            return
        if self._sent:
            self._arm("first_byte")
        else:
            self._disarm()

    def _began(self, head: ResponseHead) -> None:
        self._framing = head.framing
        self._disarm()
        if not self._head.done():
            self._head.set_result(head)

    def _keep(self, piece: bytes) -> None:
        self._chunks.append(piece)
        self._held += len(piece)
        if self._held > HIGH:
            self._connection.rest()

    async def _more(self) -> None:
        """Wait until there is more to read, or no more will be."""
        self._arm("tunnel" if self._framing is Framing.TUNNEL else "between_bytes")
        self._reader = self._loop.create_future()
        try:
            await self._reader
        finally:
            self._reader = None
            if not self._over and self._framing is not Framing.TUNNEL:
                self._disarm()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _arm(self, phase: str) -> None:
        seconds: float = getattr(self._waits, phase)
        self._phase = phase
        self._connection.alarm.set(min(self._loop.time() + seconds, self._deadline))

    def _disarm(self) -> None:
        self._connection.alarm.set(self._deadline)

    def _finish(self) -> None:
        """End the message: the connection is clean if nothing is owed either way (9112 §9.3)."""
        parser, outgoing = self._parser, self._outgoing
        head = parser.head
        clean = (
            head is not None
            and head.keep_alive
            and head.framing is not Framing.END
            and self._sent
            and not (parser.surplus or outgoing.closing or outgoing.upgrade)
        )
        self._over = True
        self._connection.finish(clean=clean)
        self._wake()
        self._ended(self)

    def _fail(self, error: Exception) -> None:
        if self._over:
            return
        self._over = True
        self._error = error
        if not self._head.done():
            self._head.set_exception(error)
        self._connection.abort()
        self._wake()
        self._ended(self)
