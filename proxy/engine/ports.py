"""Ports: what the engine needs from the world, each a few verbs wide.

`Near` is the memory tier, `Far` the tier that all replicas share, `Leases` who of them fetches,
`PurgeLog` what has been purged; `Upstream` the API behind the proxy, `Coder` the content codings,
`Clock` the time and chance.
The plainest implementations, in `naive`, are the reference: the contract suites run on them and
on the real ones.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol, runtime_checkable

from proxy.engine.entry import Entry
from proxy.engine.purge import Facts, Place, Purge
from proxy.http.codings import Coding
from proxy.http.message import Head, Request
from proxy.policy.stored import Selecting
from proxy.policy.terms import Timeouts
from proxy.rules.labels import Labels
from proxy.values import valueclass


class Near(Protocol):
    """The tier that answers without waiting.

    What it returns equals what was put, and need not be the very same object.
    """

    def get(self, digest: bytes) -> tuple[Entry, ...]:
        """Return the variants under a key's digest, none when it is unknown."""

    def peek(self, digest: bytes) -> tuple[Entry, ...]:
        """Return the same, without counting it as a use."""

    def touch(self, digest: bytes) -> bool:
        """Count a use of what lies under a digest; tell whether anything does."""

    def __contains__(self, digest: bytes) -> bool:
        """Tell whether anything lies under a digest, without counting it as a use."""

    def put(self, digest: bytes, entries: tuple[Entry, ...]) -> None:
        """Replace the variants under a digest; it may keep fewer, or none."""

    def drop(self, digest: bytes) -> None:
        """Forget a digest."""

    def watch(self, watcher: Callable[[bytes], None]) -> None:
        """Let `watcher` hear of every digest whose variants are replaced or forgotten."""


@valueclass(frozen=True, slots=True)
class Held:
    """The lease on a key is ours: fetch. `stored` tells that something lies under the key."""

    token: bytes
    stored: bool = False


@valueclass(frozen=True, slots=True)
class Taken:
    """Another replica fetches."""


@valueclass(frozen=True, slots=True)
class Passing:
    """What comes under this key is for one caller each: do not wait (hit-for-pass)."""


@valueclass(frozen=True, slots=True)
class Adrift:
    """Nobody can tell."""


Claim = Held | Taken | Passing | Adrift


class Far(Protocol):
    """The tier that all replicas share.

    It raises nothing and does not make anybody wait long: what it cannot tell in time is nothing,
    what it cannot keep is lost.
    """

    async def get(self, digest: bytes, wanted: Callable[[Selecting], bool]) -> tuple[Entry, ...]:
        """Return the variants under a key's digest whose selecting fields are `wanted`."""

    def put(
        self, digest: bytes, entry: Entry, *, seconds: float, limit: int, lease: Held | None = None
    ) -> None:
        """Begin to keep an entry for `seconds`, beside at most `limit` - 1 other variants.

        It takes the place of the variant with the same selecting fields. Under a lease it is kept
        only while the lease is still held, and the lease ends with it.
        """

    def recode(self, digest: bytes, entry: Entry) -> None:
        """Begin to keep more codings of an entry, where it still lies; never in another's place."""

    def drop(self, digest: bytes, entry: Entry) -> None:
        """Begin to forget the variant with this entry's selecting fields."""


class Leases(Protocol):
    """Which replica fetches what. It raises nothing and does not make anybody wait long."""

    async def claim(self, digest: bytes) -> Claim:
        """Claim the fetch under a key; what is held is renewed until it is given back."""

    def release(self, digest: bytes, lease: Held) -> None:
        """Begin to give a lease back."""

    def mark(self, digest: bytes, lease: Held, seconds: float) -> None:
        """Begin to turn a lease into the mark that answers under the key are not shared."""


@valueclass(frozen=True, slots=True)
class Replica:
    """One proxy of the fleet, as the log knows it.

    `epoch` is the log's; `applied` the last sequence in it that the proxy has confirmed, None where
    it follows another one; `seen` the seconds since it was last heard of; `lag` how many purges it
    is behind.
    """

    name: str
    address: str
    applied: int | None
    seen: float
    lag: int
    epoch: bytes


