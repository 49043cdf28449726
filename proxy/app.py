"""The app: the only place where concrete things meet.

`Service` joins settings, rules, engine, store and upstream; `create_app` is the data plane as an
ASGI application, to be served alone or mounted in another one.
"""

import os
import sys
from collections.abc import Mapping
from io import FileIO
from pathlib import Path

from fastapi import FastAPI

from proxy import logs
from proxy.admin.api import create_admin
from proxy.admin.metrics import render
from proxy.edge.access import AccessLog
from proxy.edge.asgi import Door
from proxy.edge.requests import Receive, Scope, Send
from proxy.engine.corridor import Corridor
from proxy.engine.ledger import Ledger
from proxy.engine.ports import SystemClock
from proxy.engine.shelf import Shelf
from proxy.engine.snapshot import Snapshot
from proxy.engine.stats import Stats
from proxy.settings import CONFIG_VARIABLE, Settings, load, ruleset
from proxy.store.memory import MemoryStore
from proxy.upstream.httpx_pool import HttpxUpstream


class Service:
    """One running proxy: data plane `data`, control plane `admin`, engine `corridor`.

    `start` needs a running loop; `aclose` ends background work and connections.
    """

    def __init__(self, settings: Settings, config_name: str) -> None:
        self.settings = settings
        self.stats = Stats()
        self.ready = False
        self._writer = logs.LineWriter(_standard_output(), self.stats)
        self._memory = MemoryStore(
            settings.store.memory.max_bytes, settings.store.memory.max_object_share
        )
        self._upstream = HttpxUpstream(
            settings.upstream.url,
            max_connections=settings.upstream.max_connections,
            max_keepalive=settings.upstream.max_keepalive,
        )
        snapshot = Snapshot(
            ruleset(settings, config_name),
            name=settings.cache_status.name,
            show_key=settings.cache_status.key,
            trusted_peers=tuple(settings.trusted_peers),
        )
        shelf = Shelf(self._memory, Ledger())
        self.corridor = Corridor(snapshot, shelf, self._upstream, SystemClock())
        access = AccessLog(self._writer.write, settings.log.access)
        self.data = Door(self.corridor, self.stats, access)
        self.admin: FastAPI = create_admin(
            ready=lambda: self.ready, metrics=lambda: render(self.stats, self._memory)
        )

    def log_to_stdout(self) -> None:
        """Send the process's log records where the access lines go."""
        logs.install(self._writer, self.settings.log.level)

    async def aclose(self) -> None:
        """End background work, give up connections, write the last log line."""
        self.ready = False
        await self.corridor.tasks.aclose()
        await self._upstream.aclose()
        self._writer.close()


def _standard_output() -> FileIO:
    return FileIO(1, "w", closefd=False) if sys.__stdout__ else FileIO(os.devnull, "w")


class DataPlane:
    """The data plane with its lifespan: what a server or another application is given."""

    def __init__(self, service: Service) -> None:
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass requests on; start and end with the server."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await self._service.data(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        self._service.ready = True
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._service.aclose()
        await send({"type": "lifespan.shutdown.complete"})


def create_app(
    config: str | Path | None = None, overrides: Mapping[str, object] | None = None
) -> DataPlane:
    """Return the data plane; raises `ConfigError`.

    `config` is the YAML file, or the one that SIDECACHE_CONFIG names; every other setting can
    come from the environment as well, so `uvicorn --factory proxy.app:create_app` needs no file.
    """
    named = config or os.environ.get(CONFIG_VARIABLE)
    path = Path(named) if named else None
    settings = load(path, overrides or {}, os.environ)
    return DataPlane(Service(settings, str(path or "settings")))
