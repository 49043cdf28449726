"""Requests as bytes: a head and a body, written exactly as given or not at all."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Final

import httpx

from proxy.http.message import Fields, Line
from proxy.upstream.bodies import Body

_TOKEN: Final = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE: Final = bytes({0x09, *range(0x20, 0x7F), *range(0x80, 0x100)})
_TARGET: Final = bytes({*range(0x21, 0x7F), *range(0x80, 0x100)})
_MAX_DIGITS: Final = 19


class Outgoing:
    """A request, ready to be sent: `head` and, where there is one, `body` in its framing.

    `upgrade` tells that it asks for another protocol (9110 §7.8), `closing` that it wants the
    connection to end. Raises `httpx.LocalProtocolError` for what cannot be sent.
    """

    __slots__ = ("body", "closing", "head", "method", "upgrade")

    def __init__(
        self,
        method: str,
        target: bytes,
        fields: Fields,
        pieces: AsyncIterator[bytes] | None = None,
    ) -> None:
        self.method = method
        self.head = _head(method.encode("ascii", "replace"), target, fields.lines)
        self.body: Body | None = None
        options = _options(fields)
        self.upgrade = b"upgrade" in options
        self.closing = b"close" in options
        length, chunked = _length(fields), _chunked(fields)
        if chunked and length is not None:
            raise httpx.LocalProtocolError("both a length and a transfer coding")  # 9112 §6.2
        if not (chunked or length):
            return
        if pieces is None:
            raise httpx.LocalProtocolError("there is no body that can be read asynchronously")
        self.body = Body(pieces, length)


def _head(method: bytes, target: bytes, lines: Sequence[Line]) -> bytes:
    if not method or method.translate(None, _TOKEN):
        raise httpx.LocalProtocolError("the method is no token")  # 9110 §9.1
    if not target or target.translate(None, _TARGET):
        raise httpx.LocalProtocolError("white space or a control character in the target")
    names = [name for name, _ in lines]
    if b"" in names or b"".join(names).translate(None, _TOKEN):
        raise httpx.LocalProtocolError("a field's name is no token")  # 9110 §5.1
    if b"".join([value for _, value in lines]).translate(None, _VALUE):
        raise httpx.LocalProtocolError("a control character in a field")  # 9110 §5.5
    start = b"%s %s HTTP/1.1" % (method, target)
    return b"\r\n".join([start, *map(b": ".join, lines), b"", b""])


def _options(fields: Fields) -> Collection[bytes]:
    values = fields.all(b"connection")
    if not values:
        return ()
    return [option.strip().lower() for value in values for option in value.split(b",")]


def _length(fields: Fields) -> int | None:
    values = fields.all(b"content-length")
    if not values:
        return None
    value = values[0]
    if len(values) > 1 or not value.isdigit() or len(value) > _MAX_DIGITS:
        raise httpx.LocalProtocolError("the length is no number, or there are two")
    return int(value)


def _chunked(fields: Fields) -> bool:
    values = fields.all(b"transfer-encoding")
    if not values:
        return False
    if len(values) > 1 or values[0].lower() != b"chunked":
        raise httpx.LocalProtocolError("a transfer coding other than chunked")
    return True