class PurgeLog(Protocol):
    """The log of purges: of this process alone, or one that all replicas share."""

    async def publish(self, purge: Purge) -> Place:
        """Record a purge and return its place, once it has been applied here.

        The ledger may have left the place's epoch by then, or not have entered it yet.

        Raises `StoreError` where the log cannot be reached; it is applied here all the same, and
        told to the log when that comes back.
        """

    async def facts(self, labels: Labels) -> Facts | None:
        """Ask the log itself about an entry's tags; None where it cannot tell."""

    async def replicas(self) -> tuple[Replica, ...]:
        """Return the replicas that may still serve what they hold, itself among them.

        One that has been silent for so long that its ledger has LAPSED is not among them. Raises
        `StoreError` where the log cannot be reached.
        """


Informed = Callable[[Head], None]
"""What hears of interim responses (9110 §15.2); it neither waits nor raises."""


@valueclass(frozen=True, slots=True)
class Outbound:
    """A request on its way to the upstream; `body` is read once, None when there is none.

    `repeatable` allows a second attempt where a kept-alive connection gave no byte (9110
    §9.2.2). A validation is not repeated: a lost connection is what stale answers are for.
    `informed` is told the head of each 1xx response but 100 and 101, as it comes. Who is not
    `patient` gives way: `UpstreamBusy` where there is no place at once.
    """

    request: Request
    body: AsyncIterator[bytes] | None
    timeouts: Timeouts
    repeatable: bool = False
    informed: Informed | None = None
    patient: bool = True


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


class Tunnel(Protocol):
    """One end of a connection on which HTTP has ended (9110 §7.8): bytes, both ways."""

    async def read(self) -> bytes:
        """Return what has come, waiting for it; nothing once the other side has said all.

        Raises `UpstreamError` or `ClientGone` where it is lost.
        """

    async def write(self, data: bytes) -> None:
        """Send, and wait while the other side is slow; raises as `read` does."""

    async def end(self) -> None:
        """Say that nothing more will be sent; what comes can still be read."""

    async def aclose(self) -> None:
        """Close. May be called more than once."""


@valueclass(frozen=True, slots=True)
class Switched:
    """The upstream has answered 101, and this is the way on."""

    head: Head
    tunnel: Tunnel


@runtime_checkable
class Tunnels(Protocol):
    """An upstream that can be asked for another protocol; beside `Upstream`, where it can."""

    async def open(self, outbound: Outbound) -> Switched | Inbound:
        """Send a request whose fields hold Connection and Upgrade, on a connection of its own.

        Returns the answer where it is another one than 101. Raises `UpstreamError` where there is
        none, or a 101 is not for what was asked.
        """


class Transcoder(Protocol):
    """One body on its way through a coding, piece by piece; its work is never long on the loop."""

    async def push(self, chunk: bytes) -> bytes:
        """Return all that can be told of what came so far: nobody waits for the next chunk.

        Raises `CodingError` where the bytes cannot be decoded, or would become too many.
        """

    async def finish(self) -> bytes:
        """Return what is left; raise `CodingError` where a coded body ends before its end."""


class Coder(Protocol):
    """Content codings (9110 §8.4.1): bytes in, bytes out. IDENTITY is not asked for."""

    def at_once(self, coding: Coding, body: bytes) -> bytes | None:
        """Encode a body that is small enough not to hold others up; None for a larger one."""

    async def encode(self, coding: Coding, body: bytes) -> bytes | None:
        """Encode a whole body, well and soon; None where too many are waiting already."""

    async def encode_best(self, coding: Coding, body: bytes) -> bytes | None:
        """Encode as small as can be, behind everything else; None where too many are waiting."""

    async def decode(self, coding: Coding, body: bytes) -> bytes:
        """Decode a whole body; raise `CodingError` where that cannot be, or is too large."""

    def encoder(self, coding: Coding) -> Transcoder:
        """Begin to encode a body that comes in chunks; each is readable at once."""

    def decoder(self, coding: Coding) -> Transcoder:
        """Begin to decode a body that comes in chunks."""


class Clock(Protocol):
    """Time and chance."""

    def now(self) -> float:
        """Return seconds since the epoch, never going back."""

    def draw(self) -> float:
        """Return a random number in [0, 1)."""


@valueclass(frozen=True, slots=True)
class World:
    """What the engine asks of the world, beside stores and logs."""

    upstream: Upstream
    coder: Coder
    clock: Clock
