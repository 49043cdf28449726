"""Unpacking: br (RFC 7932), zstd (RFC 8878) and gzip (RFC 1952) back into a body, piece by piece.

Whoever sent the bytes may mean harm: nothing is made of them that the bounds do not allow, and
never much in one call. Must not know of threads and event loops.
"""

import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

import brotli
from zlib_ng import zlib_ng

from proxy.coding._zstd import zstd
from proxy.coding.bounds import Bounds
from proxy.errors import CodingError
from proxy.http.codings import Coding

PIECE: Final = 64 * 1024
"""About how many bytes one call of a library makes at most."""

_SLICE: Final = 64 * 1024
"""Coded bytes that a library is handed at once: what follows a member in them is copied."""

_MOST_PARTS: Final = 10_000
"""RFC 1952 §2.2 and RFC 8878 §3 set no limit to members and frames. Those that hold nothing would
cost time without ever making a byte that counts."""

_WINDOW_LOG_MAX: Final = 23
"""8 MiB, the largest window that a content coding may ask for (RFC 9659 §3)."""

_FOREIGN: Final[tuple[type[Exception], ...]] = (
    brotli.error,
    zstd.ZstdError,
    zlib_ng.error,  # type: ignore[assignment]  # their stub has an exception here, not its class
)


class _Part(Protocol):
    """A gzip member or a zstd frame; `unused_data` is what follows it."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Member:
    """A gzip member in the manner of a zstd frame: what has not been used yet is kept within."""

    def __init__(self) -> None:
        self._inflate = zlib_ng.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        made = self._inflate.decompress(self._inflate.unconsumed_tail + data, max_length)
        self.needs_input = not self._inflate.unconsumed_tail and len(made) < max_length
        return made


def _frame() -> _Part:
    return zstd.ZstdDecompressor(
        options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG_MAX}
    )


class _Drain(Protocol):
    """What bytes are put into and pieces come out of."""

    @property
    def whole(self) -> bool:
        """Whether the coded body may end here."""

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """Yield what can be told after `data`, a piece for each call of the library."""


class _Series:
    """One or more parts, one after the other."""

    def __init__(self, begin: Callable[[], _Part]) -> None:
        self._begin = begin
        self._part: _Part | None = None
        self._count = 0

    @property
    def whole(self) -> bool:
        return self._part is not None and self._part.eof

    def pieces(self, data: bytes) -> Iterator[bytes]:
        while data:
            part = self._open()
            yield part.decompress(data, PIECE)
            while not (part.eof or part.needs_input):
                yield part.decompress(b"", PIECE)
            data = part.unused_data if part.eof else b""

    def _open(self) -> _Part:
        if self._part is None or self._part.eof:
            self._count += 1
            if self._count > _MOST_PARTS:
                raise CodingError(f"the body has more than {_MOST_PARTS} members or frames")
            self._part = self._begin()
        return self._part


class _Single:
    """A brotli stream: there is but one, and the library refuses what follows it."""

    def __init__(self) -> None:
        self._stream = brotli.Decompressor()

    @property
    def whole(self) -> bool:
        finished: bool = self._stream.is_finished()
        return finished

    def pieces(self, data: bytes) -> Iterator[bytes]:
        # `can_accept_more_data` tells of what it was given, not of what it has yet to give, and a
        # piece that is shorter than it might be is not always the last.
        piece = self._stream.process(data, output_buffer_limit=PIECE)
        yield piece
        while piece and not self._stream.is_finished():
            piece = self._stream.process(b"", output_buffer_limit=PIECE)
            yield piece


_DRAINS: Final[Mapping[Coding, Callable[[], _Drain]]] = {
    Coding.BR: _Single,
    Coding.ZSTD: lambda: _Series(_frame),
    Coding.GZIP: lambda: _Series(_Member),
}


class Unpacker:
    """Decodes one body; `coding` is not IDENTITY."""

    def __init__(self, coding: Coding) -> None:
        self._coding = coding
        self._drain = _DRAINS[coding]()
        self._bounds = Bounds()

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """Yield the decoded pieces, some of them empty; the next chunk only when all are taken.

        Raises `CodingError` where the bytes are corrupt, where others follow the end, where a zstd
        window is too large (RFC 9659 §3), and where the pieces become too many.
        """
        self._bounds.take(len(chunk))
        try:
            for at in range(0, len(chunk), _SLICE):
                for piece in self._drain.pieces(chunk[at : at + _SLICE]):
                    self._bounds.give(len(piece))
                    yield piece
        except _FOREIGN as error:
            raise CodingError(f"the body is no {self._coding.value}: {error}") from error

    def finish(self) -> None:
        """Raise `CodingError` where the coded body has not come to its end."""
        if not self._drain.whole:
            raise CodingError(f"the body ends before its {self._coding.value} does")
