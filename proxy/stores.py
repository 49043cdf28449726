"""Stores: the tiers, the leases and the purge log of one proxy, made from the settings.

Memory alone, where the ledger is the log itself, or with Redis, which all replicas share. This
module must not know requests.
"""

from collections.abc import Mapping
from secrets import token_hex
from typing import TYPE_CHECKING

from proxy.engine.ledger import LEASE, Ledger
from proxy.engine.lonelog import LoneLog
from proxy.engine.ports import Clock, Far, Leases, PurgeLog
from proxy.identity import Identity
from proxy.settings import Settings
from proxy.store.memory import MemoryStore
from proxy.workers.shares import share

if TYPE_CHECKING:
    from proxy.shared import Shared


class Stores:
    """What a proxy keeps things in; `far`, `leases` and `shared` are None without Redis.

    `start` needs a running loop. Raises `ConfigError` where a secret is missing.
    """

    def __init__(
        self, settings: Settings, clock: Clock, environ: Mapping[str, str], own: Identity
    ) -> None:
        memory = settings.store.memory
        most = share(memory.max_bytes, settings.workers)
        self.near = MemoryStore(most, memory.max_object_share)
        self.far: Far | None = None
        self.leases: Leases | None = None
        self.shared: Shared | None = None
        redis = settings.store.redis
        if redis is None:
            self.ledger = Ledger(token_hex(16).encode())
            self.log: PurgeLog = LoneLog(self.ledger, clock, name=own.name, address=own.address)
            return
        self.ledger = Ledger(token_hex(16).encode(), max_unverified=redis.max_unverified)
        self.ledger.confirm(clock.now() - LEASE)  # what it fetches itself, until it has joined
        self.shared = _shared()(redis, self.ledger, clock, environ, own)
        self.far, self.leases = self.shared.entries, self.shared.leases
        self.log = self.shared.log

    def start(self) -> None:
        """Begin to connect, where there is something to connect to."""
        if self.shared is not None:
            self.shared.start()

    async def aclose(self) -> None:
        """Finish what is being written, and say good-bye to the other replicas."""
        if self.shared is not None:
            await self.shared.aclose()


def _shared() -> "type[Shared]":
    from proxy.shared import Shared  # noqa: PLC0415 - a client of Redis takes long to load

    return Shared
