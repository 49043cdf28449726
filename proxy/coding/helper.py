"""Helper: a process of low priority that packs at the best levels, as it is told.

Not a thread: where the system sets a thread of low priority aside while it holds the interpreter's
lock, the event loop stands still too, for 100 ms and more beside a busy neighbour. A process can
be killed, moreover, and what it has allocated goes with it.

This module is both ends: `Helper` asks, `main` is the process. Neither knows why. A request is a
line of coding and length, then the body; the reply a line of CPU seconds and length, then bytes.
"""

import os
import signal
import subprocess
import sys
import threading
from time import process_time, thread_time
from typing import BinaryIO, Final

from proxy.coding.packing import Level, pack
from proxy.errors import CodingError
from proxy.http.codings import Coding

NICENESS: Final = 15
"""A thirtieth of what others get while they want it; all of what they leave."""

_PATIENCE: Final = 1.0


class Helper:
    """The process, started when it is needed; for one thread, but for `kill`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._killed = False
        self._spent = 0.0

    @property
    def pid(self) -> int | None:
        """The process's id, while there is one."""
        process = self._process
        return None if process is None else process.pid

    def clock(self) -> float:
        """Return CPU seconds: of the calling thread, and those that the process told of."""
        return thread_time() + self._spent

    def pack(self, coding: Coding, body: bytes) -> bytes:
        """Return the body encoded; raise `CodingError` where the process ends meanwhile."""
        try:
            process = self._started()
        except OSError:  # the system gives no more processes: then it costs what it costs
            return pack(coding, Level.BEST, body)
        try:
            return self._asked(process, coding, body)
        except (OSError, ValueError) as error:
            self.rest()
            raise CodingError("the process that encodes has ended") from error

    def rest(self) -> None:
        """End the process, if there is one, and see that it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.communicate(timeout=_PATIENCE)
        except (subprocess.TimeoutExpired, OSError):
            process.kill()
            process.communicate()

    def kill(self) -> None:
        """End the process whatever it is doing, and start none again; from any thread."""
        with self._lock:
            self._killed = True
            process = self._process
            if process is not None:
                process.kill()

    def _started(self) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._killed:
                raise CodingError("nobody encodes any more")
            if self._process is None:
                self._process = subprocess.Popen(  # noqa: S603 - this module, and no words but ours
                    [sys.executable, "-m", __name__, str(NICENESS)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                )
            return self._process

    def _asked(self, process: "subprocess.Popen[bytes]", coding: Coding, body: bytes) -> bytes:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101 - as above
        process.stdin.write(b"%b %d\n" % (coding.token, len(body)))
        process.stdin.write(body)
        process.stdin.flush()
        seconds, length = process.stdout.readline().split()
        packed = process.stdout.read(int(length))
        if len(packed) < int(length):
            raise ValueError("the reply is cut short")
        self._spent += float(seconds)
        return packed


def main(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while line := source.readline():
        name, length = line.split()
        body = source.read(int(length))
        if len(body) < int(length):
            return
        began = process_time()
        packed = pack(Coding(name.decode()), Level.BEST, body)
        sink.write(b"%f %d\n" % (process_time() - began, len(packed)))
        sink.write(packed)
        sink.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    if hasattr(os, "nice"):
        os.nice(int(sys.argv[1]))
    main(sys.stdin.buffer, sys.stdout.buffer)
