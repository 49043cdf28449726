"""`sidecache serve`: run the proxy and its admin listener until told to stop."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import ExitStack, suppress
from pathlib import Path

import click

from proxy.app import Service
from proxy.cli.ending import Ending
from proxy.cli.listeners import bind, url_of
from proxy.cli.options import config_option
from proxy.cli.servers import admin_server, data_server, run_to_its_end, spare_the_collector
from proxy.cli.workers import together
from proxy.identity import Identity
from proxy.reload import Written
from proxy.settings import Settings, load


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
    help="Worker processes [1]; more than one need --redis.",
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
    if settings.workers == 1:
        _alone(settings, source)
    else:
        sys.exit(together(settings, source))


def _alone(settings: Settings, source: Written) -> None:
    """Serve in this process."""
    with ExitStack() as listeners:
        data = listeners.enter_context(bind(settings.listen, "listen"))
        admin = None
        if settings.admin.listen is not None:
            admin = listeners.enter_context(bind(settings.admin.listen, "admin"))
        service = Service(settings, source.name, own=Identity(url_of(data)), source=source)
        service.log_to_stdout()
        run_to_its_end(_run(service, data, admin))


def _raise_file_limit() -> None:
    """Let the process open as many files as it may: each connection is one, or two on a miss."""
    with suppress(ImportError, OSError, ValueError):  # what cannot be raised stays as it is
        import resource  # noqa: PLC0415 - it is not built for every platform

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _run(service: Service, data: socket.socket, admin: socket.socket | None) -> None:
    """Serve both listeners until told to go: by SIGTERM in peace, by SIGINT at once.

    SIGHUP has the settings read anew; SIGUSR1 has it leave, and go on until it is told to go.
    """
    server, operators = data_server(service), []
    serving = [asyncio.ensure_future(server.serve([data]))]
    if admin is not None:
        operators.append(admin_server(service.admin))
        serving.append(asyncio.ensure_future(operators[0].serve([admin])))
    ending = Ending(server, operators, service.leave, service.settings.drain.delay)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ending.begin)
    loop.add_signal_handler(signal.SIGINT, ending.now)
    loop.add_signal_handler(signal.SIGUSR1, ending.leave)
    loop.add_signal_handler(signal.SIGHUP, service.reloader.reload_soon)
    spare_the_collector()
    _announce(service, data, admin)
    await ending.served(serving)


def _announce(service: Service, data: socket.socket, admin: socket.socket | None) -> None:
    told = "off" if admin is None else url_of(admin)
    upstream = ", ".join(service.settings.upstream.url)
    text = f"sidecache on {url_of(data)} before {upstream}, admin {told}"
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - for whoever started it
