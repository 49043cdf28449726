"""The crew: who is taken on, in which order, and what is left when somebody leaves."""

import asyncio
import gc
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from proxy.coding import crew as crew_module
from proxy.coding.crew import Crew, Room
from proxy.errors import CodingError

PATIENCE = 20.0


class Gate:
    """Work that begins when a thread takes it and ends when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._open = threading.Event()

    def __call__(self) -> bytes:
        self.begun.set()
        assert self._open.wait(PATIENCE)
        return b"through"

    def open(self) -> None:
        self._open.set()

    async def reached(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, PATIENCE)


@asynccontextmanager
async def crew(threads: int = 1, jobs: int = 2, size: int = 100) -> AsyncIterator[Crew]:
    one = Crew("test", threads, Room(jobs, size))
    try:
        yield one
    finally:
        await one.aclose()


async def settled() -> None:
    """Let every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


def saying(word: bytes, heard: list[bytes]) -> Callable[[], bytes]:
    def work() -> bytes:
        heard.append(word)
        return word

    return work


def place() -> bytes:
    return threading.current_thread().name.encode()


async def test_work_is_done_by_another_thread() -> None:
    async with crew() as one:
        assert await one.attempt(place, 1) == b"test-0"
        assert await one.run(place) == b"test-0"
        assert place() != b"test-0"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere only processes have a priority")
async def test_the_loop_comes_first() -> None:
    def nice() -> bytes:
        return b"%d" % os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    here = int(nice())
    async with crew() as one:
        assert int(await one.run(nice)) == min(here + 5, 19)
    assert int(nice()) == here


async def test_only_so_many_wait() -> None:
    gate = Gate()
    async with crew(jobs=2) as one:
        tasks = [asyncio.create_task(one.attempt(gate, 1)) for _ in range(3)]
        await settled()
        assert await one.attempt(gate, 1) is None
        gate.open()
        assert await asyncio.gather(*tasks) == [b"through"] * 3
        assert await one.attempt(gate, 1) == b"through"


async def test_only_so_many_bytes_wait() -> None:
    gate = Gate()
    async with crew(size=100) as one:
        tasks = [asyncio.create_task(one.attempt(gate, size)) for size in (1, 60)]
        await settled()
        assert await one.attempt(gate, 41) is None
        tasks.append(asyncio.create_task(one.attempt(gate, 40)))
        gate.open()
        assert await asyncio.gather(*tasks) == [b"through"] * 3


async def test_a_free_thread_takes_any_size() -> None:
    async with crew(size=100) as one:
        assert await one.attempt(lambda: b"done", 10_000) == b"done"
        assert await one.attempt(lambda: b"done", 10_000) == b"done"


async def test_there_are_no_more_threads_than_that() -> None:
    gates = [Gate(), Gate(), Gate()]
    async with crew(threads=2) as one:
        tasks = [asyncio.create_task(one.run(gate)) for gate in gates]
        await gates[0].reached()
        await gates[1].reached()
        assert not gates[2].begun.is_set()
        gates[1].open()
        await gates[2].reached()
        for gate in gates:
            gate.open()
        assert await asyncio.gather(*tasks) == [b"through"] * 3


async def test_what_cannot_be_refused_goes_first() -> None:
    gate, heard = Gate(), list[bytes]()
    async with crew() as one:
        attempts = [
            asyncio.create_task(one.attempt(work, 1)) for work in (gate, saying(b"1", heard))
        ]
        await settled()
        runs = [asyncio.create_task(one.run(saying(word, heard))) for word in (b"2", b"3")]
        await settled()
        gate.open()
        await asyncio.gather(*attempts, *runs)
        assert heard == [b"2", b"3", b"1"]


async def test_whoever_leaves_the_line_leaves_nothing() -> None:
    gate, heard = Gate(), list[bytes]()
    async with crew(jobs=1) as one:
        first = asyncio.create_task(one.run(gate))
        leaving = asyncio.create_task(one.attempt(saying(b"gone", heard), 1))
        await settled()
        assert await one.attempt(gate, 1) is None
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        staying = asyncio.create_task(one.attempt(saying(b"stays", heard), 1))
        await settled()
        gate.open()
        assert (await first, await staying) == (b"through", b"stays")
        assert heard == [b"stays"]


async def test_whoever_leaves_what_is_being_done_lets_it_end() -> None:
    gate, told = Gate(), list[tuple[bytes, float]]()
    async with crew() as one:
        leaving = asyncio.create_task(one.attempt(gate, 1, lambda *made: told.append(made)))
        await gate.reached()
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        after = asyncio.create_task(one.attempt(lambda: b"after", 1))
        await settled()
        assert not after.done()
        gate.open()
        assert await after == b"after"
        assert [made for made, _ in told] == [b"through"]


