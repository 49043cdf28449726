"""The app: the only place where concrete things meet.

`Service` joins settings, rules, engine, store and upstream; `create_app` is the data plane as an
ASGI application, to be served alone or mounted in another one.
"""

import asyncio
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from io import FileIO
from pathlib import Path
from typing import Final, cast

from fastapi import FastAPI
from prometheus_client.registry import Collector

from proxy import extras, logs, traces
from proxy.admin.api import create_admin
from proxy.admin.auth import Gate
from proxy.admin.collectors import (
    AddressesCollector,
    DeclaredCollector,
    LedgerCollector,
    QuarantineCollector,
    ReloadCollector,
    SharedCollector,
)
from proxy.admin.control import Control, Phase, Redis
from proxy.admin.method import PurgeMethod
from proxy.admin.metrics import render
from proxy.coding.coder import PooledCoder
from proxy.edge.access import AccessLog, Logged
from proxy.edge.asgi import Door
from proxy.edge.journeys import Journeys, ServerTiming
from proxy.edge.requests import Receive, Scope, Send
from proxy.edge.shortcut import Shortcut
from proxy.edge.stats import EdgeStats
from proxy.engine.corridor import Corridor
from proxy.engine.fleet import Fleet
from proxy.engine.history import INTERVAL, History
from proxy.engine.observed import ObservedTunnels, ObservedUpstream
from proxy.engine.ports import Tunnels, World
from proxy.engine.purging import Purging
from proxy.engine.recall import Recall
from proxy.engine.refreshing import Refreshing
from proxy.engine.shelf import Shelf
from proxy.engine.snapshot import Snapshot
from proxy.engine.stats import Stats
from proxy.engine.systemclock import SystemClock
from proxy.engine.tasks import Tasks
from proxy.engine.tunnelling import Tunnelling
from proxy.identity import Identity
from proxy.reload import Given, Plan, Reloader, Source, Written
from proxy.settings import CONFIG_VARIABLE, Settings, load, ruleset, shown
from proxy.stores import Stores
from proxy.tokens import tokens
from proxy.upstream.gateway import Gateway
from proxy.upstreams import upstream
from proxy.workers.shares import share

_RECALL_SHARE: Final = 8
"""The part of the store's bytes that is given to recall, on top of them."""


