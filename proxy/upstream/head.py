"""Response heads: one block of bytes up to its empty line, read strictly or not at all.

It says how the message is framed. This module must not know connections, or what follows a head.
"""

import re
from enum import Enum
from typing import Final, NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from proxy.http.message import Fields, Line

MAX_HEAD: Final = 65_536
"""Bytes of one head."""
MAX_FIELDS: Final = 200

_ALLOWED: Final = bytes({*b"\t\r\n", *range(0x20, 0x7F), *range(0x80, 0x100)})
_VERSIONS: Final = frozenset({b"HTTP/1.0", b"HTTP/1.1"})
_BARE: Final = re.compile(rb"(?<!\r)\n|\r(?!\n|\Z)")
_BODYLESS: Final = frozenset({204, 304})
_LARGEST: Final = 599
SWITCHING: Final = 101

Values = tuple[bytes, ...]


class Malformed(Exception):
    """What came is no response; the text quotes nothing of it."""


class Framing(Enum):
    """What ends a response's body (9112 §6.3)."""

    NONE = "there is none"
    LENGTH = "its length"
    CHUNKED = "its last chunk"
    END = "the connection's end"
    TUNNEL = "none of HTTP any more"


class ResponseHead(NamedTuple):
    """A head as it came: names keep their case, lines their order; white space around values goes.

    `length` is the body's size where `framing` is LENGTH, else 0. `keep_alive` tells whether the
    connection may be used after the message (9112 §9.3).
    """

    status: int
    version: str
    reason: bytes
    fields: Fields
    framing: Framing
    length: int
    keep_alive: bool

    @property
    def interim(self) -> bool:
        """Whether another head follows (9110 §15.2)."""
        return self.status < 200 and self.status != SWITCHING  # noqa: PLR2004 - 1xx


class Wire:
    """What llhttp reports of one message; it is asked for the body of a chunked one, too."""

    __slots__ = ("begun", "complete", "lines", "pieces", "reading", "reason")

    def __init__(self) -> None:
        self.begun = 0
        self.reading = True
        self.complete = False
        self.reason = b""
        self.lines: list[Line] = []
        self.pieces: list[bytes] = []

    def on_message_begin(self) -> None:
        """Count messages: a second one is surplus."""
        self.begun += 1

    def on_status(self, reason: bytes) -> None:
        """Take a piece of the reason phrase."""
        self.reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; a trailer, which comes after the head, is dropped (9110 §6.5.1)."""
        if self.reading:
            self.lines.append((name, value.strip(b" \t")))  # 9112 §5.1

    def on_headers_complete(self) -> None:
        """End the head."""
        self.reading = False

    def on_body(self, piece: bytes) -> None:
        """Take a piece of the body, and none of what another message brings along."""
        if not self.complete:
            self.pieces.append(piece)

    def on_message_complete(self) -> None:
        """End the message."""
        self.complete = True


def check_beginning(data: bytes | bytearray, start: int = 0) -> None:
    """Refuse what cannot become a head, so that nobody waits for its end; look from `start` on."""
    if not b"HTTP/1.".startswith(data[:7]):
        raise Malformed("what came is not HTTP/1")
    if _BARE.search(data, max(0, start - 1)):
        raise Malformed("a line of the head does not end in CR LF")  # 9112 §2.2
    if len(data) > MAX_HEAD:
        raise Malformed("the head is too large")


def parse(
    block: bytes, *, to_head: bool, upgrade: bool
) -> tuple[ResponseHead, Wire, HttpResponseParser]:
    """Read one head, `block`, which ends in its empty line; raise `Malformed` otherwise.

    `to_head` tells that the request was HEAD, `upgrade` that it asked for another protocol. What
    parsed it is returned to go on with a chunked body; every head has a parser of its own, since
    llhttp cannot be told that a response has no body.
    """
    if len(block) > MAX_HEAD:
        raise Malformed("the head is too large")
    if block.count(b"\r\n") - 2 > MAX_FIELDS:
        raise Malformed("the head has too many fields")
    if block[:8] not in _VERSIONS:
        raise Malformed("what came is neither HTTP/1.0 nor HTTP/1.1")
    if block.translate(None, _ALLOWED):
        raise Malformed("a control character in the head")  # 9110 §5.5
    wire = Wire()
    parser = HttpResponseParser(wire)
    try:
        parser.feed_data(block)
    except (HttpParserError, HttpParserUpgrade) as error:
        if wire.reading or parser.get_status_code() != SWITCHING:
            raise Malformed(_said(error)) from None
    if wire.reading:
        raise Malformed("the head does not end where it should")
    return _head(block, wire, parser.get_status_code(), to_head, upgrade), wire, parser


def _said(error: Exception) -> str:
    """Return llhttp's reason, which never quotes the message."""
    return f"the head is malformed: {error}"


def _head(block: bytes, wire: Wire, status: int, to_head: bool, upgrade: bool) -> ResponseHead:  # noqa: FBT001 - see parse
    if not 100 <= status <= _LARGEST:  # noqa: PLR2004 - 9110 §15
        raise Malformed("there is no such status")
    if status == SWITCHING and not upgrade:
        raise Malformed("a change of protocol that nobody asked for")  # 9110 §15.2.2
    version = "1.1" if block[7:8] == b"1" else "1.0"
    fields = Fields(wire.lines)
    lengths, codings = fields.all(b"content-length"), fields.all(b"transfer-encoding")
    if lengths and codings:
        raise Malformed("both a length and a transfer coding")  # 9112 §6.3: an attempt to smuggle
    if len(lengths) > 1:
        raise Malformed("more than one length")  # 9110 §8.6: it may be refused even if they agree
    if codings and (version == "1.0" or [each.lower() for each in codings] != [b"chunked"]):
        raise Malformed("a transfer coding other than chunked")  # 9112 §6.1, §7
    return ResponseHead(
        status,
        version,
        wire.reason,
        fields,
        _framing(status, to_head, lengths, codings),
        length=int(lengths[0]) if lengths else 0,
        keep_alive=_keep_alive(version, fields.all(b"connection")),
    )


def _framing(status: int, to_head: bool, lengths: Values, codings: Values) -> Framing:  # noqa: FBT001 - see parse
    """Return what ends the body: the first that holds (9112 §6.3)."""
    if status == SWITCHING:
        return Framing.TUNNEL
    if to_head or status in _BODYLESS or status < 200:  # noqa: PLR2004 - 1xx
        return Framing.NONE
    if codings:
        return Framing.CHUNKED
    return Framing.LENGTH if lengths else Framing.END


def _keep_alive(version: str, values: Values) -> bool:
    if not values:
        return version == "1.1"
    options = [option.strip(b" \t").lower() for each in values for option in each.split(b",")]
    return b"close" not in options and (version == "1.1" or b"keep-alive" in options)
