"""The formats: what others make of our bytes, and what may stand in theirs."""

import gzip
import zlib

import brotli
import pytest

from proxy.coding._zstd import zstd
from proxy.coding.coder import PooledCoder
from proxy.errors import CodingError
from proxy.http.codings import Coding
from tests.coding.bodies import CODINGS, member, records

READERS = {
    Coding.BR: brotli.decompress,
    Coding.ZSTD: zstd.decompress,
    Coding.GZIP: gzip.decompress,
}
BODY = records(20_000)
SKIPPED = b"\x50\x2a\x4d\x18\x04\x00\x00\x00what"
"""A skippable frame of four bytes (RFC 8878 §3.1.2)."""


@pytest.mark.parametrize("coding", CODINGS, ids=lambda coding: coding.value)
async def test_others_read_what_is_made(pooled: PooledCoder, coding: Coding) -> None:
    assert READERS[coding](await pooled.encode(coding, BODY)) == BODY
    assert READERS[coding](await pooled.encode_best(coding, BODY)) == BODY
    encoder = pooled.encoder(coding)
    encoded = await encoder.push(BODY[:100]) + await encoder.push(BODY[100:])
    assert READERS[coding](encoded + await encoder.finish()) == BODY


async def test_a_gzip_member_has_no_name_and_no_time(pooled: PooledCoder) -> None:
    encoder = pooled.encoder(Coding.GZIP)
    for encoded in (
        await pooled.encode(Coding.GZIP, BODY),
        await pooled.encode_best(Coding.GZIP, BODY),
        await encoder.push(BODY),
    ):
        assert encoded is not None
        assert encoded[:8] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        pytest.param(Coding.GZIP, member(b"one") + member(b"") + member(b"two"), id="1952-2.2"),
        pytest.param(Coding.ZSTD, zstd.compress(b"one") + zstd.compress(b"two"), id="8878-3.1"),
        pytest.param(
            Coding.ZSTD,
            SKIPPED + zstd.compress(b"one") + SKIPPED * 2 + zstd.compress(b"two") + SKIPPED,
            id="8878-3.1.2",
        ),
    ],
)
async def test_a_body_of_several_parts(pooled: PooledCoder, coding: Coding, body: bytes) -> None:
    assert await pooled.decode(coding, body) == b"onetwo"
    decoder = pooled.decoder(coding)
    assert b"".join([await decoder.push(bytes([octet])) for octet in body]) == b"onetwo"
    await decoder.finish()
    with pytest.raises(CodingError, match="before its"):
        await pooled.decode(coding, body[:-1])


async def test_a_brotli_stream_stands_alone(pooled: PooledCoder) -> None:
    with pytest.raises(CodingError, match="no br"):
        await pooled.decode(Coding.BR, brotli.compress(b"one") + brotli.compress(b"two"))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda body: body[:-8] + bytes(4) + body[-4:], id="1952-2.3.1-CRC32"),
        pytest.param(lambda body: body[:-1] + b"\x09", id="1952-2.3.1-ISIZE"),
        pytest.param(lambda body: body[:3] + b"\xe0" + body[4:], id="1952-2.3.1.2-reserved-FLG"),
        pytest.param(lambda body: body[:2] + b"\x07" + body[3:], id="1952-2.3.1-CM"),
    ],
)
async def test_a_gzip_member_that_is_not_what_it_says(pooled: PooledCoder, change) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a lambda
    with pytest.raises(CodingError, match="no gzip"):
        await pooled.decode(Coding.GZIP, change(member(BODY)))


async def test_a_gzip_member_with_all_the_fields(pooled: PooledCoder) -> None:
    head = b"\x1f\x8b\x08\x1e\x01\x02\x03\x04\x00\x03" + b"\x02\x00ex" + b"name\x00" + b"note\x00"
    head += zlib.crc32(head).to_bytes(4, "little")[:2]
    assert await pooled.decode(Coding.GZIP, head + member(BODY)[10:]) == BODY


def framed(window_log: int) -> bytes:
    options: dict[int, int] = {zstd.CompressionParameter.window_log: window_log}
    compressor = zstd.ZstdCompressor(options=options)
    return compressor.compress(BODY) + compressor.flush()


async def test_a_zstd_window_has_8_mib_at_most_9659_3(pooled: PooledCoder) -> None:
    assert await pooled.decode(Coding.ZSTD, framed(23)) == BODY
    with pytest.raises(CodingError, match="memory"):
        await pooled.decode(Coding.ZSTD, framed(24))


async def test_our_zstd_windows_are_small_enough_9659_3(pooled: PooledCoder) -> None:
    body = bytes(9 * 1024 * 1024)
    encoded = await pooled.encode(Coding.ZSTD, body)
    assert encoded is not None
    with pytest.raises(CodingError, match="times larger"):  # and not: too much memory
        await pooled.decode(Coding.ZSTD, encoded)


async def test_a_zstd_frame_that_has_been_tampered_with(pooled: PooledCoder) -> None:
    checked = zstd.compress(BODY, options={zstd.CompressionParameter.checksum_flag: 1})
    assert await pooled.decode(Coding.ZSTD, checked) == BODY
    with pytest.raises(CodingError, match="no zstd"):
        await pooled.decode(Coding.ZSTD, checked[:-1] + bytes([checked[-1] ^ 1]))