async def test_an_error_is_the_callers() -> None:
    def fail() -> bytes:
        raise ValueError("no")

    told: list[bytes] = []
    async with crew() as one:
        with pytest.raises(ValueError, match="no"):
            await one.attempt(fail, 1, lambda made, _: told.append(made))
        with pytest.raises(ValueError, match="no"):
            await one.run(fail)
        assert await one.run(lambda: b"on", lambda made, _: told.append(made)) == b"on"
    assert told == [b"on"]


async def test_cpu_seconds_are_told() -> None:
    def work() -> bytes:
        sum(range(200_000))
        threading.Event().wait(0.2)
        return b""

    told: list[float] = []
    async with crew() as one:
        await one.run(work, lambda _, seconds: told.append(seconds))
    assert 0 < told[0] < 0.15


async def test_an_idle_thread_holds_nothing() -> None:
    class Work:
        def __call__(self) -> bytes:
            return b"done"

    work = Work()
    left = weakref.ref(work)
    async with crew() as one:
        await one.run(work)
        del work
        while left() is not None:
            gc.collect()
            await asyncio.sleep(0.001)


# The end


async def test_the_end_waits_for_nobody() -> None:
    gate = Gate()
    one = Crew("test", 1, Room(9, 9))
    running = asyncio.create_task(one.attempt(gate, 1))
    urgent = asyncio.create_task(one.run(lambda: b"never"))
    waiting = asyncio.create_task(one.attempt(lambda: b"never", 1))
    await gate.reached()
    await one.aclose()
    assert await running is None
    assert await waiting is None
    with pytest.raises(CodingError, match="any more"):
        await urgent
    gate.open()
    await settled()


async def test_the_end_has_some_patience() -> None:
    gate = Gate()
    one = Crew("test", 1, Room(9, 9))
    running = asyncio.create_task(one.attempt(gate, 1))
    await gate.reached()
    ending = asyncio.create_task(one.aclose(PATIENCE))
    await settled()
    gate.open()
    await ending
    assert await running == b"through"


async def test_after_the_end_nothing_is_taken_on() -> None:
    one = Crew("test", 1, Room(9, 9))
    assert await one.run(lambda: b"done") == b"done"
    (thread,) = (each for each in threading.enumerate() if each.name == "test-0")
    await one.aclose()
    assert await one.attempt(lambda: b"", 1) is None
    with pytest.raises(CodingError, match="any more"):
        await one.run(lambda: b"")
    await asyncio.to_thread(thread.join, PATIENCE)
    assert not thread.is_alive()
    await one.aclose()


async def test_no_threads_to_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with crew() as one:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            assert await one.attempt(lambda: b"", 1) is None
            with pytest.raises(CodingError, match="any more"):
                await one.run(lambda: b"")
        assert await one.attempt(lambda: b"now", 1) == b"now"


def test_a_loop_may_end_before_the_work() -> None:
    gate = Gate()
    one = Crew("early", 1, Room(9, 9))

    async def leave() -> None:
        task = asyncio.create_task(one.run(gate))
        await gate.reached()
        task.cancel()
        await one.aclose()

    asyncio.run(leave())
    (thread,) = (each for each in threading.enumerate() if each.name == "early-0")
    gate.open()
    thread.join(PATIENCE)
    assert not thread.is_alive()


_LEAVES = """
import asyncio, threading
from proxy.coding.coder import PooledCoder

async def main():
    coder = PooledCoder()
    begun = threading.Event()
    def work():
        begun.set()
        threading.Event().wait()
    for crew in (coder.quick, coder.best):
        task = asyncio.create_task(crew.attempt(work, 1))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        begun.clear()
    {end}
    print("left")

asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["await coder.best.aclose()", "pass"])
def test_a_process_ends_though_work_does_not(end: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LEAVES.format(end=end)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")


async def test_tools_are_put_away_when_there_is_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew_module, "REST", 0.0)
    rested = threading.Semaphore(0)
    one = Crew("test", 1, Room(9, 9), rest=rested.release)
    for _ in range(2):
        assert await one.run(lambda: b"done") == b"done"
        assert await asyncio.to_thread(rested.acquire, timeout=PATIENCE)
    await one.aclose()
    assert await asyncio.to_thread(rested.acquire, timeout=PATIENCE)


async def test_tools_stay_out_between_jobs() -> None:
    rested = threading.Semaphore(0)
    one = Crew("test", 1, Room(9, 9), rest=rested.release)
    for _ in range(2):
        await one.run(lambda: b"done")
    assert not rested.acquire(blocking=False)
    await one.aclose()
    assert await asyncio.to_thread(rested.acquire, timeout=PATIENCE)


async def test_another_clock() -> None:
    told: list[float] = []
    one = Crew("test", 1, Room(9, 9), clock=iter((1.0, 4.0)).__next__)
    await one.run(lambda: b"done", lambda _, seconds: told.append(seconds))
    assert told == [3.0]
    await one.aclose()


async def test_partials_are_work() -> None:
    async with crew() as one:
        assert await one.run(partial(b"-".join, [b"a", b"b"])) == b"a-b"
