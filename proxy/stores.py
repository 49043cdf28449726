"""Stores: the tiers, the leases and the purge log of one proxy, made from the settings.

Memory alone, where the ledger is the log itself, or with Redis, which all replicas share. This
module must not know requests.
"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from secrets import token_hex

from proxy.engine.ledger import LEASE, Ledger
from proxy.engine.lonelog import LoneLog
from proxy.engine.ports import Clock, Far, Leases, PurgeLog
from proxy.sections import RedisStore, TlsFiles
from proxy.settings import Settings
from proxy.store.memory import MemoryStore
from proxy.store.redis.client import Tls
from proxy.store.redis.entries import RedisEntries
from proxy.store.redis.leases import RedisLeases
from proxy.store.redis.link import Link
from proxy.store.redis.log import RedisLog
from proxy.store.redis.url import Location
from proxy.tokens import secret
from proxy.workers.shares import share


@dataclass(frozen=True, slots=True)
class Identity:
    """How other replicas know this one; `address` is where clients reach it.

    `place` is the name of a worker's place among several, in which there is one at a time.
    """

    address: str
    place: str = ""

    @property
    def name(self) -> str:
        """Its name, but for what makes it another one after a restart."""
        host = socket.gethostname()
        return f"{host}-{self.place}" if self.place else host


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
        self.shared = Shared(redis, self.ledger, clock, environ, own)
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


class Shared:
    """All that has to do with Redis: `link` for answers and leases, `log` for purges."""

    def __init__(
        self,
        settings: RedisStore,
        ledger: Ledger,
        clock: Clock,
        environ: Mapping[str, str],
        own: Identity,
    ) -> None:
        location, tls = _location(settings, environ), _tls(settings.tls)
        self.link = Link(location, settings.timeout, tls)
        self.log = RedisLog(
            *(location, settings.namespace, ledger, clock),
            name=own.name,
            address=own.address,
            tls=tls,
            heir=bool(own.place),
        )
        self.leases = RedisLeases(self.link, settings.namespace, self.log)
        self.entries = RedisEntries(
            self.link, settings.namespace, self.log, self.leases, settings.max_object
        )

    def start(self) -> None:
        """Begin to connect; it goes on until it succeeds."""
        self.link.start()
        self.log.start()
        self.leases.start()

    async def aclose(self) -> None:
        """End with nothing half written; the log goes last, when nothing is served any more."""
        await self.leases.aclose()
        await self.entries.aclose()
        await self.link.aclose()
        await self.log.aclose()


def _location(settings: RedisStore, environ: Mapping[str, str]) -> Location:
    if settings.password is None:
        return settings.url
    password = secret(settings.password, "store.redis.password", environ)
    return replace(settings.url, password=password)


def _tls(files: TlsFiles) -> Tls:
    return Tls(ca=files.ca, certificate=files.cert, key=files.key)
