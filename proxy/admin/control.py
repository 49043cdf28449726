"""Control: what the admin side is handed of one running proxy, and nothing else of it.

Engine values and small ports; this module must not know HTTP, FastAPI or settings.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from proxy.engine.answer import Answer
from proxy.engine.entry import Entry
from proxy.engine.flights import Declined
from proxy.engine.history import History
from proxy.engine.ledger import Ledger
from proxy.engine.ports import Replica
from proxy.engine.purge import Purge
from proxy.engine.purging import Source, Wait
from proxy.engine.receipts import Receipt
from proxy.engine.snapshot import Snapshot
from proxy.engine.stats import Histogram, Occupancy, Stats
from proxy.engine.visit import Visit
from proxy.http.message import Request


class Phase(Enum):
    """Where a proxy stands in its life."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"


class Quarantine(Protocol):
    """Rules that are out of use; see `proxy.engine.quarantine`."""

    def end(self, name: str, by: str) -> bool:
        """Put a rule back into use, as an operator says; False where it is not out of use."""


class Flights(Protocol):
    """What fetches have brought lately; see `proxy.engine.flights`."""

    def declined(self, digest: bytes) -> Declined | None:
        """Return why the latest answer under a key was not kept, None where it was."""

    def declines(self) -> tuple[Declined, ...]:
        """Return the same of all keys of which it is known."""


class Corridor(Protocol):
    """The engine's front; see `proxy.engine.corridor`."""

    snapshot: Snapshot

    @property
    def flights(self) -> Flights:
        """The fetches."""

    @property
    def quarantine(self) -> Quarantine:
        """The rules that are out of use."""

    def visit(self, request: Request) -> Visit:
        """Judge a request; raises `RequestError` where it cannot be taken."""

    async def answer(self, visit: Visit, body: AsyncIterator[bytes] | None = None) -> Answer:
        """Answer a judged request, asking the upstream where the store cannot."""


class Purging(Protocol):
    """Purges with their receipts; see `proxy.engine.purging`."""

    async def purge(
        self, purge: Purge, wait: Wait, within: float, source: Source = Source.ADMIN
    ) -> Receipt:
        """Record a purge and wait for it; raises `StoreError` where it holds here alone."""

    async def receipt(self, name: str) -> Receipt | None:
        """Return a receipt as it stands now; raises `StoreError`."""

    def receipts(self, limit: int) -> tuple[Receipt, ...]:
        """Return the latest receipts."""


class Memory(Occupancy, Protocol):
    """The memory tier, as far as it can be looked at."""

    def peek(self, digest: bytes) -> tuple[Entry, ...]:
        """Return what is held under a digest without counting it as a use."""

    def items(self, start: int = 0) -> Iterator[tuple[bytes, tuple[Entry, ...]]]:
        """Yield digests and entries from a place in the store's order; it may change meanwhile."""


class Outcome(Enum):
    """What became of settings that were read anew."""

    APPLIED = "applied"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What became of settings that were read anew, and which are in force now.

    `errors` has a line for each problem, `restart` the names of what only a restart can change.
    """

    outcome: Outcome
    generation: int
    errors: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()


class Calls(Protocol):
    """What is counted of the calls to the shared store."""

    operations: int
    failures: Counter[str]
    spared: int
    latency: Histogram


class Link(Protocol):
    """The way to the shared store."""

    @property
    def stats(self) -> Calls:
        """The counters."""

    @property
    def usable(self) -> bool:
        """Whether a call would be made now."""


class Log(Protocol):
    """The log of purges in the shared store."""

    reconnects: int
    latency: Histogram

    @property
    def applied(self) -> int:
        """How many records were applied here."""

    @property
    def rebases(self) -> int:
        """How often the ledger had to begin anew."""

    @property
    def present(self) -> int:
        """How many replicas follow it, as it last told; 0 before it was heard."""

    @property
    def untold(self) -> int:
        """How many purges wait to be told to the log."""


@dataclass(frozen=True, slots=True)
class Redis:
    """The shared store: the way to it, and the log of purges in it."""

    link: Link
    log: Log


@dataclass(frozen=True, slots=True)
class Control:
    """One running proxy in the hands of its operators.

    `replicas` raises `StoreError`; `shared` returns what the tier of all replicas holds under a
    digest; it and `redis` are None where there is no such tier. `now` is the engine's clock,
    `phase`, `metrics` and `config`, which holds no secret, are asked anew each time; `reload` has
    the settings read anew. `worker` is its number among the processes of one proxy.
    """

    corridor: Corridor
    purging: Purging
    ledger: Ledger
    memory: Memory
    stats: Stats
    history: History
    replicas: Callable[[], Awaitable[tuple[Replica, ...]]]
    now: Callable[[], float]
    phase: Callable[[], Phase]
    metrics: Callable[[], bytes]
    config: Callable[[], Mapping[str, Any]]
    reload: Callable[[], Awaitable[Reloaded]]
    shared: Callable[[bytes], Awaitable[tuple[Entry, ...]]] | None = None
    redis: Redis | None = None
    worker: int = 0
