"""Packing: a body into br (RFC 7932), zstd (RFC 8878) or gzip (RFC 1952), whole or in chunks.

The same bytes and the same release of a library make the same bytes. Must not know of threads and
event loops; the libraries let go of the interpreter's lock while they work.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import partial
from types import ModuleType
from typing import Final

import brotli
from zlib_ng import zlib_ng

from proxy.coding._zstd import zstd
from proxy.http.codings import Coding

PIECE: Final = 32 * 1024
"""Bytes that a library is handed at once of a chunk."""


class Level(Enum):
    """How much time is taken for how few bytes; STREAM is QUICK with less memory."""

    QUICK = "quick"
    BEST = "best"
    STREAM = "stream"


def _gzip(body: bytes, library: ModuleType, level: int) -> bytes:
    """Make one member without name and time, so that nothing in it depends on when."""
    deflate = library.compressobj(level=level, wbits=_GZIP)
    packed: bytes = deflate.compress(body) + deflate.flush()
    return packed


_GZIP: Final = 16 + zlib.MAX_WBITS
"""zlib's word for deflate within gzip's header and trailer."""

_WHOLE: Final[Mapping[tuple[Coding, Level], Callable[[bytes], bytes]]] = {
    (Coding.BR, Level.QUICK): partial(brotli.compress, quality=4),
    (Coding.BR, Level.BEST): partial(brotli.compress, quality=11),
    (Coding.ZSTD, Level.QUICK): partial(zstd.compress, level=3),
    (Coding.ZSTD, Level.BEST): partial(zstd.compress, level=19),
    (Coding.GZIP, Level.QUICK): partial(_gzip, library=zlib_ng, level=5),
    (Coding.GZIP, Level.BEST): partial(_gzip, library=zlib, level=9),
}
"""Of gzip, zlib-ng is as small as zlib at level 5 and faster; at level 9 zlib is smaller. None of
the zstd levels reaches for a window of more than 8 MiB (RFC 9659 §3)."""


def pack(coding: Coding, level: Level, body: bytes) -> bytes:
    """Encode a whole body; `level` is QUICK or BEST, `coding` not IDENTITY."""
    return _WHOLE[coding, level](body)


@dataclass(frozen=True, slots=True)
class Packer:
    """The three things that can be asked of any library's compressor."""

    process: Callable[[bytes], bytes]
    flush: Callable[[], bytes]
    finish: Callable[[], bytes]

    def push(self, chunk: bytes) -> bytes:
        """Return bytes from which everything up to the end of `chunk` can be decoded."""
        return b"".join(self.pieces(chunk))

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the same as `push`, each piece after a millisecond of work or less."""
        for at in range(0, len(chunk), PIECE):
            yield self.process(chunk[at : at + PIECE])
        yield self.flush()


def _br() -> Packer:
    compressor = brotli.Compressor(quality=4, lgwin=_WINDOW_LOG)
    return Packer(compressor.process, compressor.flush, compressor.finish)


def _zstd() -> Packer:
    compressor = zstd.ZstdCompressor(options=_ZSTD_STREAM)
    flush = partial(compressor.flush, compressor.FLUSH_BLOCK)
    return Packer(compressor.compress, flush, compressor.flush)


def _deflate() -> Packer:
    compressor = zlib_ng.compressobj(level=5, wbits=_GZIP)
    flush = partial(compressor.flush, zlib_ng.Z_SYNC_FLUSH)
    return Packer(compressor.compress, flush, compressor.flush)


_WINDOW_LOG: Final = 17
"""128 KiB, since there may be thousands of streams: of JSON, zstd then makes one byte in fifty more
in a quarter of the memory, and br the same bytes in half of it. What is left, a stream, is 0.5 MiB
for zstd, 0.5 to 1 for br, and 0.2 for gzip, whose window is 32 KiB by its nature."""

_ZSTD_STREAM: Final[Mapping[int, int]] = {
    zstd.CompressionParameter.compression_level: 3,
    zstd.CompressionParameter.window_log: _WINDOW_LOG,
    zstd.CompressionParameter.hash_log: _WINDOW_LOG - 2,
    zstd.CompressionParameter.chain_log: _WINDOW_LOG - 2,
}

_STREAMS: Final[Mapping[Coding, Callable[[], Packer]]] = {
    Coding.BR: _br,
    Coding.ZSTD: _zstd,
    Coding.GZIP: _deflate,
}


def packer(coding: Coding) -> Packer:
    """Begin to encode a body that comes in chunks; `coding` is not IDENTITY."""
    return _STREAMS[coding]()
