"""Shared: all that one proxy has in Redis: answers, leases and the log of purges.

Loaded only where there is a Redis. This module must not know requests.
"""

from collections.abc import Mapping
from dataclasses import replace

from proxy.engine.ledger import Ledger
from proxy.engine.ports import Clock
from proxy.identity import Identity
from proxy.sections import RedisStore, TlsFiles
from proxy.store.redis.client import Tls
from proxy.store.redis.entries import RedisEntries
from proxy.store.redis.leases import RedisLeases
from proxy.store.redis.link import Link
from proxy.store.redis.log import RedisLog
from proxy.store.redis.url import Location
from proxy.tokens import secret


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
