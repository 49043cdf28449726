"""Flights: one leader fetches, many followers share what lands.

A flight is a fetch under way, detached from the client that started it: if that client leaves
while others wait, it goes on. It lands in one of five ways, and what each means for whoever
waited is decided in one place, the corridor. This module must not know how anything is fetched.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine, Hashable
from typing import Any

from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry
from proxy.engine.feed import Feed, Reader
from proxy.engine.journey import current
from proxy.engine.ports import Held, Inbound
from proxy.engine.purge import Born
from proxy.engine.recoding import RecodedFeed
from proxy.errors import SidecacheError, UpstreamBroken
from proxy.http.codings import Coding
from proxy.http.message import Head
from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.rules.keys import Key
from proxy.rules.labels import Labels
from proxy.values import valueclass

MARKERS = 10_000
DECLINES = 1_000


@valueclass(frozen=True, slots=True)
class Landed:
    """A response that is being kept: whoever matches it reads along the flight's feed."""

    head: Head
    stored: Stored
    length: int | None
    labels: Labels


@valueclass(frozen=True, slots=True)
class Validated:
    """The stored response was confirmed; `storing` says whether, and why, it stays."""

    head: Head
    entry: Entry
    storing: Reason


@valueclass(frozen=True, slots=True)
class Unshareable:
    """A response for the leader alone, and why it is not kept."""

    head: Head
    inbound: Inbound
    reason: Reason


@valueclass(frozen=True, slots=True)
class Failed:
    """No response: the error that stood in its way."""

    error: SidecacheError


@valueclass(frozen=True, slots=True)
class Elsewhere:
    """Not fetched here: it is on the shelf, from another replica, or each has to go alone."""


@valueclass(frozen=True, slots=True)
class Declined:
    """Why the latest answer under a key was not kept, when that was, and on which host.

    `at` is by the engine's clock.
    """

    reason: Reason
    at: float
    authority: bytes


Landing = Landed | Validated | Unshareable | Failed | Elsewhere