class Service:
    """One running proxy: data plane `data`, control plane `admin`, engine `corridor`.

    `own` is how other replicas know it. `start` needs a running loop; `aclose` ends background
    work and connections. Raises `ConfigError` where a token or a secret is missing.
    """

    def __init__(
        self,
        settings: Settings,
        config_name: str,
        environ: Mapping[str, str] = os.environ,
        own: Identity | None = None,
        source: Source | None = None,
    ) -> None:
        extras.check(settings)
        source = source or Given(settings, config_name, environ)
        plan = Plan(settings, ruleset(settings, config_name), tokens(settings, environ))
        self.settings = settings
        self.stats = Stats()
        self.edge_stats = EdgeStats()
        self.phase = Phase.STARTING
        self._logs_installed = False
        self._clock = SystemClock()
        self._tasks = Tasks()
        self.history = History(self.stats, self._clock.now())
        self._writer = logs.LineWriter(_standard_output(), self.stats)
        self._own = own = own or Identity(str(settings.listen))
        self.stores = Stores(settings, self._clock, environ, own)
        self._upstream = upstream(settings.upstream, settings.workers)
        self._tracer = traces.tracer(settings, environ)
        self.coder = PooledCoder()
        self.purging = Purging(self.stores.ledger, self.stores.log, self._clock, self.stats)
        self.reloader = Reloader(source, settings, self._put_in_force)
        self.corridor = self._corridor(_snapshot(plan))
        memory = share(settings.store.memory.max_bytes, settings.workers) // _RECALL_SHARE
        self._recall = Recall(self.corridor, self.stores.near, self._clock, memory)
        Refreshing(self.corridor, self.stores.near)
        self.metrics = partial(render, self.stats, self.stores.near, *self._collectors())
        self._gate = Gate(plan.tokens, self._clock.now)
        self._access = AccessLog(self._writer.write, settings.log.access)
        self._purge_method = PurgeMethod(self._control, self._gate)
        self.shortcut = Shortcut(self._recall, self._clock, self.stats, tracer=self._tracer)
        self._journeys = Journeys(self._trusts, self._tracer)
        self.data = Door(
            *(self.corridor, self.stats, self._access, self._journeys),
            edge=settings.edge,
            tunnelling=self._tunnelling(),
            shortcut=self.shortcut,
        )
        self._put_in_force(plan)

    def _put_in_force(self, plan: Plan) -> None:
        """Let all that begins from now on go by a plan; what is under way goes on as it began."""
        before, settings = self.settings, plan.settings
        self.settings, snapshot = settings, _snapshot(plan)
        if (settings.rules, settings.mode) == (before.rules, before.mode):
            quarantined = self.corridor.snapshot.quarantined  # nobody has mended them
            snapshot = replace(snapshot, quarantined=quarantined)
        else:
            self.stats.rules.clear()
        self.corridor.snapshot = snapshot
        self._gate.renew(plan.tokens)
        self._access.logged = settings.log.access
        self._journeys.timing = settings.server_timing
        self.shortcut.open = _may_be_short(settings) and not self.data.leaving
        self.data.purge_method = self._purge_method if settings.purge_method else None
        if self._logs_installed:
            logs.set_level(settings.log.level)

    def _corridor(self, snapshot: Snapshot) -> Corridor:
        stores = self.stores
        shelf = Shelf(stores.near, stores.ledger, stores.far, stores.log)
        fleet = Fleet(shelf, self._clock, stores.leases)
        observed = ObservedUpstream(self._upstream, self._clock)
        world = World(observed, self.coder, self._clock)
        return Corridor(snapshot, fleet, self.purging, world, self.stats)

    def _trusts(self, peer: str | None) -> bool:
        return self.corridor.snapshot.trusts(peer)

    def _tunnelling(self) -> Tunnelling | None:
        way: object = self._upstream
        if not isinstance(way, Tunnels):
            return None
        return Tunnelling(ObservedTunnels(way, self._clock), self._clock)

    @cached_property
    def admin(self) -> FastAPI:
        """The control plane; its routes are made when it is first asked for, if ever."""
        return create_admin(self._control, self._gate)

    @cached_property
    def _control(self) -> Control:
        stores, far = self.stores, self.stores.far
        return Control(
            corridor=self.corridor,
            purging=self.purging,
            ledger=stores.ledger,
            memory=stores.near,
            stats=self.stats,
            history=self.history,
            replicas=stores.log.replicas,
            now=self._clock.now,
            phase=lambda: self.phase,
            metrics=self.metrics,
            config=lambda: cast("Mapping[str, object]", shown(self.settings)),
            reload=self.reloader.reload,
            shared=None if far is None else lambda digest: far.get(digest, lambda _: True),
            redis=None if stores.shared is None else Redis(stores.shared.link, stores.shared.log),
            worker=self._own.worker,
        )

    def _collectors(self) -> Iterator[Collector]:
        yield LedgerCollector(self.stores.ledger, self._clock.now)
        yield QuarantineCollector(lambda: self.corridor.snapshot.quarantined)
        yield DeclaredCollector("edge", self.edge_stats)
        yield DeclaredCollector("recall", self._recall.stats)
        yield DeclaredCollector("coding", self.coder.stats)
        yield ReloadCollector(self.reloader)
        if isinstance(self._upstream, Gateway):
            dispatcher = self._upstream.dispatcher
            yield DeclaredCollector("upstream", dispatcher.stats)
            yield AddressesCollector(dispatcher.members.states)
        if (shared := self.stores.shared) is not None:
            yield SharedCollector(shared.link, shared.log)
            yield DeclaredCollector("shared", shared.entries.stats)

    def start(self) -> None:
        """Begin to work in the background, and take requests."""
        self.stores.start()
        self.reloader.start()
        self._tasks.hold(asyncio.create_task(self._tick()))
        if isinstance(self._upstream, Gateway):
            self._upstream.start()
        self.phase = Phase.READY

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(INTERVAL)
            self.history.tick(self._clock.now())

    def leave(self) -> None:
        """Be ready no more, and tell every client to come back elsewhere (9112 §9.6)."""
        self.phase = Phase.DRAINING
        self.data.leaving = True
        self.shortcut.open = False

    def log_to_stdout(self) -> None:
        """Send the process's log records where the access lines go."""
        logs.install(self._writer, self.settings.log.level)
        self._logs_installed = True

    async def aclose(self) -> None:
        """End background work, give up connections, write the last log line."""
        self.phase = Phase.DRAINING
        await self._tasks.aclose()
        await self.reloader.aclose()
        await self.corridor.tasks.aclose()
        await self.purging.aclose()
        await self.coder.aclose()
        await self.stores.aclose()
        await self._upstream.aclose()
        if self._tracer is not None:
            await self._tracer.aclose()
        self._writer.close()


def _snapshot(plan: Plan) -> Snapshot:
    settings = plan.settings
    return Snapshot(
        plan.ruleset,
        name=settings.cache_status.name,
        show_key=settings.cache_status.key,
        trusted_peers=tuple(settings.trusted_peers),
    )


def _may_be_short(settings: Settings) -> bool:
    """Tell whether answers may leave that nobody logs or measures."""
    logged = settings.log.access is Logged.ALL
    return not logged and settings.server_timing is not ServerTiming.ON


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
    source = Written(path, overrides or {}, os.environ)
    settings = load(path, overrides or {}, os.environ)
    return DataPlane(Service(settings, source.name, source=source))
