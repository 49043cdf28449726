"""`sidecache serve`: run the proxy and its admin listener until told to stop."""

import asyncio
import gc
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from math import ceil
from pathlib import Path
from typing import Any, Final

import click
import uvicorn

from proxy.app import DataPlane, Service
from proxy.cli.ending import Ending
from proxy.cli.options import config_option
from proxy.edge.doorway import Doorway
from proxy.edge.protocol import entrance
from proxy.errors import ConfigError
from proxy.reload import Written
from proxy.rules.endpoints import Address
from proxy.settings import load

CLOSING: Final = 2.0
"""Seconds that the event loop is given to close, once everything has ended."""

_BACKLOG: Final = 2048


@click.command()
@config_option
@click.option("--upstream", metavar="URL", help="The API to stand before.")
@click.option("--listen", metavar="HOST:PORT", help="Where clients connect [127.0.0.1:8080].")
@click.option("--admin", metavar="HOST:PORT", help="Where operators connect [127.0.0.1:9090].")
@click.option("--redis", metavar="URL", help="The store that all replicas share [none].")
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Worker processes [1]; one, in this release.",
)
def serve(  # noqa: PLR0913, PLR0917 - one argument a flag
    config: Path | None,
    upstream: str | None,
    listen: str | None,
    admin: str | None,
    redis: str | None,
    workers: int | None,
) -> None:
    """Run the proxy.

    Every setting can also come from the file or from the environment as SIDECACHE_…, nested by
    two underscores: SIDECACHE_UPSTREAM__URL.
    """
    flags = {
        "upstream": upstream,
        "listen": listen,
        "admin": admin,
        "redis": redis,
        "workers": workers,
    }
    source = Written(config, flags, os.environ)
    settings = load(config, flags, os.environ)
    _raise_file_limit()
    with ExitStack() as listeners:
        data = listeners.enter_context(_bind(settings.listen, "listen"))
        admin_socket = None
        if settings.admin.listen is not None:
            admin_socket = listeners.enter_context(_bind(settings.admin.listen, "admin"))
        service = Service(settings, source.name, address=_address(data), source=source)
        service.log_to_stdout()
        # uvloop waits in its end for every connection to be closed, and one whose opening or
        # reading was given up just then may never be.
        ending = threading.Timer(CLOSING, os._exit, (0,))
        ending.daemon = True
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_run(service, data, admin_socket))
            ending.start()
        ending.cancel()


def _bind(address: Address, setting: str) -> socket.socket:
    """Return a listening socket; a port in use is an error of one line."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (address.host, address.port), family=family, backlog=_BACKLOG
        )
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (")[0]  # socket adds the address
        raise ConfigError(f"{setting}: cannot listen on {address}: {why}") from error
    # Inherited by what it accepts: a client that vanished while it waits for an answer, for which
    # no deadline runs, is found out by the kernel.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return listener


def _raise_file_limit() -> None:
    """Let the process open as many files as it may: each connection is one, or two on a miss."""
    with suppress(ImportError, OSError, ValueError):  # what cannot be raised stays as it is
        import resource  # noqa: PLC0415 - it is not built for every platform

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class _Server(uvicorn.Server):
    """A uvicorn server that leaves the signals to the process."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _run(service: Service, data: socket.socket, admin: socket.socket | None) -> None:
    """Serve both listeners until told to go: by SIGTERM in peace, by SIGINT at once.

    SIGHUP has the settings read anew; SIGUSR1 has it leave, and go on until it is told to go.
    """
    server, drain = data_server(service), service.settings.drain
    operators, serving = None, [asyncio.ensure_future(server.serve([data]))]
    if admin is not None:
        operators = _server(service.admin, 1.0, http=entrance(Doorway()), lifespan="off")
        serving.append(asyncio.ensure_future(operators.serve([admin])))
    ending = Ending(server, operators, service.leave, drain.delay)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.begin)
    loop.add_signal_handler(signal.SIGINT, ending.now)
    loop.add_signal_handler(signal.SIGUSR1, ending.leave)
    loop.add_signal_handler(signal.SIGHUP, service.reloader.reload_soon)
    _spare_the_collector()
    _announce(service, data, admin)
    await ending.served(serving)


def _spare_the_collector() -> None:
    """Keep what start-up made out of full collections, which would stop the loop for 50 ms."""
    gc.collect()
    gc.freeze()


def data_server(service: Service) -> uvicorn.Server:
    """Return the server of the data plane, set up as it runs in production."""
    app = DataPlane(service)
    doorway = Doorway(service.settings.edge, app, service.edge_stats)
    return _server(
        app, service.settings.drain.grace, http=entrance(doorway, service.shortcut), lifespan="on"
    )


def _server(
    app: Any,  # noqa: ANN401 - uvicorn's own type
    grace: float,
    **options: Any,  # noqa: ANN401 - as above
) -> uvicorn.Server:
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
    return _Server(config)


def _announce(service: Service, data: socket.socket, admin: socket.socket | None) -> None:
    told = "off" if admin is None else _address(admin)
    upstream = ", ".join(service.settings.upstream.url)
    text = f"sidecache on {_address(data)} before {upstream}, admin {told}"
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for whoever started it


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's factory where there is a uvloop, None for asyncio's own."""
    try:
        import uvloop  # noqa: PLC0415 - it is not built for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop
