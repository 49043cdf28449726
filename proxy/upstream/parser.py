"""The response parser: bytes as they come in, heads and body out, and whether there was more.

It knows exactly where a message ends: heads are cut off before they are parsed, so that a
parser never sees two of them, and bytes are counted from there. This module must not know
connections.
"""

from collections.abc import Callable
from typing import Final

from httptools import HttpParserError, HttpResponseParser

from proxy.http.message import Head
from proxy.upstream.head import Framing, Malformed, ResponseHead, Wire, check_beginning, parse

MAX_INTERIM: Final = 32
"""Interim heads before the final one."""
MAX_OVERHEAD: Final = 16_384
"""Bytes of chunk extensions or trailers without a byte of body between them."""

_HEAD_END: Final = b"\r\n\r\n"
_NOTHING: Final = bytearray()  # never written to


class ResponseParser:
    """Reads the response to one request.

    `feed` takes what came and returns what of it is body. `head` is the final head once it is
    here; `complete` tells that the message is whole, `surplus` that more came than the message.
    Raises `Malformed`, after which there is nothing more to be had.
    """

    __slots__ = (
        *("_buffer", "_informed", "_interims", "_left", "_llhttp", "_overhead", "_tail"),
        *("_to_head", "_upgrade", "_wire", "complete", "head", "surplus"),
    )

    def __init__(
        self,
        method: str,
        *,
        upgrade: bool = False,
        informed: Callable[[Head], None] | None = None,
    ) -> None:
        self.head: ResponseHead | None = None
        self.complete = False
        self.surplus = False
        self._to_head = method == "HEAD"
        self._upgrade = upgrade
        self._informed = informed
        self._interims = 0
        self._buffer = _NOTHING
        self._left = 0
        self._overhead = 0
        self._tail = b""
        self._wire: Wire | None = None
        self._llhttp: HttpResponseParser | None = None

    def feed(self, data: bytes) -> bytes:
        """Take what came; return the part of the body that is in it."""
        while self.head is None:
            if not data:
                return b""
            data = self._heads(data)
        return self._body(data) if data else b""

    def end(self) -> None:
        """Take note that the connection has ended; raise `Malformed` if that is too soon."""
        if self.complete:
            return
        if self.head is None:
            raise Malformed("the connection ended before the response's head")
        if self.head.framing not in {Framing.END, Framing.TUNNEL}:
            raise Malformed("the connection ended before the response's body")
        self.complete = True

    def _heads(self, data: bytes) -> bytes:
        """Take in a head, or a part of it; return what follows."""
        start = len(self._buffer)
        if start:
            self._buffer += data
        known: bytes | bytearray = self._buffer if start else data
        at = known.find(_HEAD_END, max(0, start - 3))
        if at < 0:
            check_beginning(known, start)
            self._buffer = self._buffer if start else bytearray(data)
            return b""
        block, rest = bytes(known[: at + 4]), data[at + 4 - start :]
        self._buffer = _NOTHING
        head, wire, llhttp = parse(block, to_head=self._to_head, upgrade=self._upgrade)
        if head.interim:
            self._interim(head)
        else:
            self._begin(head, wire, llhttp)
        return rest

    def _interim(self, head: ResponseHead) -> None:
        self._interims += 1
        if self._interims > MAX_INTERIM:
            raise Malformed("too many interim responses")
        if self._informed is not None:
            self._informed(Head(head.status, head.fields, head.version))

    def _begin(self, head: ResponseHead, wire: Wire, llhttp: HttpResponseParser) -> None:
        self.head = head
        self._left = head.length
        if head.framing is Framing.CHUNKED:
            self._wire, self._llhttp = wire, llhttp
        elif head.framing is Framing.NONE or (head.framing is Framing.LENGTH and not head.length):
            self.complete = True

    def _body(self, data: bytes) -> bytes:
        if self.complete:
            self.surplus = True
            return b""
        if self._wire is not None and self._llhttp is not None:
            return self._chunks(data, self._wire, self._llhttp)
        assert self.head is not None  # noqa: S101 - for the type checker; see feed
        if self.head.framing is not Framing.LENGTH:
            return data
        size = len(data)
        if size >= self._left:
            self.complete = True
            self.surplus = size > self._left
            return data[: self._left] if self.surplus else data
        self._left -= size
        return data

    def _chunks(self, data: bytes, wire: Wire, llhttp: HttpResponseParser) -> bytes:
        """Return what chunks carry; their extensions and the trailers are dropped (9112 §7.1)."""
        try:
            llhttp.feed_data(data)
        except HttpParserError as error:
            if not wire.complete:
                raise Malformed(f"the body is malformed: {error}") from None
            self.surplus = True
        pieces = wire.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._tail = data[-5:] if len(data) > 4 else (self._tail + data)[-5:]  # noqa: PLR2004 - the tail
        if wire.complete:
            self.complete = True
            self.surplus |= wire.begun > 1 or not _ends_here(self._tail)
        elif body:
            self._overhead = 0
        else:
            self._overhead += len(data)
            if self._overhead > MAX_OVERHEAD:
                raise Malformed("chunk extensions or trailers without end")
        return body


def _ends_here(tail: bytes) -> bool:
    """Tell whether a chunked message ends with these bytes.

    llhttp passes over empty lines that follow a message without a word. A message ends in the
    first empty line after its last chunk, so before that there is no other.
    """
    return tail.endswith(_HEAD_END) and tail[:1] not in {b"\r", b"\n"}
