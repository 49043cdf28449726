"""Servers: uvicorn as it serves clients and operators here, and the loop that it runs in.

This module must not know who starts them, nor when they end.
"""

import asyncio
import gc
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any, Final

import uvicorn

from proxy.admin.headers import Headers
from proxy.app import DataPlane, Service
from proxy.cli.scheduling import ask_for_short_turns
from proxy.edge.doorway import Doorway
from proxy.edge.protocol import entrance
from proxy.workers.shares import share

CLOSING: Final = 2.0
"""Seconds that the event loop is given to close, once everything has ended."""

_THRESHOLDS: Final = (10_000, 20, 20)
"""Objects made and not yet freed, and collections of a generation, that set off a collection."""


class Server(uvicorn.Server):
    """A uvicorn server that leaves the signals to the process; `started_up` is set by then."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401 - uvicorn's own type
        """Start, and say so."""
        await super().startup(sockets)
        self.listening.set()


def data_server(service: Service) -> Server:
    """Return the server of the data plane, set up as it runs in production."""
    app = DataPlane(service)
    edge, workers = service.settings.edge, service.settings.workers
    limits = edge.model_copy(update={"connections": share(edge.connections, workers)})
    doorway = Doorway(limits, app, service.edge_stats)
    grace, http = service.settings.drain.grace, entrance(doorway, service.shortcut)
    return _server(app, grace, http=http, lifespan="on")


def admin_server(app: Any) -> Server:  # noqa: ANN401 - uvicorn's own type
    """Return a server of operators; whoever answers them, browsers are kept in bounds."""
    return _server(Headers(app), 1.0, http=entrance(Doorway()), lifespan="off")


def _server(
    app: Any,  # noqa: ANN401 - uvicorn's own type
    grace: float,
    **options: Any,  # noqa: ANN401 - as above
) -> Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        date_header=False,  # the upstream's Date passes; its own would be a second one
        server_header=False,
        proxy_headers=False,  # a sidecar's every peer is loopback, which this would trust
        ws="none",
        timeout_graceful_shutdown=ceil(grace),
        **options,
    )
    return Server(config)


def run_to_its_end(serving: Coroutine[Any, Any, None]) -> None:
    """Run a proxy in a loop of its own, which may not keep the process from ending."""
    # uvloop waits in its end for every connection to be closed, and one whose opening or
    # reading was given up just then may never be.
    ending = threading.Timer(CLOSING, os._exit, (0,))
    ending.daemon = True
    ask_for_short_turns()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serving)
        ending.start()
    ending.cancel()


def spare_the_collector() -> None:
    """Keep what start-up made out of full collections, and have fewer collections of any kind.

    Start-up's objects would stop the loop for 50 ms. And what a request makes is freed as it ends,
    but for what is kept, which each collection would look through in vain: at the interpreter's own
    thresholds that is an eighth of what a miss costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory where there is a uvloop, None for asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - it is not built for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
