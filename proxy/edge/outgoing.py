"""Outgoing: the head of a response as it goes on the wire, framed in exactly one way.

Whatever an application hands over, what leaves is a message that every reader cuts alike (9112
§6.3) or nothing. This module must not know where a response comes from, or write anything.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from http import HTTPStatus
from typing import Final

from proxy.errors import Unsendable
from proxy.http.message import Line

_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# "a recipient of CR, LF, or NUL within a field value MUST either reject the message or replace
# each of those characters" (9110 §5.5); the other controls have no business there either.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_LENGTH: Final = re.compile(rb"[0-9]{1,18}")

# What is about this connection is said here and by nobody else (9110 §7.6.1).
_OURS: Final = frozenset(
    {
        *(b"connection", b"content-length", b"transfer-encoding", b"keep-alive"),
        *(b"proxy-connection", b"te", b"upgrade", b"http2-settings"),
    }
)
_FINAL: Final = range(200, 600)
_BODYLESS: Final = frozenset({204, 304})
_RESET_CONTENT: Final = 205
_SWITCHING: Final = 101
_INTERIM: Final = range(102, 200)


class Framing(Enum):
    """How a reader finds a body's end."""

    NONE = "no body"
    LENGTH = "content-length"
    CHUNKED = "chunked"
    CLOSE = "the connection's end"


@dataclass(slots=True)
class Outgoing:
    """A head ready to be written, and how its body is to be framed; `left` in bytes."""

    head: bytes
    framing: Framing
    left: int
    keep_alive: bool


def outgoing(
    status: int, lines: Iterable[Line], *, method: str, version: str, keep_alive: bool
) -> Outgoing:
    """Return a final response's head, framed; raises `Unsendable`.

    `lines` have lower-case names. A `Connection: close` among them is obeyed.
    """
    if status not in _FINAL:
        raise Unsendable(f"{status} is no status of a final response")
    kept, own, at = _sorted(lines)
    length, told_to_close = _said(own)
    if status == _RESET_CONTENT:
        length = 0  # "a server MUST NOT generate content in a 205 response" (9110 §15.3.6)
    framing = _framing(status, length, method, version)
    closing = framing is Framing.CLOSE or not keep_alive or told_to_close
    if length is not None and status not in _BODYLESS:  # 9110 §8.6
        kept[at] = b"content-length: %d\r\n" % length
    if framing is Framing.CHUNKED:
        kept.append(b"transfer-encoding: chunked\r\n")
    if closing:
        kept.append(b"connection: close\r\n")
    head = b"%s%s\r\n" % (_status_line(status), b"".join(kept))
    left = length or 0 if framing is Framing.LENGTH else 0
    return Outgoing(head, framing, left, not closing)


def interim(status: int, lines: Iterable[Line]) -> bytes:
    """Return an interim response, which has neither length nor body (9110 §15.2).

    Raises `Unsendable`: 100 is not passed on, for it is the answer to an `Expect` of this hop.
    """
    if status not in _INTERIM:
        raise Unsendable(f"{status} is no interim response to pass on")
    kept, _, _ = _sorted(lines)
    return b"%s%s\r\n" % (_status_line(status), b"".join(kept))


def switching(protocol: bytes, lines: Iterable[Line]) -> bytes:
    """Return the 101 that ends HTTP on a connection (9110 §15.2.2); raises `Unsendable`.

    `protocol` is a checked token.
    """
    kept, _, _ = _sorted(lines)
    own = [b"upgrade: %s\r\n" % protocol, b"connection: upgrade\r\n"]
    return b"%s%s\r\n" % (_status_line(_SWITCHING), b"".join((*own, *kept)))


def chunk(data: bytes, *, last: bool) -> bytes:
    """Return a piece of a body as a chunk, and behind the last one the end (9112 §7.1)."""
    end = b"0\r\n\r\n" if last else b""
    return b"%x\r\n%s\r\n%s" % (len(data), data, end) if data else end


def _sorted(lines: Iterable[Line]) -> tuple[list[bytes], list[Line], int]:
    """Return the lines to send, rendered, those about this message, and a place for the length."""
    kept: list[bytes] = []
    own: list[Line] = []
    values: list[bytes] = []
    at = -1
    for name, value in lines:
        if name not in _OURS:
            if not _is_token(name):
                raise Unsendable("a field name that is no token")
            kept.append(b"%s: %s\r\n" % (name, value))
            values.append(value)
            continue
        own.append((name, value))
        if at < 0 and name == b"content-length":
            at = len(kept)
            kept.append(b"")
    if _CONTROL.search(b"".join(values)):
        raise Unsendable("a control character in a field")
    if at < 0:
        kept.append(b"")
    return kept, own, at


@lru_cache(maxsize=1024)
def _is_token(name: bytes) -> bool:
    return _TOKEN.fullmatch(name) is not None  # 9110 §5.1


def _said(own: list[Line]) -> tuple[int | None, bool]:
    """Return the length, and whether the connection is to end, as the application says it."""
    if len(own) == 1 and own[0][0] == b"content-length" and _LENGTH.fullmatch(own[0][1]):
        return int(own[0][1]), False
    return _length(own), _asks_for_end(own)


def _length(own: list[Line]) -> int | None:
    """Return the one length that is said (9110 §8.6)."""
    said = {value for name, value in own if name == b"content-length"}
    if not said:
        return None
    value = said.pop()
    if said or not _LENGTH.fullmatch(value):
        raise Unsendable("Content-Length contradicts itself or is no number")
    return int(value)


def _framing(status: int, length: int | None, method: str, version: str) -> Framing:
    if method == "HEAD" or status in _BODYLESS:  # 9112 §6.3, the first of its rules
        return Framing.NONE
    if length is not None:
        return Framing.LENGTH
    # "a server MUST NOT send a response containing Transfer-Encoding unless the corresponding
    # request indicates HTTP/1.1 (or later minor revisions)" (9112 §6.1)
    return Framing.CHUNKED if version == "1.1" else Framing.CLOSE


def _asks_for_end(own: list[Line]) -> bool:
    return any(
        name == b"connection"
        and b"close" in (option.strip() for option in value.lower().split(b","))
        for name, value in own
    )


@lru_cache(maxsize=512)
def _status_line(status: int) -> bytes:
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()
