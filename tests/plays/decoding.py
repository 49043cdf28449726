"""Decoding: bodies taken apart by other means than the proxy's own, and as strictly as can be.

Nothing may be missing at the end of a coded body, and nothing may follow it; between the parts of
a multipart nothing may stand but what RFC 9110 §14.6 and RFC 2046 §5.1.1 put there.
"""

import re
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Final, cast

import brotli

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

_BOUNDARY: Final = re.compile(rb"multipart/byteranges; boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})")
_PLACE: Final = re.compile(rb"bytes (\d+)-(\d+)/(\d+)")

Part = tuple[tuple[int, int, int], bytes | None, bytes]
"""Where a part stands (first, last, size), its media type, its bytes."""


def _gzip(body: bytes) -> bytes:
    inflate = zlib.decompressobj(wbits=31)
    plain = inflate.decompress(body) + inflate.flush()
    assert inflate.eof, "the gzip member has no end"
    assert not inflate.unused_data, "something follows the gzip member"
    return plain


def _br(body: bytes) -> bytes:
    stream = brotli.Decompressor()
    plain: bytes = stream.process(body)
    assert stream.is_finished(), "the brotli stream has no end"
    return plain


def _zstd(body: bytes) -> bytes:
    frame = zstd.ZstdDecompressor()
    plain: bytes = frame.decompress(body)
    assert frame.eof, "the zstd frame has no end"
    assert not frame.unused_data, "something follows the zstd frame"
    return plain


_DECODERS: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "identity": bytes,
    "gzip": _gzip,
    "br": _br,
    "zstd": _zstd,
}
CODINGS: Final = ("br", "zstd", "gzip")


def decoded(coding: str, body: bytes) -> bytes:
    """Return a body out of a coding; fails where it is not exactly one coded body."""
    return _DECODERS[coding](body)


def encoded(coding: str, body: bytes) -> bytes:
    """Return a body in a coding, as some upstream would have made it."""
    if coding == "br":
        packed: bytes = brotli.compress(body, quality=1)
        return packed
    if coding == "zstd":
        return bytes(zstd.compress(body, 1))
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    return deflate.compress(body) + deflate.flush()


_BEGUN: Final[Mapping[str, Callable[[], Callable[[bytes], bytes]]]] = {
    "identity": lambda: bytes,
    "gzip": lambda: zlib.decompressobj(wbits=31).decompress,
    "br": lambda: cast("Callable[[bytes], bytes]", brotli.Decompressor().process),
    "zstd": lambda: zstd.ZstdDecompressor().decompress,
}


class Reading:
    """A coded body that is read while it grows."""

    def __init__(self, coding: str) -> None:
        self._feed = _BEGUN[coding]()
        self.plain = b""

    def feed(self, piece: bytes) -> bytes:
        """Return what can be read of the body so far."""
        self.plain += self._feed(piece)
        return self.plain


def parts(content_type: bytes, body: bytes) -> list[Part]:
    """Return the parts of a multipart/byteranges body."""
    found = _BOUNDARY.fullmatch(content_type)
    assert found, content_type
    start, *between, end = (b"\r\n" + body).split(b"\r\n--" + found[1])
    assert (start, end) == (b"", b"--\r\n"), (start, end)
    return [_part(piece) for piece in between]


def _part(piece: bytes) -> Part:
    head, gap, data = piece.partition(b"\r\n\r\n")
    assert gap, piece
    lines = dict(line.split(b": ", 1) for line in head.removeprefix(b"\r\n").split(b"\r\n"))
    place = _PLACE.fullmatch(lines.pop(b"Content-Range"))
    media = lines.pop(b"Content-Type", None)
    assert place, head
    assert not lines, lines
    first, last, size = map(int, place.groups())
    assert len(data) == last - first + 1
    return (first, last, size), media, data
