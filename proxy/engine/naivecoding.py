"""The codings in their plainest form: what a `Coder` means, in a few lines.

gzip is gzip; for br and zstd stand zlib's two other formats, so that nothing need be installed and
the three differ. Nothing here is bounded, and nothing is refused unless it is told to be.
"""

import zlib
from typing import Final

from proxy.engine.ports import Transcoder
from proxy.errors import CodingError
from proxy.http.codings import Coding

_FORMATS: Final = {Coding.GZIP: 31, Coding.ZSTD: 15, Coding.BR: -15}
"""zlib's `wbits`: with gzip's wrapping, with zlib's own, and without any."""


def _compressor(coding: Coding, level: int) -> "zlib._Compress":
    return zlib.compressobj(level, zlib.DEFLATED, _FORMATS[coding])


class NaiveCoder:
    """Does everything on the spot; refuses to encode while it is `busy`.

    Bodies of `large` bytes and more are not encoded at once.
    """

    def __init__(self, large: int = 16 * 1024) -> None:
        self._large = large
        self.busy = False

    def at_once(self, coding: Coding, body: bytes) -> bytes | None:
        """See `Coder.at_once`."""
        return _pack(coding, 5, body) if len(body) < self._large else None

    async def encode(self, coding: Coding, body: bytes) -> bytes | None:
        """See `Coder.encode`."""
        return None if self.busy else _pack(coding, 5, body)

    async def encode_best(self, coding: Coding, body: bytes) -> bytes | None:
        """See `Coder.encode_best`."""
        return None if self.busy else _pack(coding, 9, body)

    async def decode(self, coding: Coding, body: bytes) -> bytes:
        """See `Coder.decode`."""
        decoder = NaiveDecoder(coding)
        return await decoder.push(body) + await decoder.finish()

    def encoder(self, coding: Coding) -> Transcoder:
        """See `Coder.encoder`."""
        return NaiveEncoder(coding)

    def decoder(self, coding: Coding) -> Transcoder:
        """See `Coder.decoder`."""
        return NaiveDecoder(coding)


def _pack(coding: Coding, level: int, body: bytes) -> bytes:
    compressor = _compressor(coding, level)
    return compressor.compress(body) + compressor.flush()


class NaiveEncoder:
    """Flushes after each chunk."""

    def __init__(self, coding: Coding) -> None:
        self._compressor = _compressor(coding, 5)

    async def push(self, chunk: bytes) -> bytes:
        """See `Transcoder.push`."""
        if not chunk:
            return b""
        return self._compressor.compress(chunk) + self._compressor.flush(zlib.Z_SYNC_FLUSH)

    async def finish(self) -> bytes:
        """See `Transcoder.finish`."""
        return self._compressor.flush()


class NaiveDecoder:
    """Of gzip there may be several members (RFC 1952 §2.2)."""

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._inflate = zlib.decompressobj(_FORMATS[coding])

    async def push(self, chunk: bytes) -> bytes:
        """See `Transcoder.push`."""
        decoded = []
        while chunk:
            if self._inflate.eof:
                self._begin_another()
            decoded.append(self._inflated(chunk))
            chunk = self._inflate.unused_data
        return b"".join(decoded)

    async def finish(self) -> bytes:
        """See `Transcoder.finish`."""
        if not self._inflate.eof:
            raise CodingError("the body ends before its coding does")
        return b""

    def _begin_another(self) -> None:
        if self._coding is not Coding.GZIP:
            raise CodingError("more follows the end of the body")
        self._inflate = zlib.decompressobj(_FORMATS[self._coding])

    def _inflated(self, chunk: bytes) -> bytes:
        try:
            return self._inflate.decompress(chunk)
        except zlib.error as error:
            raise CodingError(f"the body cannot be decoded: {error}") from error
