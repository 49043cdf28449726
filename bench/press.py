"""The press: a process that encodes, and tells what it cost and how late the event loop was.

`python -m bench.press encode SIZE CODING LEVEL SECONDS`, or `delay WORK SECONDS` where WORK is
idle, quick, best or both; the answer is a line of JSON. Must not know how it is shown.
"""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from itertools import cycle
from time import monotonic, perf_counter
from typing import Final

from bench import cpu
from bench.bodies import SIZES, body
from proxy.coding.coder import PooledCoder
from proxy.http.codings import Coding

CODINGS: Final = (Coding.BR, Coding.ZSTD, Coding.GZIP)
LEVELS: Final = ("quick", "best")
WORKS: Final = ("idle", "quick", "best", "both")

_TICK: Final = 0.001
_WARM: Final = 0.3
"""Seconds in which threads and helper start and the first bodies are made."""
_AT_ONCE: Final = 4
"""How many callers wait for quick encodings, each for one: the threads have always work."""


async def encode(coder: PooledCoder, size: int, coding: Coding, level: str, seconds: float) -> str:
    """Encode a body again and again; tell the CPU seconds, user and system, with the helper's."""
    plain, verb = body(size), coder.encode if level == "quick" else coder.encode_best
    packed = await verb(coding, plain)
    count, until, spent = 0, monotonic() + seconds, cpu.spent(os.getpid())
    while not count or monotonic() < until:
        packed = await verb(coding, plain)
        count += 1
    told = {"bodies": count, "size": len(plain), "packed": len(packed or b"")}
    return json.dumps(told | {"cpu_seconds": cpu.spent(os.getpid()) - spent})


async def delay(coder: PooledCoder, work: str, seconds: float) -> str:
    """Encode the largest body without end, and tell how late a timer of 1 ms comes meanwhile."""
    plain, tasks = body(SIZES["1 MB"]), []
    if work in {"quick", "both"}:
        tasks += [asyncio.create_task(_again(coder.encode, plain)) for _ in range(_AT_ONCE)]
    if work in {"best", "both"}:
        tasks.append(asyncio.create_task(_again(coder.encode_best, plain)))
    await asyncio.sleep(_WARM)
    coder.stats.encoded.clear()
    late = sorted(await _lateness(seconds))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    counts = {f"{level}_per_second": _count(coder, level) / seconds for level in LEVELS}
    shares = {"p50_us": _share(late, 0.5), "p99_us": _share(late, 0.99), "max_us": late[-1] * 1e6}
    return json.dumps(shares | counts)


async def _again(encode: Callable[[Coding, bytes], Awaitable[object]], plain: bytes) -> None:
    for coding in cycle(CODINGS):
        await encode(coding, plain)


async def _lateness(seconds: float) -> list[float]:
    late: list[float] = []
    until = perf_counter() + seconds
    while (began := perf_counter()) < until:
        await asyncio.sleep(_TICK)
        late.append(perf_counter() - began - _TICK)
    return late


def _share(late: Sequence[float], share: float) -> float:
    return late[int(len(late) * share)] * 1e6


def _count(coder: PooledCoder, level: str) -> int:
    return sum(count for (_, own), count in coder.stats.encoded.items() if own == level)


async def main(words: Sequence[str]) -> None:
    """Do what is asked for and print the answer."""
    coder = PooledCoder()
    try:
        if words[0] == "encode":
            _, size, coding, level, seconds = words
            print(await encode(coder, int(size), Coding(coding), level, float(seconds)))
        else:
            _, work, seconds = words
            print(await delay(coder, work, float(seconds)))
    finally:
        await coder.aclose()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(sys.argv[1:]))
