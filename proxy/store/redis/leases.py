"""Leases: which replica fetches what, agreed on in Redis.

A lease is a token under a key with a short life, renewed by its holder. Whoever ends or turns it
shows the token, so that nobody touches a lease that has passed to another. What is fetched is not
known here.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from itertools import islice
from secrets import token_hex
from time import monotonic
from typing import Final

from proxy.engine.ports import Adrift, Claim, Held, Passing, Taken
from proxy.engine.tasks import Tasks
from proxy.errors import StoreError
from proxy.store.redis.clock import SharedClock
from proxy.store.redis.keyspace import Keyspace
from proxy.store.redis.link import Link
from proxy.store.redis.scripts import Argument, Script
from proxy.store.redis.writes import Writes
from proxy.values import valueclass

log = logging.getLogger("sidecache.store")

LIFE_MS: Final = 2_000
"""How long the others wait for a holder that has died."""

RENEWAL_SECONDS: Final = 0.6
"""So that two renewals may be lost."""

LONGEST_SECONDS: Final = 300.0
"""For how long a lease is renewed: whatever takes longer is not worth waiting for."""

GROUP: Final = 32
"""Leases that are renewed in one round trip."""

WRITERS: Final = 2
"""Leases that are ended at a time: the entries are written on the same connections."""

_GRANTED: Final = 1
_UNGRANTED: Final[dict[int, Claim]] = {0: Taken(), 2: Passing()}
"""What `claim.lua` answers, but for a lease."""

_CLAIM, _RENEW, _END, _MARK = map(Script, ("claim", "renew", "end", "mark"))


@valueclass(frozen=True, slots=True)
class _Renewed:
    """A lease that is being renewed, and since when it is held."""

    digest: bytes
    since: float


class RedisLeases:
    """The leases of one replica; while Redis is out of reach it is on its own."""

    def __init__(self, link: Link, namespace: str, shared: SharedClock) -> None:
        self._link = link
        self._keys = Keyspace(namespace)
        self._shared = shared
        self._held: dict[bytes, _Renewed] = {}
        self._unended: dict[bytes, _Renewed] = {}
        self._writes = Writes(writers=WRITERS)
        self._tasks = Tasks()

    def __len__(self) -> int:
        """Return the number of leases that are being renewed."""
        return len(self._held)

    def start(self) -> None:
        """Begin to renew what is held."""
        self._tasks.hold(asyncio.create_task(self._renew_all()))

    async def aclose(self) -> None:
        """Give everything back."""
        await self._tasks.aclose()
        for token, held in tuple(self._held.items()):
            self.release(held.digest, Held(token))
        await self._writes.aclose()

    async def claim(self, digest: bytes) -> Claim:
        """See `Leases.claim`."""
        if self._shared.offset is None or not self._link.usable:
            return Adrift()
        token = token_hex(16).encode()  # hexadecimal never looks like the mark
        keys = (self._keys.lease(digest), self._keys.primary(digest))
        try:
            answer, stored = await self._link.call(
                lambda client: _CLAIM.run(client, keys, (token, LIFE_MS))
            )
        except StoreError:
            self._give_up(digest, token)
            return Adrift()
        except asyncio.CancelledError:
            self._give_up(digest, token)
            raise
        if answer != _GRANTED:
            return _UNGRANTED[answer]
        self._held[token] = _Renewed(digest, monotonic())
        return Held(token, stored=bool(stored))

    def entrust(self, lease: Held) -> None:
        """Renew a lease no longer: what ends it is under way."""
        self._held.pop(lease.token, None)

    def release(self, digest: bytes, lease: Held) -> None:
        """See `Leases.release`."""
        self._begin(digest, lease, _END)

    def mark(self, digest: bytes, lease: Held, seconds: float) -> None:
        """See `Leases.mark`."""
        self._begin(digest, lease, _MARK, max(1, round(seconds * 1_000)))

    def _begin(self, digest: bytes, lease: Held, script: Script, *args: Argument) -> None:
        self.entrust(lease)
        self._writes.begin(digest, 0, partial(self._try, script, digest, lease.token, *args))

    def _give_up(self, digest: bytes, token: bytes) -> None:
        """End what may have been granted, or may be yet: a claim can be overtaken by its end."""
        self._unended[token] = _Renewed(digest, monotonic())
        self.release(digest, Held(token))

    async def _try(self, script: Script, digest: bytes, token: bytes, *args: Argument) -> None:
        keys = (self._keys.lease(digest),)
        try:
            await self._link.call(lambda client: script.run(client, keys, (token, *args)))
        except StoreError:
            self._unended[token] = _Renewed(digest, monotonic())

    async def _renew_all(self) -> None:
        while True:
            await asyncio.sleep(RENEWAL_SECONDS)
            try:
                await self._end_again()
                await self._renew()
            except Exception:  # a bug may not let every lease lapse
                log.exception("leases cannot be renewed")

    async def _end_again(self) -> None:
        """End what could not be ended when it was to be; what has ended by itself is let go."""
        ended = await self._each(_END, self._unended)
        for token, held in tuple(self._unended.items()):
            if ended.get(token) or monotonic() - held.since > 2 * LIFE_MS / 1_000:
                self._unended.pop(token)

    async def _renew(self) -> None:
        """Renew what is held, and forget what has passed to another or is held for too long."""
        renewed = await self._each(_RENEW, self._held, LIFE_MS)
        for token, held in tuple(self._held.items()):
            if not renewed.get(token, True) or monotonic() - held.since > LONGEST_SECONDS:
                self._held.pop(token)

    async def _each(
        self, script: Script, leases: Mapping[bytes, _Renewed], *args: Argument
    ) -> dict[bytes, bool]:
        """Run a script on leases; return by token what it did, as far as that is known."""
        calls = {
            token: ((self._keys.lease(lease.digest),), (token, *args))
            for token, lease in leases.items()
        }
        told: dict[bytes, bool] = {}
        rest = iter(calls.items())
        while group := dict(islice(rest, GROUP)):
            with suppress(StoreError):
                replies = await self._link.call(partial(script.run_each, calls=group.values()))
                told |= zip(group, map(bool, replies), strict=True)
        return told
