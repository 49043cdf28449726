"""The app: the only place where concrete things meet.

`Service` joins settings, rules, engine, store and upstream; `create_app` is the data plane as an
ASGI application, to be served alone or mounted in another one.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from io import FileIO
from pathlib import Path
from typing import cast

from fastapi import FastAPI
from prometheus_client.registry import Collector

from proxy import logs
from proxy.admin.api import create_admin
from proxy.admin.auth import Gate
from proxy.admin.collectors import EntriesCollector, LedgerCollector, SharedCollector
from proxy.admin.control import Control, Phase
from proxy.admin.method import PurgeMethod
from proxy.admin.metrics import render
from proxy.admin.upstream_metrics import UpstreamCollector
from proxy.edge.access import AccessLog
from proxy.edge.asgi import Door
from proxy.edge.requests import Receive, Scope, Send
from proxy.engine.corridor import Corridor
from proxy.engine.fleet import Fleet
from proxy.engine.ports import SystemClock
from proxy.engine.purging import Purging
from proxy.engine.refreshing import Refreshing
from proxy.engine.shelf import Shelf
from proxy.engine.snapshot import Snapshot
from proxy.engine.stats import Stats
from proxy.settings import CONFIG_VARIABLE, Settings, load, ruleset, shown, tokens
from proxy.stores import Stores
from proxy.upstream.gateway import Gateway
from proxy.upstreams import upstream


class Service:
    """One running proxy: data plane `data`, control plane `admin`, engine `corridor`.

    `address` is where clients reach it. `start` needs a running loop; `aclose` ends background
    work and connections. Raises `ConfigError` where a token or a secret is missing.
    """

    def __init__(
        self,
        settings: Settings,
        config_name: str,
        environ: Mapping[str, str] = os.environ,
        address: str = "",
    ) -> None:
        self.settings = settings
        self.stats = Stats()
        self.phase = Phase.STARTING
        self._clock = SystemClock()
        self._writer = logs.LineWriter(_standard_output(), self.stats)
        self.stores = Stores(settings, self._clock, environ, address or str(settings.listen))
        self._upstream = upstream(settings.upstream)
        self.purging = Purging(self.stores.ledger, self.stores.log, self._clock, self.stats)
        self.corridor = self._corridor(config_name)
        Refreshing(self.corridor, self.stores.near)
        control = self._control()
        gate = Gate(tokens(settings, environ), self._clock.now)
        access = AccessLog(self._writer.write, settings.log.access)
        purge = PurgeMethod(control, gate) if settings.purge_method else None
        self.data = Door(self.corridor, self.stats, access, purge)
        self.admin: FastAPI = create_admin(control, gate)

    def _corridor(self, config_name: str) -> Corridor:
        settings, stores = self.settings, self.stores
        snapshot = Snapshot(
            ruleset(settings, config_name),
            name=settings.cache_status.name,
            show_key=settings.cache_status.key,
            trusted_peers=tuple(settings.trusted_peers),
        )
        shelf = Shelf(stores.near, stores.ledger, stores.far, stores.log)
        fleet = Fleet(shelf, self._clock, stores.leases)
        return Corridor(snapshot, fleet, self.purging, self._upstream, self._clock)

    def _control(self) -> Control:
        stores, far = self.stores, self.stores.far
        return Control(
            corridor=self.corridor,
            purging=self.purging,
            ledger=stores.ledger,
            memory=stores.near,
            stats=self.stats,
            replicas=stores.log.replicas,
            now=self._clock.now,
            phase=lambda: self.phase,
            metrics=partial(render, self.stats, stores.near, *self._collectors()),
            config=cast("Mapping[str, object]", shown(self.settings)),
            shared=None if far is None else lambda digest: far.get(digest, lambda _: True),
        )

    def _collectors(self) -> Iterator[Collector]:
        yield LedgerCollector(self.stores.ledger, self._clock.now)
        if isinstance(self._upstream, Gateway):
            transport = self._upstream.transport
            yield UpstreamCollector(transport.stats, transport.members.states)
        if (shared := self.stores.shared) is not None:
            yield SharedCollector(shared.link, shared.log)
            yield EntriesCollector(shared.entries.stats)

    def start(self) -> None:
        """Begin to work in the background, and take requests."""
        self.stores.start()
        if isinstance(self._upstream, Gateway):
            self._upstream.start()
        self.phase = Phase.READY

    def log_to_stdout(self) -> None:
        """Send the process's log records where the access lines go."""
        logs.install(self._writer, self.settings.log.level)

    async def aclose(self) -> None:
        """End background work, give up connections, write the last log line."""
        self.phase = Phase.DRAINING
        await self.corridor.tasks.aclose()
        await self.purging.aclose()
        await self.stores.aclose()
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
        self._service.start()
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