class Flight:
    """One fetch and those who wait for it.

    `born` is where the ledger stood at its start, `departed` when that was; `lease` is what keeps
    the other replicas from fetching the same, as long as it is held. `lasting` is one that goes on
    though nobody waits: a write may take place anyway, and what came of it has to be known.
    `recodings` are its feed in other codings, `kept` the entry that has come of it, and `home` is
    where that lies. `journey` is what is noted of the request that began it.
    """

    def __init__(
        self, born: Born, departed: float, *, attended: bool = True, lasting: bool = False
    ) -> None:
        self.born = born
        self.departed = departed
        self.shared = False
        self._lasting = lasting
        self.lease: Held | None = None
        self.feed = Feed()
        self.recodings: dict[Coding, RecodedFeed] = {}
        self.kept: Entry | None = None
        self.home: Key | None = None
        self.landed: Landing | None = None
        """How the fetch came out; None while it is under way."""
        self._loop = asyncio.get_running_loop()
        self._waiting: list[asyncio.Future[Landing]] = []
        self._task: asyncio.Task[None] | None = None
        self._carried: Coroutine[Any, Any, None] | None = None
        self.attended = attended
        self.journey = current()

    def carry(self, fetch: Coroutine[Any, Any, None]) -> None:
        """Leave the fetch to whoever waits first, in its own task."""
        self._carried = fetch

    def depart(self, fetch: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        """Start the fetch as a task of its own."""
        self._task = self._loop.create_task(fetch)
        self._task.add_done_callback(lambda _: self._give_up())
        return self._task

    async def land(self, landing: Landing) -> None:
        """Tell everyone how the fetch came out; what no leader will take is closed."""
        self._tell(landing)
        if isinstance(landing, Unshareable) and not self.attended:
            await landing.inbound.aclose()

    @property
    def detached(self) -> bool:
        """Whether the fetch has a task of its own."""
        return self._task is not None

    @property
    def open(self) -> bool:
        """Whether a newcomer can still read all that this flight brings."""
        if self.landed is None:
            return True
        growing = self.feed.keeping and not self.feed.finished
        return isinstance(self.landed, Landed) and growing

    async def wait(self) -> Landing:
        """Wait for the landing without taking the fetch along when the waiter leaves."""
        carried, self._carried = self._carried, None
        if carried is not None:
            await carried
        if self.landed is not None:
            return self.landed
        waiter: asyncio.Future[Landing] = self._loop.create_future()
        self._waiting.append(waiter)
        return await waiter

    async def leave(self, ticket: Reader, *, leading: bool) -> None:
        """Someone's client has left: go on for the others, or stop where there are none."""
        await ticket.aclose()
        landing = self.landed
        if leading:
            self.attended = False
            if isinstance(landing, Unshareable):
                await landing.inbound.aclose()
        if self._task is None or self._lasting:
            return
        if landing is None and not self.feed.read:
            self._task.cancel()
            self._give_up()

    def _give_up(self) -> None:
        """End every wait for a fetch that was stopped; nobody joins it any more."""
        self._tell(Failed(UpstreamBroken("the fetch was given up")))

    def _tell(self, landing: Landing) -> None:
        """Wake all who wait; only the first landing counts."""
        if self.landed is not None:
            return
        self.landed = landing
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():  # its owner's client has left
                waiter.set_result(landing)


class Flights:
    """The fetches under way, one a key, and the keys whose answers proved unshareable, and why."""

    def __init__(self, markers: int = MARKERS, declines: int = DECLINES) -> None:
        self._flights: dict[Hashable, Flight] = {}
        self._passes: OrderedDict[Hashable, float] = OrderedDict()
        self._declined: OrderedDict[bytes, Declined] = OrderedDict()
        self._markers = markers
        self._declines = declines

    def __len__(self) -> int:
        return len(self._flights)

    def under_way(self, key: Hashable) -> Flight | None:
        """Return the flight for a key that can still be joined, if there is one."""
        flight = self._flights.get(key)
        return flight if flight is not None and flight.open else None

    def lead(self, key: Hashable, flight: Flight) -> None:
        """Let others join this flight; it takes the place of one that is closed to them."""
        flight.shared = True
        self._flights[key] = flight

    def close(self, key: Hashable, flight: Flight) -> None:
        """Nobody joins this flight any more."""
        if self._flights.get(key) is flight:
            del self._flights[key]

    def mark(self, key: Hashable, until: float) -> None:
        """Remember that what comes under a key is unshareable: do not queue (hit-for-pass)."""
        self._passes[key] = until
        self._passes.move_to_end(key)
        if len(self._passes) > self._markers:
            self._passes.popitem(last=False)

    def unmark(self, key: Hashable) -> None:
        """Forget a mark: what came under the key was kept."""
        self._passes.pop(key, None)

    def marked(self, key: Hashable, now: float) -> bool:
        """Tell whether a mark is in force."""
        return self._passes.get(key, 0.0) > now

    def note(self, boarded: Boarded, landing: Landing, now: float) -> None:
        """Remember why what came for a GET was not kept, until something is: operators ask."""
        digest, request = boarded.key.digest, boarded.outbound
        if request.method != "GET":
            return
        if isinstance(landing, Landed | Validated):
            self._declined.pop(digest, None)
        elif isinstance(landing, Unshareable) and landing.reason is not Reason.BYPASSED:
            self._declined[digest] = Declined(landing.reason, now, request.authority)
            self._declined.move_to_end(digest)
            if len(self._declined) > self._declines:
                self._declined.popitem(last=False)

    def declined(self, digest: bytes) -> Declined | None:
        """Return why the latest answer under a key was not kept, None where it was."""
        return self._declined.get(digest)

    def declines(self) -> tuple[Declined, ...]:
        """Return what is remembered of all keys, the oldest first."""
        return tuple(self._declined.values())
