"""What a `Coder` promises, held by the naive one and by the pooled one alike (9110 §8.4.1)."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.coding.coder import PooledCoder
from proxy.engine.naivecoding import NaiveCoder
from proxy.engine.ports import Coder, Transcoder
from proxy.errors import CodingError
from proxy.http.codings import Coding
from tests.coding.bodies import BODIES, CODINGS, SMALL, records

CODERS: dict[str, Callable[[], NaiveCoder | PooledCoder]] = {
    "naive": NaiveCoder,
    "pooled": PooledCoder,
}
GARBAGE = b"\xff\xfe\xfd\xfc this is in no coding at all"

pytestmark = pytest.mark.parametrize("coding", CODINGS, ids=lambda coding: coding.value)


@pytest.fixture(params=CODERS)
async def coder(request: pytest.FixtureRequest) -> AsyncIterator[Coder]:
    one = CODERS[request.param]()
    yield one
    if isinstance(one, PooledCoder):
        await one.aclose()


def bodies(table: dict[str, bytes]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("body", table.values(), ids=table)


def chunks(body: bytes, cuts: Iterable[int]) -> Iterator[bytes]:
    return (body[first:last] for first, last in pairwise([0, *sorted(cuts), len(body)]))


async def through(transcoder: Transcoder, pieces: Iterable[bytes]) -> bytes:
    made = [await transcoder.push(piece) for piece in pieces]
    return b"".join([*made, await transcoder.finish()])


@bodies(BODIES)
async def test_what_is_encoded_is_decoded(coder: Coder, coding: Coding, body: bytes) -> None:
    encoded = await coder.encode(coding, body)
    assert encoded is not None
    assert await coder.decode(coding, encoded) == body


@bodies(SMALL)
async def test_the_best_is_decoded_too(coder: Coder, coding: Coding, body: bytes) -> None:
    best = await coder.encode_best(coding, body)
    assert best is not None
    assert await coder.decode(coding, best) == body


async def test_the_best_is_smaller(coder: Coder, coding: Coding) -> None:
    quick = await coder.encode(coding, SMALL["json"])
    best = await coder.encode_best(coding, SMALL["json"])
    assert quick is not None
    assert best is not None
    assert len(best) < len(quick) < len(SMALL["json"])


async def test_at_once_is_for_small_bodies(coder: Coder, coding: Coding) -> None:
    body = records(16 * 1024)
    assert coder.at_once(coding, body) is None
    small = coder.at_once(coding, body[:-1])
    assert small is not None
    assert small == await coder.encode(coding, body[:-1])
    assert await coder.decode(coding, small) == body[:-1]


async def test_the_same_body_makes_the_same_bytes(coder: Coder, coding: Coding) -> None:
    body = records(50_000)
    first = await coder.encode(coding, body), await coder.encode_best(coding, body)
    await coder.encode(coding, records(90_000))
    assert (await coder.encode(coding, body), await coder.encode_best(coding, body)) == first


async def test_crumbs(coder: Coder, coding: Coding) -> None:
    body = records(700)
    encoded = await through(coder.encoder(coding), chunks(body, range(1, 700)))
    assert await coder.decode(coding, encoded) == body
    crumbs = chunks(encoded, range(1, len(encoded)))
    assert await through(coder.decoder(coding), crumbs) == body


async def test_nothing_makes_an_empty_body(coder: Coder, coding: Coding) -> None:
    encoded = await through(coder.encoder(coding), [])
    assert encoded
    assert await coder.decode(coding, encoded) == b""


@settings(max_examples=40)
@given(data=st.data())
@pytest.mark.parametrize("name", CODERS)
async def test_any_chunks(coding: Coding, name: str, data: st.DataObject) -> None:
    coder = CODERS[name]()
    body = data.draw(st.binary(max_size=2_000) | st.integers(0, 60_000).map(records))
    encoded = await through(coder.encoder(coding), chunks(body, data.draw(_cuts(body))))
    decoded = await through(coder.decoder(coding), chunks(encoded, data.draw(_cuts(encoded))))
    assert decoded == body
    if isinstance(coder, PooledCoder):
        await coder.aclose()


def _cuts(body: bytes) -> st.SearchStrategy[list[int]]:
    return st.lists(st.integers(0, len(body)), max_size=8)


@pytest.mark.parametrize("cuts", [[1, 2, 50, 3_000, 30_000], [60_000, 560_000]], ids=len)
async def test_each_chunk_is_readable_at_once(
    coder: Coder, coding: Coding, cuts: list[int]
) -> None:
    body = records(600_000)
    encoder, decoder = coder.encoder(coding), coder.decoder(coding)
    for chunk in chunks(body, cuts):
        assert await decoder.push(await encoder.push(chunk)) == chunk
    assert await decoder.push(await encoder.finish()) == b""
    assert await decoder.finish() == b""


async def test_an_empty_chunk_does_nothing(coder: Coder, coding: Coding) -> None:
    encoder, decoder = coder.encoder(coding), coder.decoder(coding)
    assert await encoder.push(b"") == b""
    assert await decoder.push(b"") == b""
    encoded = await encoder.push(b"one")
    assert await encoder.push(b"") == b""
    assert await decoder.push(encoded + await encoder.finish()) == b"one"
    assert await decoder.push(b"") == b""
    await decoder.finish()


async def test_every_truncation_is_an_error(coder: Coder, coding: Coding) -> None:
    for body in (b"", records(300)):
        encoded = await coder.encode(coding, body)
        assert encoded is not None
        for length in range(len(encoded)):
            with pytest.raises(CodingError, match="before its"):
                await coder.decode(coding, encoded[:length])


@pytest.mark.parametrize("size", [500, 200_000])
async def test_a_truncation_is_seen_at_the_end(coder: Coder, coding: Coding, size: int) -> None:
    encoded = await coder.encode(coding, records(size))
    assert encoded is not None
    decoder = coder.decoder(coding)
    assert records(size).startswith(await decoder.push(encoded[:-1]))
    with pytest.raises(CodingError, match="before its"):
        await decoder.finish()


@pytest.mark.parametrize("size", [1, 2, len(GARBAGE), 40_000])
async def test_garbage_is_an_error(coder: Coder, coding: Coding, size: int) -> None:
    with pytest.raises(CodingError):
        await coder.decode(coding, (GARBAGE * 1_000)[:size])


@pytest.mark.parametrize("size", [1, 2, len(GARBAGE), 40_000])
async def test_what_follows_the_end_is_an_error(coder: Coder, coding: Coding, size: int) -> None:
    encoded = await coder.encode(coding, b"body")
    assert encoded is not None
    with pytest.raises(CodingError):
        await coder.decode(coding, encoded + (GARBAGE * 1_000)[:size])
    decoder = coder.decoder(coding)
    assert await decoder.push(encoded) == b"body"
    with pytest.raises(CodingError):
        await through(decoder, [(GARBAGE * 1_000)[:size]])


async def test_another_coding_is_an_error(coder: Coder, coding: Coding) -> None:
    for other in CODINGS:
        encoded = await coder.encode(other, SMALL["json"])
        assert encoded is not None
        if other is not coding:
            with pytest.raises(CodingError):
                await coder.decode(coding, encoded)
