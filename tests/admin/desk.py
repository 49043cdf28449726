"""A desk for operators: the admin API over a real engine with a scripted upstream and log."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx

from proxy.admin.api import create_admin
from proxy.admin.auth import Gate, Role, Token
from proxy.admin.control import Control, Outcome, Phase, Redis, Reloaded
from proxy.cli.servers import admin_server
from proxy.engine.entry import Entry
from proxy.engine.history import History
from proxy.engine.ledger import Ledger
from proxy.engine.ports import Clock, Replica
from proxy.engine.purge import Facts, Place, Purge
from proxy.engine.stats import Histogram
from proxy.errors import StoreError
from proxy.rules.labels import Labels
from proxy.store.memory import MemoryStore
from tests.engine.scripted import Clock as SetClock
from tests.engine.scripted import Play

READ: Final = "reading-is-allowed"
PURGE: Final = "purging-is-allowed"
ADMIN: Final = "all-that-is-allowed"
TOKENS: Final = (
    Token.of("reader", Role.READ, READ),
    Token.of("ci", Role.PURGE, PURGE),
    Token.of("ops", Role.ADMIN, ADMIN),
)
OTHER: Final = Replica("pod-2", "10.0.0.2:8080", 0, 0.25, 0, b"epoch")


class ScriptedLog:
    """A purge log of this replica and of others that are where the test says they are."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self.others: tuple[Replica, ...] = ()
        self.reachable = True
        self.published: list[Purge] = []
        self._ledger = ledger
        self._clock = clock

    async def publish(self, purge: Purge) -> Place:
        self.published.append(purge)
        if not self.reachable:
            self._ledger.apply_alone(purge, self._clock.now())
            raise StoreError("nobody there")
        return Place(self._ledger.epoch, self._ledger.purge(purge, self._clock.now()))

    async def facts(self, labels: Labels) -> Facts | None:
        del labels
        return None

    async def replicas(self) -> tuple[Replica, ...]:
        if not self.reachable:
            raise StoreError("nobody there")
        own = Replica("pod-1", "10.0.0.1:8080", self._ledger.sequence, 0.0, 0, b"epoch")
        return (own, *self.others)

    def catch_up(self) -> None:
        """Have every other replica apply everything."""
        self.others = tuple(replace(r, applied=self._ledger.sequence) for r in self.others)


@dataclass
class Calls:
    operations: int = 7
    failures: Counter[str] = field(default_factory=lambda: Counter(timeout=2))
    spared: int = 3
    latency: Histogram = field(default_factory=Histogram)


@dataclass
class Link:
    stats: Calls = field(default_factory=Calls)
    usable: bool = False


@dataclass
class Log:
    reconnects: int = 1
    latency: Histogram = field(default_factory=Histogram)
    applied: int = 4
    rebases: int = 5
    untold: int = 6
    present: int = 8


@dataclass
class Desk:
    """One proxy and its admin API; `tokens` decides who may."""

    tokens: tuple[Token, ...] = TOKENS
    peer: str = "192.0.2.1"
    phase: Phase = Phase.READY
    reloaded: Reloaded = field(default_factory=lambda: Reloaded(Outcome.APPLIED, 2))
    shared: dict[bytes, tuple[Entry, ...]] | None = None
    redis: Redis | None = None
    clock: SetClock = field(default_factory=SetClock)
    memory: MemoryStore = field(default_factory=lambda: MemoryStore(1_000_000))

    def __post_init__(self) -> None:
        ledger = Ledger(b"epoch")
        self.log = ScriptedLog(ledger, self.clock)
        self.play = Play(near=self.memory, clock=self.clock, ledger=ledger, log=self.log)
        self.history = History(self.play.stats, self.clock.now())
        self.control = Control(
            corridor=self.play.corridor,
            purging=self.play.purging,
            ledger=ledger,
            memory=self.memory,
            stats=self.play.stats,
            history=self.history,
            replicas=self.log.replicas,
            now=self.clock.now,
            phase=lambda: self.phase,
            metrics=lambda: b"some 1\n",
            config=lambda: {"upstream": {"url": "http://api.test"}},
            reload=self.reload,
            shared=None if self.shared is None else self._look,
            redis=self.redis,
        )
        self.api = create_admin(self.control, Gate(self.tokens, self.clock.now))
        self.listener: Any = admin_server(self.api).config.app

    async def reload(self) -> Reloaded:
        return self.reloaded

    async def _look(self, digest: bytes) -> tuple[Entry, ...]:
        return (self.shared or {}).get(digest, ())

    @asynccontextmanager
    async def client(self, token: str | None = ADMIN) -> AsyncIterator[httpx.AsyncClient]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(
            self.listener, client=(self.peer, 1), raise_app_exceptions=False
        )
        async with httpx.AsyncClient(
            transport=transport, base_url="http://admin.test", headers=headers
        ) as client:
            yield client

    async def get(
        self,
        path: str,
        *,
        token: str | None = ADMIN,
        **options: Any,  # noqa: ANN401 - httpx's
    ) -> httpx.Response:
        async with self.client(token) as client:
            return await client.get(path, **options)

    async def post(
        self,
        path: str,
        *,
        token: str | None = ADMIN,
        **options: Any,  # noqa: ANN401 - httpx's
    ) -> httpx.Response:
        async with self.client(token) as client:
            return await client.post(path, **options)

    async def purge(self, **body: Any) -> httpx.Response:  # noqa: ANN401 - any JSON
        return await self.post("/v1/purge", json=body)


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Return status and detail of a problem, having seen that it is one."""
    assert answer.headers["content-type"] == "application/problem+json"
    document = answer.json()
    assert document["status"] == answer.status_code
    return answer.status_code, document["detail"]
