"""Ports: what the engine needs from the world, each a few verbs wide.

`Near` is the memory tier, `Upstream` the API behind the proxy, `Clock` the time and chance. The
naive implementations are the reference: the contract suites run on them and on the real ones.
"""

import random
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from proxy.engine.entry import Entry
from proxy.http.message import Head, Request
from proxy.policy.terms import Timeouts


class Near(Protocol):
    """The tier that answers without waiting."""

    def get(self, digest: bytes) -> tuple[Entry, ...]:
        """Return the variants under a key's digest, none when it is unknown."""

    def put(self, digest: bytes, entries: tuple[Entry, ...]) -> None:
        """Replace the variants under a digest; it may keep fewer, or none."""

    def drop(self, digest: bytes) -> None:
        """Forget a digest."""


class NaiveNear:
    """A dict without bounds: what `Near` means, in three lines."""

    def __init__(self) -> None:
        self._entries: dict[bytes, tuple[Entry, ...]] = {}

    def get(self, digest: bytes) -> tuple[Entry, ...]:
        """See `Near.get`."""
        return self._entries.get(digest, ())

    def put(self, digest: bytes, entries: tuple[Entry, ...]) -> None:
        """See `Near.put`."""
        self._entries[digest] = entries

    def drop(self, digest: bytes) -> None:
        """See `Near.drop`."""
        self._entries.pop(digest, None)


@dataclass(frozen=True, slots=True)
class Outbound:
    """A request on its way to the upstream; `body` is read once, None when there is none.

    `repeatable` allows a second attempt where a kept-alive connection gave no byte (9110
    §9.2.2). A validation is not repeated: a lost connection is what stale answers are for.
    """

    request: Request
    body: AsyncIterator[bytes] | None
    timeouts: Timeouts
    repeatable: bool = False


class Inbound(Protocol):
    """A response on its way from the upstream: its final head, then its body as it comes."""

    head: Head

    def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body; raise `UpstreamError` where it breaks off. Read once."""

    async def aclose(self) -> None:
        """Give the connection back, or up, when the body has not been read to its end.

        May be called more than once. Seen through even when the caller is cancelled meanwhile.
        """


class Upstream(Protocol):
    """The API behind the proxy."""

    async def send(self, outbound: Outbound) -> Inbound:
        """Send a request and return the response once its head is here.

        Raises `UpstreamError` where there is none, `ClientGone` where the body broke off.
        """

    async def aclose(self) -> None:
        """Close every connection."""


class Clock(Protocol):
    """Time and chance."""

    def now(self) -> float:
        """Return seconds since the epoch, never going back."""

    def draw(self) -> float:
        """Return a random number in [0, 1)."""


class SystemClock:
    """The system's time as it was at the start, carried on by the monotonic clock.

    A step of the wall clock can thus neither revive nor kill what is stored.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """See `Clock.now`."""
        return self._offset + time.monotonic()

    def draw(self) -> float:
        """See `Clock.draw`."""
        return random.random()  # noqa: S311 - jitter, not secrecy
