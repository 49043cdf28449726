"""Coder: what the engine asks of content codings; small bodies at once, large ones by others.

Must not know what the bodies are, nor why they are coded.
"""

from functools import partial
from time import thread_time
from typing import Final

from proxy.coding.bounds import AT_ONCE, BEST_LIMIT
from proxy.coding.crew import Crew, Room, Work
from proxy.coding.helper import Helper
from proxy.coding.packing import Level, pack
from proxy.coding.stats import CodingStats
from proxy.coding.streams import Decoding, Encoding
from proxy.engine.ports import Transcoder
from proxy.errors import CodingError
from proxy.http.codings import Coding

_QUICK_ROOM: Final = Room(jobs=64, size=32 * 1024 * 1024)
"""What may wait for the quick levels: about a quarter of a second of one core's work."""

_BEST_ROOM: Final = Room(jobs=64, size=16 * 1024 * 1024)
"""What may wait for the best levels: with brotli, 20 seconds of one core's work."""

_PATIENCE: Final = 1.0


class PooledCoder:
    """A `Coder` with `threads` for what is waited for, and a process of low priority for the rest.

    A body for which a thread is free is taken on, whatever its size. Of others at most 64 wait, of
    32 MiB together, and as many behind the best levels, of 16 MiB.
    """

    def __init__(self, threads: int = 2) -> None:
        self.stats = CodingStats()
        self.quick = Crew("coding", threads, _QUICK_ROOM)
        self.helper = Helper()
        self.best = Crew(
            "coding-best", 1, _BEST_ROOM, clock=self.helper.clock, rest=self.helper.rest
        )

    async def aclose(self) -> None:
        """End threads and process; what is being encoded at the best level is given up.

        All else under way has a second. Afterwards small bodies are coded as ever; of large ones
        the encodings are None, and the others raise `CodingError`.
        """
        self.helper.kill()
        await self.best.aclose(_PATIENCE)
        await self.quick.aclose(_PATIENCE)

    def at_once(self, coding: Coding, body: bytes) -> bytes | None:
        """Encode a body of less than 16 KiB at the quick level; None for a larger one."""
        if len(body) >= AT_ONCE:
            return None
        began = thread_time()
        packed = pack(coding, Level.QUICK, body)
        self._count(coding, Level.QUICK, len(body), packed, thread_time() - began)
        return packed

    async def encode(self, coding: Coding, body: bytes) -> bytes | None:
        """Encode a body at the quick level; None where too many are waiting already."""
        if len(body) < AT_ONCE:
            return self.at_once(coding, body)
        work = partial(pack, coding, Level.QUICK, body)
        return await self._by(self.quick, work, coding, Level.QUICK, len(body))

    async def encode_best(self, coding: Coding, body: bytes) -> bytes | None:
        """Encode a body at the best level, behind everything else.

        None where too many are waiting already, where it fails, and for more than 4 MiB.
        """
        if len(body) > BEST_LIMIT:
            return None
        work = partial(self.helper.pack, coding, body)
        return await self._by(self.best, work, coding, Level.BEST, len(body))

    async def decode(self, coding: Coding, body: bytes) -> bytes:
        """Decode a whole body of at most 64 MiB, and at most 200 times as large once past 1 MiB.

        Raises `CodingError` for a larger one, for corrupt bytes, for others after the end, for an
        end that is missing, and for a zstd window of more than 8 MiB (RFC 9659 §3).
        """
        decoder = self.decoder(coding)
        decoded = await decoder.push(body)
        await decoder.finish()
        return decoded

    def encoder(self, coding: Coding) -> Transcoder:
        """Begin to encode a body that comes in chunks; each is readable at once."""
        return Encoding(coding, self.quick, self.stats)

    def decoder(self, coding: Coding) -> Transcoder:
        """Begin to decode a body that comes in chunks, within the bounds of `decode`."""
        return Decoding(coding, self.quick, self.stats)

    async def _by(
        self, crew: Crew, work: Work, coding: Coding, level: Level, size: int
    ) -> bytes | None:
        try:
            packed = await crew.attempt(work, size, partial(self._count, coding, level, size))
        except CodingError:
            packed = None
        if packed is None:
            self.stats.refused[level.value] += 1
        return packed

    def _count(
        self, coding: Coding, level: Level, size: int, packed: bytes, seconds: float
    ) -> None:
        self.stats.worked(coding, level, size, len(packed), seconds)
        self.stats.ended(coding, level)
