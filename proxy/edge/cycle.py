"""Cycle: one request and its answer, between the protocol and an application.

What is written here is whole: a head leaves together with the first piece of its body where that
is at hand, and an answer that HTTP/1.1 cannot carry is turned down before a byte of it has left.
This module must not know limits or deadlines.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final, Protocol, cast

from uvicorn.protocols.http.flow_control import FlowControl

from proxy.edge.outgoing import Framing, Outgoing, chunk, outgoing
from proxy.errors import Unsendable

PROMPT: Final = "sidecache.prompt"
"""The key by which a message that begins an answer tells that its body follows at once."""

_START: Final = "http.response.start"
_BODY: Final = "http.response.body"
_LARGE: Final = 262_144
"""Bytes above which a body is written in pieces."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Wire(Protocol):
    """The connection, as a cycle knows it."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: FlowControl
    logger: logging.Logger

    def write(self, data: bytes) -> None:
        """Write, at once."""

    def take_in(self) -> None:
        """Let the client go on sending."""

    def cut(self) -> None:
        """End the connection in the middle of an answer, visibly."""

    def answered(self, cycle: Any) -> None:  # noqa: ANN401 - a cycle, which knows this
        """Go on behind a complete answer, or end the connection where it was the last."""


class Cycle:
    """One request and its answer: framed once, checked, written in one piece.

    uvicorn's protocol keeps it in the place of its own, and knows the attributes without underscore
    and `run_asgi`.
    """

    def __init__(
        self, wire: Wire, scope: dict[str, Any], *, expecting: bool, keep_alive: bool
    ) -> None:
        self._wire = wire
        self._flow = wire.flow
        self._scope: dict[str, Any] | None = scope
        self._method: str = scope["method"]
        self._version: str = scope["http_version"]
        self._expecting = expecting
        """Whether the client waits to be asked for its body (9110 §10.1.1)."""
        self._head: bytes | None = None
        self._out: Outgoing | None = None
        self._heard: Callable[[], None] | None = None
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.message_event = asyncio.Event()
        """Set when there is more for the application to receive."""
        self.reading = False
        """Whether the application is waiting for more of the request's body."""
        self.response_started = False
        self.response_complete = False
        self.disconnected = False

    @property
    def may_be_informed(self) -> bool:
        """Whether an interim response can be written before the answer (9110 §15.2)."""
        return not (self.response_started or self.disconnected) and self._version == "1.1"

    async def run_asgi(self, app: Any) -> None:  # noqa: ANN401 - ASGI
        """Answer by an application; where it returns before the end, the answer is cut.

        That is how an application says that a body broke off, and no error of its own.
        """
        scope, self._scope = self._scope, None  # which knows the cycle: nothing is to go in circles
        try:
            await app(scope, self.receive, self.send)
        except asyncio.CancelledError:
            self._wire.logger.warning("a request was given up, since the server ends")
        except BaseException as error:
            self._wire.logger.exception("the application failed", exc_info=error)
        if self.response_complete or self.disconnected:
            return
        if self.response_started:
            self.disconnected = True
            self._wire.cut()
        else:
            await self._apologize()

    async def _apologize(self) -> None:
        """Answer in the place of an application that did not."""
        self._wire.logger.error("a request got no answer: it is told 500")
        text = b"Internal Server Error"
        lines = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(text)),
            (b"connection", b"close"),
        ]
        await self.send({"type": _START, "status": 500, "headers": lines})
        await self.send({"type": _BODY, "body": text})

    async def receive(self) -> Any:  # noqa: ANN401 - ASGI
        """Return the next piece of the request, or that the client has left."""
        if self._expecting and not self._wire.transport.is_closing():
            self._expecting = False
            self._wire.write(_CONTINUE)  # 9110 §10.1.1: only once somebody wants the body
        if not self.disconnected and not self.response_complete:
            self._wire.take_in()
            self.reading = self.more_body
            await self.message_event.wait()
            self.reading = False
            self.message_event.clear()
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = bytes(self.body), bytearray()
        if not self.more_body:
            self._wire.take_in()  # nobody asks again, but the client may leave
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send(self, message: Any) -> None:  # noqa: ANN401 - ASGI
        """Take a part of the answer; raises `Unsendable`, and waits while the client is slow."""
        if self._flow.write_paused and not self.disconnected:
            await self._flow.drain()
        if self.disconnected:
            return
        expected = _BODY if self.response_started else _START
        if self.response_complete or message["type"] != expected:
            raise RuntimeError(f"{message['type']} is out of turn")
        if expected is _START:
            self._begin(message["status"], message.get("headers", ()))
            if not message.get(PROMPT):
                self._wire.loop.call_soon(self._flush)
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        size = len(body)
        self._check_length(size, more=more)
        if size > _LARGE:
            body = await self._send_most(body)
        if not self.disconnected:
            self._go_on(body, more=more)

    def hear(self, heard: Callable[[], None] | None) -> None:
        """Have `heard` called when the client leaves; None takes that back."""
        self._heard = heard
        if heard is not None:
            self._wire.take_in()
            if self.disconnected:
                heard()

    def leave(self) -> None:
        """Take note that nobody waits for this answer any more."""
        self.disconnected = True
        self.message_event.set()
        heard, self._heard = self._heard, None
        if heard is not None:  # once: who is told may be closing what it held, and take a while
            heard()

    def take_over(self) -> None:
        """End HTTP here: the answer is a 101, and what follows is another protocol's."""
        self.response_started = self.response_complete = True
        self.keep_alive = False

    def _begin(self, status: int, lines: Any) -> None:  # noqa: ANN401 - ASGI
        """Make the head; it leaves with the body, or in the loop's next turn without."""
        # 9112 §9.6: a body that nobody may ever read must not be taken for the next request
        keep_alive = self.keep_alive and not self.more_body
        out = outgoing(
            status, lines, method=self._method, version=self._version, keep_alive=keep_alive
        )
        self._out, self._head, self.keep_alive = out, out.head, out.keep_alive
        self.response_started = True
        self._expecting = False

    def _flush(self) -> None:
        """Let a head go whose body keeps others waiting: an event stream's, a long poll's."""
        if self._head is not None and not self.disconnected:
            self._wire.write(self._head)
            self._head = None

    def _check_length(self, size: int, *, more: bool) -> None:
        out = cast(Outgoing, self._out)
        if out.framing is Framing.LENGTH:
            unsaid = out.left - size
            if unsaid < 0 or (unsaid and not more):
                self._contradicted()

    async def _send_most(self, body: bytes) -> bytes:
        """Write a large piece no faster than it is taken, and return the last of it."""
        at = 0
        while len(body) - at > _LARGE and not self.disconnected:
            self._go_on(body[at : at + _LARGE], more=True)
            at += _LARGE
            if self._flow.write_paused:
                await self._flow.drain()
        return body[at:]

    def _go_on(self, body: bytes, *, more: bool) -> None:
        out = cast(Outgoing, self._out)
        piece = self._framed(out, body, more=more)
        if self._head is not None:
            piece, self._head = self._head + piece, None
        if piece:
            self._wire.write(piece)
        if not more:
            self.response_complete = True
            self.message_event.set()
            self._wire.answered(self)

    def _framed(self, out: Outgoing, body: bytes, *, more: bool) -> bytes:
        match out.framing:
            case Framing.NONE:
                return b""
            case Framing.CHUNKED:
                return chunk(body, last=not more)
            case Framing.CLOSE:
                return body
            case Framing.LENGTH:
                out.left -= len(body)
                return body

    def _contradicted(self) -> None:
        """Take the answer back, or cut it visibly where its head has left (9112 §6.3)."""
        left = self._head is None
        if left:
            self.disconnected = True
            self._wire.cut()
        self._head, self.response_started = None, left
        raise Unsendable("the body is not as long as its Content-Length says")
