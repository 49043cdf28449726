"""The loop's thread and its turns, as the kernel tells them."""

import ctypes
import os
import platform
import sys
import threading
from typing import Final

import pytest

from proxy.cli.scheduling import _ATTRIBUTES, SLICE, ask_for_short_turns

_GET: Final = {"x86_64": 315, "aarch64": 275, "riscv64": 275}
"""Machine → the number of the system call `sched_getattr`."""

_KERNEL: Final = tuple(map(int, platform.release().split(".")[:2]))

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() not in _GET or _KERNEL < (6, 12),
    reason="slices are those of Linux, since 6.12",
)


def slice_here() -> int:
    """Return the nanoseconds of this thread's slice."""
    held = ctypes.create_string_buffer(_ATTRIBUTES.size)
    assert ctypes.CDLL(None).syscall(_GET[platform.machine()], 0, held, len(held), 0) == 0
    size, policy, _, nice, _, runtime, _, _ = _ATTRIBUTES.unpack(held.raw)
    assert size <= _ATTRIBUTES.size
    assert (policy, nice) == (os.SCHED_OTHER, os.getpriority(os.PRIO_PROCESS, 0))
    return int(runtime)


def in_a_thread(slices: list[int]) -> None:
    """Ask in a thread of its own, and look at it and at one that it begins."""
    slices.append(slice_here())
    assert ask_for_short_turns()
    slices.append(slice_here())
    begun = threading.Thread(target=lambda: slices.append(slice_here()))
    begun.start()
    begun.join()


def test_another_policy_is_left_alone() -> None:
    asked: list[bool] = []

    def idly() -> None:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        asked.append(ask_for_short_turns())

    thread = threading.Thread(target=idly)
    thread.start()
    thread.join()
    assert asked == [False]


@pytest.mark.parametrize("name", ["sched_getscheduler", "getpriority"])
def test_a_sandbox_may_refuse(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def refused(*_: int) -> int:
        raise PermissionError(name)

    monkeypatch.setattr(os, name, refused)
    assert not ask_for_short_turns()


def test_turns_are_short_for_this_thread_alone() -> None:
    slices: list[int] = []
    thread = threading.Thread(target=in_a_thread, args=(slices,))
    thread.start()
    thread.join()
    usual, asked, begun = slices
    assert asked == SLICE < usual
    assert begun == usual
