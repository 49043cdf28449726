"""The event loop of production, for tests: its end waits for nobody.

uvloop's `close` waits until every connection is closed, for ever if need be. One whose opening was
given up, when a machine was too slow for a time-out, may never be: then it is ended here.
"""

import asyncio
import gc

import uvloop

_TRANSPORTS = {"TCPTransport", "UnixTransport"}


class Loop(uvloop.Loop):
    """uvloop's loop, which ends what is still connected before it closes."""

    def close(self) -> None:
        if not self.is_closed():
            for each in gc.get_objects():
                if type(each).__name__ in _TRANSPORTS and not each.is_closing():
                    each.abort()
            self.run_until_complete(asyncio.sleep(0))
        super().close()


def new_event_loop() -> asyncio.AbstractEventLoop:
    return Loop()
