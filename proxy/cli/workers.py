"""Workers: what the processes of one proxy do, each of them and the one that started them.

All take clients of one port and operators of another. How processes are kept alive is the
supervisor's, how several answer as one is `proxy.workers.joined`'s.
"""

import asyncio
import socket
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from secrets import token_hex
from typing import Final

from proxy import logs
from proxy.app import Service
from proxy.cli.ending import Ending
from proxy.cli.listeners import Doors, bind, url_of
from proxy.cli.servers import (
    Server,
    admin_server,
    data_server,
    run_to_its_end,
    spare_the_collector,
)
from proxy.cli.shown import echo
from proxy.errors import ConfigError, SidecacheError
from proxy.identity import Identity
from proxy.reload import Source, Written, carried_over
from proxy.settings import Settings
from proxy.workers.counts import Counts
from proxy.workers.joined import Joined
from proxy.workers.orders import Listener, Order
from proxy.workers.peers import Door, Peers, bound
from proxy.workers.supervisor import Supervisor

_SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a folder of our own is made in it
"""Where a folder can be made though the root is read-only and nothing else is mounted."""


def together(settings: Settings, source: Written) -> int:
    """Run several workers until told to stop; return the exit status. Raises `ConfigError`."""
    with ExitStack() as held:
        folder = Path(held.enter_context(_private_folder()))
        data = Doors(settings.listen, "listen", settings.workers)
        held.callback(data.close)
        admin = None
        if settings.admin.listen is not None:
            admin = held.enter_context(bind(settings.admin.listen, "admin"))
        logs.install(logs.DirectWriter(), settings.log.level)
        crew = Crew(Latest(source, settings), source, folder, data, admin)
        spare_the_collector()
        return Supervisor(settings.workers, crew).run()


def _private_folder() -> "tempfile.TemporaryDirectory[str]":
    """Return a folder that is nobody else's, in which sockets can be made."""
    for parent in (None, _SHARED_MEMORY):
        with suppress(OSError), ExitStack() as undone:
            folder = tempfile.TemporaryDirectory(prefix="sidecache-", dir=parent)
            undone.callback(folder.cleanup)
            bound(Path(folder.name), 0).close()
            undone.pop_all()
            return folder
    raise ConfigError("workers: more than one need a folder for sockets; set TMPDIR to a short one")


class Latest:
    """The settings that were good last: what a worker begins with, whatever the file has become."""

    def __init__(self, source: Source, settings: Settings) -> None:
        self.settings = settings
        self._source = source
        self._seen = source.digest(settings)

    def look(self) -> None:
        """Take what has changed, if there is nothing wrong with it."""
        found = self._source.digest(self.settings)
        if found == self._seen:
            return
        self._seen = found
        with suppress(ConfigError):  # the workers say what is wrong
            self.settings = carried_over(self.settings, self._source.read().settings)


class Crew:
    """The workers' task; see `proxy.workers.supervisor.Task`."""

    def __init__(
        self,
        latest: Latest,
        source: Written,
        folder: Path,
        data: Doors,
        admin: socket.socket | None,
    ) -> None:
        self._latest = latest
        self._source = source
        self._folder = folder
        self._data = data
        self._admin = admin
        self._run = token_hex(4)
        self._begun = False

    def ready(self) -> None:
        """Tell whoever started it where it is."""
        self._begun = True
        settings = self._latest.settings
        told = "off" if self._admin is None else url_of(self._admin)
        upstream = ", ".join(settings.upstream.url)
        text = f"sidecache on {self._data.url} before {upstream}, admin {told}"
        print(f"{text}, {settings.workers} workers", file=sys.stderr, flush=True)  # noqa: T201 - as above

    def vacant(self, place: int) -> None:
        """Have clients go to the others meanwhile."""
        self._data.give_up(place)

    def filling(self, place: int) -> None:
        """Have clients come again."""
        with suppress(ConfigError):  # the worker fails in the same way, and says so
            self._data.at(place)

    def leaving(self) -> None:
        """Hold no listener any more: where the last worker closes its own, nobody is heard."""
        self._data.close()
        if self._admin is not None:
            self._admin.close()

    def tick(self) -> None:
        """Look at the settings."""
        self._latest.look()

    def work(self, place: int, channel: socket.socket) -> int:
        """Be a worker until told to end."""
        own = Identity(self._data.url, f"{self._run}-{place}", place)
        settings = self._latest.settings
        try:
            data = self._data.keep(place)
            service = Service(settings, self._source.name, own=own, source=self._source)
        except SidecacheError as error:
            echo(str(error), err=True)
            return 1
        service.log_to_stdout()
        run_to_its_end(self._serve(service, place, data, channel))
        return 0

    async def _serve(
        self, service: Service, place: int, data: socket.socket, channel: socket.socket
    ) -> None:
        """Serve clients, operators and the other workers until told to go."""
        doors = [(data_server(service), data), *self._doors(service, place)]
        servers = [server for server, _ in doors]
        ending = Ending(servers[0], servers[1:], service.leave, service.settings.drain.delay)
        reload_soon = service.reloader.reload_soon
        orders = Listener(
            channel,
            {Order.END: ending.begin, Order.NOW: ending.now, Order.RELOAD: reload_soon},
        )
        serving = [asyncio.ensure_future(server.serve([door])) for server, door in doors]
        spare_the_collector()
        starting = asyncio.ensure_future(_started(servers, orders))
        if self._begun:  # what was good last may have been followed by what is not
            reload_soon()
        await ending.served(serving)
        await starting

    def _doors(self, service: Service, place: int) -> Iterator[tuple[Server, socket.socket]]:
        """Yield the servers of other workers and of operators, with their listeners."""
        counts = Counts(self._folder, place, service.metrics)
        yield admin_server(Door(service.admin, counts)), bound(self._folder, place)
        if self._admin is not None:
            peers = Peers(self._folder, service.settings.workers)
            yield admin_server(Joined(service.admin, peers, self._folder)), self._admin


async def _started(servers: Sequence[Server], orders: Listener) -> None:
    """Tell the supervisor as soon as all servers listen."""
    for server in servers:
        await server.listening.wait()
    orders.ready()
