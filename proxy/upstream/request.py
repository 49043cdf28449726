"""Requests as bytes: an httpx request's head and body, written exactly as given or not at all."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import httpx

Line = tuple[bytes, bytes]

_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE: Final = bytes({0x09, *range(0x20, 0x7F), *range(0x80, 0x100)})
_TARGET: Final = bytes({*range(0x21, 0x7F), *range(0x80, 0x100)})
_MAX_DIGITS: Final = 19


class Outgoing:
    """A request, ready to be sent: `head` and, where there is one, `body` in its framing.

    `upgrade` tells that it asks for another protocol (9110 §7.8), `closing` that it wants the
    connection to end, `whole` that all of it has been handed out. Raises
    `httpx.LocalProtocolError` for what cannot be sent.
    """

    __slots__ = ("body", "closing", "head", "method", "upgrade", "whole")

    def __init__(self, request: httpx.Request) -> None:
        lines = request.headers.raw
        target: bytes = request.extensions.get("target") or request.url.raw_path
        self.method = request.method
        self.head = _head(request.method.encode("ascii", "replace"), target, lines)
        self.body: AsyncGenerator[bytes, None] | None = None
        self.upgrade = self.closing = False
        length: int | None = None
        chunked = False
        for name, value in lines:
            lower = name.lower()
            if lower == b"content-length":
                length = _length(value, length)
            elif lower == b"transfer-encoding":
                chunked = _chunked(value, again=chunked)
            elif lower == b"connection":
                options = {option.strip().lower() for option in value.split(b",")}
                self.upgrade |= b"upgrade" in options
                self.closing |= b"close" in options
        if chunked and length is not None:
            raise httpx.LocalProtocolError("both a length and a transfer coding")  # 9112 §6.2
        self._take(request, length, chunked=chunked)

    def _take(self, request: httpx.Request, length: int | None, *, chunked: bool) -> None:
        stream = request.stream
        self.whole = not (chunked or length)
        if self.whole:
            return
        if not isinstance(stream, httpx.AsyncByteStream):
            raise httpx.LocalProtocolError("the body cannot be read asynchronously")
        pieces = aiter(stream)
        self.body = self._in_chunks(pieces) if length is None else self._of(length, pieces)

    async def _in_chunks(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for piece in pieces:
            if piece:
                yield b"%x\r\n%s\r\n" % (len(piece), piece)
        self.whole = True
        yield b"0\r\n\r\n"

    async def _of(self, left: int, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield a body as long as it says; one that is not would shift what follows it."""
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise httpx.LocalProtocolError("the body is longer than it says")
            self.whole = not left
            yield piece
        if left:
            raise httpx.LocalProtocolError("the body is shorter than it says")


def _head(method: bytes, target: bytes, lines: list[Line]) -> bytes:
    if not method or method.translate(None, _TOKEN):
        raise httpx.LocalProtocolError("the method is no token")  # 9110 §9.1
    if not target or target.translate(None, _TARGET):
        raise httpx.LocalProtocolError("white space or a control character in the target")
    for name, value in lines:
        if not name or name.translate(None, _TOKEN):
            raise httpx.LocalProtocolError("a field's name is no token")  # 9110 §5.1
        if value.translate(None, _VALUE):
            raise httpx.LocalProtocolError("a control character in a field")  # 9110 §5.5
    rows = [b"%s: %s\r\n" % line for line in lines]
    return b"%s %s HTTP/1.1\r\n%s\r\n" % (method, target, b"".join(rows))


def _length(value: bytes, before: int | None) -> int:
    if before is not None or not value.isdigit() or len(value) > _MAX_DIGITS:
        raise httpx.LocalProtocolError("the length is no number, or there are two")
    return int(value)


def _chunked(value: bytes, *, again: bool) -> bool:
    if again or value.lower() != b"chunked":
        raise httpx.LocalProtocolError("a transfer coding other than chunked")
    return True
