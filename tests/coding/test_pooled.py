"""The pooled coder: which thread works, who waits for whom, what is refused and counted."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from proxy.coding import coder as coder_module
from proxy.coding import packing, streams
from proxy.coding.bounds import AT_ONCE, BEST_LIMIT
from proxy.coding.coder import PooledCoder
from proxy.coding.crew import Work
from proxy.coding.packing import Level, Packer, pack, packer
from proxy.coding.unpacking import PIECE
from proxy.errors import CodingError
from proxy.http.codings import Coding
from tests.coding.bodies import CODINGS, member, records

LARGE = records(2 * AT_ONCE)
SMALL = LARGE[: AT_ONCE - 1]


class Gate:
    """Blocks a crew until it is opened."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self.begun = threading.Event()

    def __call__(self) -> bytes:
        self.begun.set()
        assert self._open.wait(20)
        return b"through"

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the threads that pack, as they come to do so."""
    names: list[str] = []

    def noted(coding: Coding, level: Level, body: bytes) -> bytes:
        names.append(threading.current_thread().name)
        return pack(coding, level, body)

    def noting(coding: Coding) -> Packer:
        one = packer(coding)

        def process(chunk: bytes) -> bytes:
            names.append(threading.current_thread().name)
            return one.process(chunk)

        return Packer(process, one.flush, one.finish)

    monkeypatch.setattr(coder_module, "pack", noted)
    monkeypatch.setattr(streams, "packer", noting)
    return names


HERE = threading.main_thread().name


@pytest.mark.parametrize("coding", CODINGS, ids=lambda coding: coding.value)
async def test_large_bodies_leave_the_loop(
    pooled: PooledCoder, coding: Coding, places: list[str]
) -> None:
    pooled.at_once(coding, SMALL)
    await pooled.encode(coding, SMALL)
    await pooled.encode(coding, LARGE)
    await pooled.encode_best(coding, SMALL)
    encoder = pooled.encoder(coding)
    await encoder.push(SMALL)
    await encoder.push(LARGE)
    assert places == [HERE, HERE, "coding-0", HERE, "coding-0"]
    assert pooled.helper.pid is not None


def spied(pooled: PooledCoder, monkeypatch: pytest.MonkeyPatch) -> list[Work]:
    """Return the work that is given to threads, as it is."""
    asked: list[Work] = []
    run = pooled.quick.run

    async def noted(work: Work) -> bytes:
        asked.append(work)
        return await run(work)

    monkeypatch.setattr(pooled.quick, "run", noted)
    return asked


async def test_a_small_body_that_grows_leaves_the_loop(
    pooled: PooledCoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spied(pooled, monkeypatch)
    for size, threads in ((PIECE, 0), (16 * PIECE, 1)):
        packed = member(bytes(size))
        assert len(packed) < AT_ONCE
        assert await pooled.decode(Coding.GZIP, packed) == bytes(size)
        assert len(asked) == threads


async def test_large_bodies_are_decoded_off_the_loop(
    pooled: PooledCoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = spied(pooled, monkeypatch)
    for body, threads in ((SMALL, 0), (records(500_000), 1)):
        assert await pooled.decode(Coding.ZSTD, pack(Coding.ZSTD, Level.QUICK, body)) == body
        assert len(asked) == threads


@pytest.mark.parametrize("coding", CODINGS, ids=lambda coding: coding.value)
async def test_long_work_gives_way(
    pooled: PooledCoder, coding: Coding, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: list[str] = []
    monkeypatch.setattr(streams, "give_way", lambda: ways.append(threading.current_thread().name))
    body, encoder, decoder = records(500_000), pooled.encoder(coding), pooled.decoder(coding)
    packed = await encoder.push(body)
    assert len(ways) >= len(body) / packing.PIECE
    ways.clear()
    assert await decoder.push(packed) == body
    assert len(ways) >= len(body) / PIECE
    assert set(ways) == {"coding-0"}


async def test_the_best_delays_nobody(pooled: PooledCoder) -> None:
    gate = Gate()
    blocked = asyncio.create_task(pooled.best.attempt(gate, 1))
    behind = asyncio.create_task(pooled.encode_best(Coding.GZIP, LARGE))
    assert await asyncio.to_thread(gate.begun.wait, 20)
    assert await pooled.encode(Coding.GZIP, LARGE)
    encoder = pooled.encoder(Coding.GZIP)
    assert await encoder.push(LARGE)
    assert await pooled.decode(Coding.GZIP, pack(Coding.GZIP, Level.QUICK, LARGE)) == LARGE
    assert not blocked.done()
    assert not behind.done()
    gate.open()
    assert await behind
    assert await blocked


async def test_the_best_is_not_for_the_largest(pooled: PooledCoder) -> None:
    assert await pooled.encode_best(Coding.ZSTD, bytes(BEST_LIMIT))
    assert await pooled.encode_best(Coding.ZSTD, bytes(BEST_LIMIT + 1)) is None
    assert pooled.stats.refused == {}


Encode = Callable[[PooledCoder, bytes], Awaitable[bytes | None]]
WAYS: dict[str, Encode] = {
    "quick": lambda pooled, body: pooled.encode(Coding.GZIP, body),
    "best": lambda pooled, body: pooled.encode_best(Coding.GZIP, body),
}


@pytest.mark.parametrize("level", WAYS)
async def test_too_many_are_refused(level: str) -> None:
    pooled, encode = PooledCoder(threads=1), WAYS[level]
    gate = Gate()
    crew = pooled.quick if level == "quick" else pooled.best
    tasks = [asyncio.ensure_future(crew.attempt(gate, 1))]
    tasks += [asyncio.ensure_future(encode(pooled, LARGE)) for _ in range(64)]
    await asyncio.sleep(0)
    assert await encode(pooled, LARGE) is None
    assert pooled.stats.refused == {level: 1}
    gate.open()
    assert None not in await asyncio.gather(*tasks)
    assert await encode(pooled, LARGE)
    await pooled.aclose()


@pytest.mark.parametrize(("level", "waiting"), [("quick", 8), ("best", 4)])
async def test_too_many_bytes_are_refused(level: str, waiting: int) -> None:
    pooled, encode = PooledCoder(threads=1), WAYS[level]
    crew = pooled.quick if level == "quick" else pooled.best
    gate, body = Gate(), bytes(BEST_LIMIT)
    blocked = asyncio.ensure_future(crew.attempt(gate, 1))
    await asyncio.sleep(0)
    tasks = [asyncio.ensure_future(encode(pooled, body)) for _ in range(9)]
    await asyncio.sleep(0)
    assert [task.done() for task in tasks] == [at >= waiting for at in range(9)]
    assert pooled.stats.refused == {level: 9 - waiting}
    gate.open()
    assert await blocked
    await asyncio.gather(*tasks)
    await pooled.aclose()


async def test_who_waits_at_the_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coder_module, "_PATIENCE", 0.01)
    pooled, gate = PooledCoder(threads=1), Gate()
    running = asyncio.ensure_future(pooled.best.attempt(gate, 1))
    waiting = asyncio.ensure_future(pooled.encode_best(Coding.BR, LARGE))
    await asyncio.sleep(0)
    await pooled.aclose()
    assert await running is None
    assert await waiting is None
    assert await pooled.encode(Coding.BR, LARGE) is None
    assert await pooled.encode(Coding.BR, SMALL) is not None
    with pytest.raises(CodingError, match="any more"):
        await pooled.encoder(Coding.BR).push(LARGE)
    with pytest.raises(CodingError, match="any more"):
        await pooled.decode(Coding.GZIP, LARGE)
    gate.open()


async def given_up(push: Awaitable[bytes]) -> None:
    """Begin to push, and leave before it is done."""
    task = asyncio.ensure_future(push)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("coding", CODINGS, ids=lambda coding: coding.value)
async def test_a_stream_that_was_given_up_does_not_go_on(coding: Coding) -> None:
    pooled, gate = PooledCoder(threads=1), Gate()
    blocked = asyncio.ensure_future(pooled.quick.run(gate))
    await asyncio.sleep(0)
    encoder, decoder = pooled.encoder(coding), pooled.decoder(coding)
    await given_up(encoder.push(LARGE))
    await given_up(decoder.push(pack(coding, Level.QUICK, records(200_000))))
    for stream in (encoder, decoder):
        for chunk in (SMALL, LARGE):
            with pytest.raises(CodingError, match="given up"):
                await stream.push(chunk)
        with pytest.raises(CodingError, match="given up"):
            await stream.finish()
    gate.open()
    await blocked
    assert await pooled.encode(coding, LARGE)
    await pooled.aclose()


async def test_two_chunks_at_once_are_one_too_many(pooled: PooledCoder) -> None:
    encoder = pooled.encoder(Coding.ZSTD)
    first = asyncio.ensure_future(encoder.push(LARGE))
    await asyncio.sleep(0)
    with pytest.raises(CodingError, match="does not go on"):
        await encoder.push(SMALL)
    assert await first


async def test_what_is_counted(pooled: PooledCoder) -> None:
    small, large = len(SMALL), len(LARGE)
    quick = await pooled.encode(Coding.BR, LARGE)
    at_once = pooled.at_once(Coding.BR, SMALL)
    best = await pooled.encode_best(Coding.GZIP, SMALL)
    assert quick is not None
    assert at_once is not None
    assert best is not None
    encoder = pooled.encoder(Coding.ZSTD)
    streamed = [await encoder.push(SMALL), await encoder.push(LARGE), await encoder.finish()]
    await pooled.decode(Coding.BR, quick)
    for broken in (quick[:-1], b"\xff\xff\xff"):
        with pytest.raises(CodingError):
            await pooled.decode(Coding.BR, broken)
    stats = pooled.stats
    kinds = [("br", "quick"), ("gzip", "best"), ("zstd", "stream")]
    assert stats.encoded == dict(zip(kinds, (2, 1, 1), strict=True))
    assert stats.encoded_bytes_in == dict(
        zip(kinds, (small + large, small, small + large), strict=True)
    )
    made = (len(quick) + len(at_once), len(best), sum(map(len, streamed)))
    assert stats.encoded_bytes_out == dict(zip(kinds, made, strict=True))
    assert list(stats.encode_seconds) == kinds
    assert all(0 < seconds < 5 for seconds in stats.encode_seconds.values())
    assert stats.decoded == {"br": 1}
    assert stats.decode_failures == {"br": 2}


async def test_work_that_nobody_waits_for_is_counted() -> None:
    pooled = PooledCoder(threads=1)
    task = asyncio.ensure_future(pooled.encode(Coding.GZIP, LARGE))
    await asyncio.sleep(0)
    task.cancel()
    await pooled.quick.run(lambda: b"behind it")
    assert pooled.stats.encoded == {("gzip", "quick"): 1}
    await pooled.aclose()
