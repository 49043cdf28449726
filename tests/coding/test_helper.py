"""The helper: a process that packs, of low priority, and what becomes of it."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest

from proxy.coding import helper as helper_module
from proxy.coding.coder import PooledCoder
from proxy.coding.helper import NICENESS, Helper, main
from proxy.coding.packing import Level, pack
from proxy.errors import CodingError
from proxy.http.codings import Coding
from tests.coding.bodies import CODINGS, records

BODY = records(3_000)
LONG = records(4 * 1024 * 1024)
"""With brotli, seconds of work."""

PATIENCE = 20.0


@pytest.fixture
def helper() -> Iterator[Helper]:
    one = Helper()
    yield one
    one.kill()
    one.rest()


def gone(pid: int) -> bool:
    """Wait until a process has ended, and tell whether it has."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if ended(pid):
            return True
        time.sleep(0.005)
    return False


def ended(pid: int) -> bool:
    """Tell whether there is no such process, or one that only its parent has not looked after."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except ProcessLookupError:
        return True
    except FileNotFoundError:  # a system without /proc, or it has ended just now
        return Path("/proc").exists()


def running(helper: Helper) -> int:
    """Return the process's id, once there is one."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if helper.pid is not None:
            return helper.pid
        time.sleep(0.001)
    raise AssertionError("no process was started")


def test_it_packs_at_the_best_level(helper: Helper) -> None:
    for coding in CODINGS:
        assert helper.pack(coding, BODY) == pack(coding, Level.BEST, BODY)
    assert helper.pack(Coding.GZIP, b"") == pack(Coding.GZIP, Level.BEST, b"")


def test_one_process_does_it_all(helper: Helper) -> None:
    assert helper.pid is None
    helper.pack(Coding.BR, BODY)
    first = helper.pid
    assert first not in {None, os.getpid()}
    helper.pack(Coding.ZSTD, BODY)
    assert helper.pid == first


def test_its_priority_is_low(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_module, "NICENESS", NICENESS)
    helper.pack(Coding.GZIP, BODY)
    assert helper.pid is not None
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert os.getpriority(os.PRIO_PROCESS, helper.pid) == min(ours + NICENESS, 19)


def test_its_cpu_seconds_count(helper: Helper) -> None:
    began, spent = helper.clock(), time.process_time()
    helper.pack(Coding.BR, LONG[:200_000])
    assert helper.clock() - began > time.process_time() - spent + 0.02


def test_when_it_rests_the_process_ends(helper: Helper) -> None:
    helper.rest()
    helper.pack(Coding.GZIP, BODY)
    pid = running(helper)
    helper.rest()
    assert helper.pid is None
    assert gone(pid)
    assert helper.pack(Coding.GZIP, BODY)


def test_one_that_will_not_end_is_killed(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper_module, "_PATIENCE", 0.01)
    helper.pack(Coding.GZIP, BODY)
    pid = running(helper)
    os.kill(pid, signal.SIGSTOP)
    helper.rest()
    assert gone(pid)


def test_one_that_ends_by_itself_is_replaced(helper: Helper) -> None:
    helper.pack(Coding.GZIP, BODY)
    pid = running(helper)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(CodingError, match="has ended"):
        helper.pack(Coding.GZIP, LONG)
    assert helper.pack(Coding.GZIP, BODY) == pack(Coding.GZIP, Level.BEST, BODY)
    assert helper.pid != pid


def test_one_that_ends_at_work_is_replaced(helper: Helper) -> None:
    killer = threading.Thread(target=lambda: os.kill(running(helper), signal.SIGKILL))
    killer.start()
    with pytest.raises(CodingError, match="has ended"):
        helper.pack(Coding.BR, LONG)
    killer.join()
    assert helper.pack(Coding.GZIP, BODY)


def test_a_reply_may_be_cut_short(helper: Helper, monkeypatch: pytest.MonkeyPatch) -> None:
    short = "import sys; sys.stdin.buffer.readline(); print('0.1 100'); print('short', flush=True)"
    started = subprocess.Popen

    def other(_: list[str], **options: int) -> "subprocess.Popen[bytes]":
        return started([sys.executable, "-c", short], **options)  # type: ignore[call-overload, no-any-return]  # passed on

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", other)
        with pytest.raises(CodingError, match="has ended"):
            helper.pack(Coding.GZIP, BODY)
    assert helper.pack(Coding.GZIP, BODY)


def test_after_a_kill_there_is_none(helper: Helper) -> None:
    helper.kill()
    with pytest.raises(CodingError, match="any more"):
        helper.pack(Coding.GZIP, BODY)
    assert helper.pid is None


def test_without_a_process_it_packs_all_the_same(
    helper: Helper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nonexistent/python")
    assert helper.pack(Coding.ZSTD, BODY) == pack(Coding.ZSTD, Level.BEST, BODY)
    assert helper.pid is None


# The other end


def test_requests_are_answered_one_by_one() -> None:
    sink = BytesIO()
    main(BytesIO(b"gzip 3\none" + b"br 0\n" + b"zstd 3\ntwo"), sink)
    sink.seek(0)
    for coding, body in ((Coding.GZIP, b"one"), (Coding.BR, b""), (Coding.ZSTD, b"two")):
        seconds, length = sink.readline().split()
        assert 0 <= float(seconds) < 1
        assert sink.read(int(length)) == pack(coding, Level.BEST, body)
    assert sink.read() == b""


def test_a_request_that_is_cut_short_is_none() -> None:
    sink = BytesIO()
    main(BytesIO(b"gzip 4\none"), sink)
    assert sink.getvalue() == b""


# With the coder


async def test_the_end_does_not_wait_for_it() -> None:
    pooled = PooledCoder()
    task = asyncio.create_task(pooled.encode_best(Coding.BR, LONG))
    pid = await asyncio.to_thread(running, pooled.helper)
    await pooled.aclose()
    assert task.done()
    assert await task is None
    assert await asyncio.to_thread(gone, pid)
    assert pooled.stats.refused == {"best": 1}
    assert await pooled.encode_best(Coding.BR, BODY) is None


async def test_a_caller_that_leaves_leaves_it_at_work(pooled: PooledCoder) -> None:
    task = asyncio.create_task(pooled.encode_best(Coding.BR, LONG[:300_000]))
    await asyncio.to_thread(running, pooled.helper)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await pooled.encode_best(Coding.ZSTD, BODY) == pack(Coding.ZSTD, Level.BEST, BODY)
    assert pooled.stats.encoded == {("br", "best"): 1, ("zstd", "best"): 1}


async def test_one_that_ends_is_a_refusal(pooled: PooledCoder) -> None:
    assert await pooled.encode_best(Coding.GZIP, BODY)
    os.kill(running(pooled.helper), signal.SIGKILL)
    assert await pooled.encode_best(Coding.GZIP, BODY) is None
    assert await pooled.encode_best(Coding.GZIP, BODY)


_DIES = """
import os, sys
from proxy.coding.helper import Helper
from proxy.http.codings import Coding
helper = Helper()
helper.pack(Coding.GZIP, b"body")
print(helper.pid, flush=True)
os._exit(0)
"""


def test_it_does_not_outlive_whoever_asks() -> None:
    done = subprocess.run([sys.executable, "-c", _DIES], capture_output=True, check=True)
    assert gone(int(done.stdout))
