"""Bodies that would become too large: they cost no more than the bounds allow."""

import tracemalloc
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager

import brotli
import pytest

from proxy.coding._zstd import zstd
from proxy.coding.bounds import DECODED_LIMIT, RATIO_FREE, RATIO_LIMIT
from proxy.coding.coder import PooledCoder
from proxy.coding.unpacking import PIECE, Unpacker
from proxy.errors import CodingError
from proxy.http.codings import Coding
from tests.coding.bodies import member, records

MIB = 1024 * 1024
ZEROS = bytes(MIB)


def repeated(coding: Coding, megabytes: int) -> bytes:
    """Return so many MiB of zeros, coded: after a flush, the same input makes the same bytes."""
    if coding is Coding.ZSTD:
        return zstd.compress(ZEROS * 16) * (megabytes // 16)
    if coding is Coding.GZIP:
        deflate = zlib.compressobj(9, zlib.DEFLATED, 31)
        begun = deflate.compress(ZEROS) + deflate.flush(zlib.Z_FULL_FLUSH)
        return begun + (deflate.compress(ZEROS) + deflate.flush(zlib.Z_FULL_FLUSH)) * megabytes
    stream = brotli.Compressor(quality=4)
    first: bytes = stream.process(ZEROS) + stream.flush()
    again: bytes = stream.process(ZEROS) + stream.flush()
    return first + again * megabytes


BOMBS = {
    "br-10GB": (Coding.BR, repeated(Coding.BR, 10_000)),
    "zstd-10GB": (Coding.ZSTD, repeated(Coding.ZSTD, 10_000)),
    "gzip-10GB": (Coding.GZIP, repeated(Coding.GZIP, 10_000)),
    "br-in-a-hundred-bytes": (Coding.BR, brotli.compress(ZEROS * 64, quality=4)),
    "zstd-in-one-chunk": (Coding.ZSTD, zstd.compress(ZEROS * 64)),
    "gzip-of-a-megabyte-and-a-bit": (Coding.GZIP, member(bytes(RATIO_FREE + 1))),
}
bombs = pytest.mark.parametrize(("coding", "body"), BOMBS.values(), ids=BOMBS)


@contextmanager
def memory_below(limit: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


@bombs
async def test_a_bomb_is_an_error(pooled: PooledCoder, coding: Coding, body: bytes) -> None:
    allowed = min(DECODED_LIMIT, max(RATIO_FREE, RATIO_LIMIT * len(body)))
    with memory_below(allowed + 4 * MIB), pytest.raises(CodingError, match="larger"):
        await pooled.decode(coding, body)
    assert pooled.stats.decode_failures == {coding.value: 1}


async def each(push: Callable[[bytes], Awaitable[None]], chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        await push(chunk)


@bombs
async def test_a_bomb_in_chunks(pooled: PooledCoder, coding: Coding, body: bytes) -> None:
    decoder = pooled.decoder(coding)
    made = taken = 0

    async def push(chunk: bytes) -> None:
        nonlocal made, taken
        taken += len(chunk)
        made += len(await decoder.push(chunk))

    with pytest.raises(CodingError, match="larger"):
        await each(push, (body[at : at + 4_000] for at in range(0, len(body), 4_000)))
    assert made <= min(DECODED_LIMIT, max(RATIO_FREE, RATIO_LIMIT * taken))
    with pytest.raises(CodingError, match="given up"):
        await decoder.push(b"more")


@bombs
def test_no_call_makes_much(coding: Coding, body: bytes) -> None:
    made: list[int] = []
    with pytest.raises(CodingError, match="larger"):
        made.extend(map(len, Unpacker(coding).feed(body)))
    assert all(length < 2 * PIECE for length in made)
    assert sum(made) <= DECODED_LIMIT


async def test_the_limit_itself_is_allowed(pooled: PooledCoder) -> None:
    body = (records(MIB) * (DECODED_LIMIT // MIB))[:DECODED_LIMIT]
    deflate = zlib.compressobj(1, zlib.DEFLATED, 31)
    begun = deflate.compress(body)
    fits = begun + deflate.copy().flush()
    exceeds = begun + deflate.compress(b"x") + deflate.flush()
    assert len(await pooled.decode(Coding.GZIP, fits)) == DECODED_LIMIT
    with pytest.raises(CodingError, match="larger than"):
        await pooled.decode(Coding.GZIP, exceeds)


async def test_the_free_megabyte_is_allowed(pooled: PooledCoder) -> None:
    assert await pooled.decode(Coding.GZIP, member(bytes(RATIO_FREE))) == bytes(RATIO_FREE)


@pytest.mark.parametrize(
    ("coding", "part"),
    [(Coding.GZIP, member(b"")), (Coding.ZSTD, b"\x50\x2a\x4d\x18\x00\x00\x00\x00")],
    ids=["gzip-members", "zstd-skippable-frames"],
)
async def test_parts_without_end_are_an_error(
    pooled: PooledCoder, coding: Coding, part: bytes
) -> None:
    assert await pooled.decode(coding, part * 10_000) == b""
    with pytest.raises(CodingError, match="more than 10000"):
        await pooled.decode(coding, part * 10_001)
