"""Scheduling: when the loop's thread has its turn, where others want the same core.

A thread of the loop wakes up often, for moments. By Linux's usual slice it would wait for a turn
as long as one that encodes for seconds: 3 to 4 ms, in which it could answer hundreds of hits. This
module must not know what the threads do.
"""

import ctypes
import os
import platform
import struct
import sys
from typing import Final

SLICE: Final = 100_000
"""Nanoseconds, the shortest slice there is (Linux's `sched_attr.sched_runtime`, 0.1 to 100 ms)."""

_SET: Final = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""Machine → number of the system call `sched_setattr`, for which few C libraries have a name."""

_ATTRIBUTES: Final = struct.Struct("=IIQiIQQQ")
"""`sched_attr`: its size, policy, flags, nice, priority, runtime, deadline and period."""

_RESET_ON_FORK: Final = 1
"""Threads and processes that this one begins get the usual slice."""


def ask_for_short_turns() -> bool:
    """Have this thread preempt those that work at length; tell whether the system took that.

    It gets no more of the core, only sooner. Linux before 6.12 takes note and does nothing.
    """
    number = _SET.get(platform.machine())
    if sys.platform != "linux" or number is None:
        return False
    try:
        policy, nice = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    except OSError:  # a sandbox may know neither
        return False
    if policy != os.SCHED_OTHER or nice < 0:
        return False  # somebody has seen to it, and threads would not inherit the priority
    size = _ATTRIBUTES.size
    attributes = _ATTRIBUTES.pack(size, policy, _RESET_ON_FORK, nice, 0, SLICE, 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, 0, attributes, 0) == 0)
