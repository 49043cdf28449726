"""The event loop of production, for tests: its end waits for nobody.

uvloop's `close` waits until every connection is closed, for ever if need be. One whose opening was
given up, when a machine was too slow for a time-out, may never be: then it is ended here.
"""

import asyncio
import gc
from contextlib import suppress
from pathlib import Path

import uvloop

_TRANSPORTS = {"TCPTransport", "UnixTransport"}


class Loop(uvloop.Loop):
    """uvloop's loop, which ends what is still connected before it closes."""

    def __init__(self) -> None:
        super().__init__()
        self._before = _sockets()

    def close(self) -> None:
        if not self.is_closed() and _sockets() > self._before:  # to look for them takes a while
            for each in gc.get_objects():
                if type(each).__name__ in _TRANSPORTS and not each.is_closing():
                    each.abort()
            self.run_until_complete(asyncio.sleep(0))
        super().close()


def new_event_loop() -> asyncio.AbstractEventLoop:
    return Loop()


def _sockets() -> int:
    """Return how many sockets this process has open, where that can be told."""
    count = 0
    with suppress(OSError):
        for file in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                count += file.readlink().name.startswith("socket:")
    return count
