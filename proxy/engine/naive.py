"""The ports in their plainest form: what each means, in a few lines.

The contract suites run on these and on the real ones; plays put several proxies around one of
them. Nothing here is bounded, and nothing fails unless it is told to.
"""

from collections.abc import Callable
from itertools import count

from proxy.engine.entry import Entry
from proxy.engine.ledger import Ledger
from proxy.engine.ports import Adrift, Claim, Clock, Held, Passing, Replica, Taken
from proxy.engine.purge import Facts, Place, Purge, Record
from proxy.errors import StoreError
from proxy.policy.stored import Selecting
from proxy.rules.labels import Labels


class NaiveNear:
    """A dict without bounds."""

    def __init__(self) -> None:
        self._entries: dict[bytes, tuple[Entry, ...]] = {}
        self._watchers: list[Callable[[bytes], None]] = []

    def get(self, digest: bytes) -> tuple[Entry, ...]:
        """See `Near.get`."""
        return self._entries.get(digest, ())

    def peek(self, digest: bytes) -> tuple[Entry, ...]:
        """See `Near.peek`."""
        return self.get(digest)

    def touch(self, digest: bytes) -> bool:
        """See `Near.touch`."""
        return digest in self

    def __contains__(self, digest: bytes) -> bool:
        return bool(self.get(digest))

    def put(self, digest: bytes, entries: tuple[Entry, ...]) -> None:
        """See `Near.put`."""
        self._entries[digest] = entries
        self._tell(digest)

    def drop(self, digest: bytes) -> None:
        """See `Near.drop`."""
        self._entries.pop(digest, None)
        self._tell(digest)

    def watch(self, watcher: Callable[[bytes], None]) -> None:
        """See `Near.watch`."""
        self._watchers.append(watcher)

    def _tell(self, digest: bytes) -> None:
        for watcher in self._watchers:
            watcher(digest)


class NaiveLeases:
    """One dict for all who claim; marks end when the clock passes them."""

    def __init__(self, far: "NaiveFar", clock: Clock) -> None:
        self._far = far
        self._clock = clock
        self._numbers = count(1)
        self.held: dict[bytes, bytes] = {}
        self._marks: dict[bytes, float] = {}
        self.reachable = True

    async def claim(self, digest: bytes) -> Claim:
        """See `Leases.claim`."""
        if not self.reachable:
            return Adrift()
        if self._marks.get(digest, 0.0) > self._clock.now():
            return Passing()
        if digest in self.held:
            return Taken()
        self.held[digest] = b"%d" % next(self._numbers)
        return Held(self.held[digest], stored=bool(self._far.entries.get(digest)))

    def holds(self, digest: bytes, lease: Held) -> bool:
        """Tell whether a lease is still held."""
        return self.held.get(digest) == lease.token

    def release(self, digest: bytes, lease: Held) -> None:
        """See `Leases.release`."""
        if self.holds(digest, lease):
            del self.held[digest]

    def mark(self, digest: bytes, lease: Held, seconds: float) -> None:
        """See `Leases.mark`."""
        if self.holds(digest, lease):
            self._marks[digest] = self._clock.now() + seconds
        self.release(digest, lease)


class NaiveFar:
    """A dict that several proxies share; entries end when the clock passes them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.leases = NaiveLeases(self, clock)
        self.entries: dict[bytes, tuple[tuple[Entry, float], ...]] = {}

    async def get(self, digest: bytes, wanted: Callable[[Selecting], bool]) -> tuple[Entry, ...]:
        """See `Far.get`."""
        now = self._clock.now()
        found = self.entries.get(digest, ())
        return tuple(e for e, until in found if until > now and wanted(e.stored.selecting))

    def put(
        self, digest: bytes, entry: Entry, *, seconds: float, limit: int, lease: Held | None = None
    ) -> None:
        """See `Far.put`."""
        if lease is not None:
            held = self.leases.holds(digest, lease)
            self.leases.release(digest, lease)
            if not held:
                return
        self.drop(digest, entry)
        new = (entry, self._clock.now() + seconds)
        self.entries[digest] = (new, *self.entries[digest])[:limit]

    def recode(self, digest: bytes, entry: Entry) -> None:
        """See `Far.recode`."""
        self.entries[digest] = tuple(
            (entry if e.id == entry.id and e.id else e, until)
            for e, until in self.entries.get(digest, ())
        )

    def drop(self, digest: bytes, entry: Entry) -> None:
        """See `Far.drop`."""
        self.entries[digest] = tuple(
            (e, until)
            for e, until in self.entries.get(digest, ())
            if e.stored.selecting != entry.stored.selecting
        )


class NaiveLog:
    """A list of records that several ledgers follow, each up to where it is let."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.epoch = b"naive"
        self.records: list[Record] = []
        self.followers: dict[str, NaiveFollower] = {}

    def follower(self, name: str, ledger: Ledger) -> "NaiveFollower":
        """Let a ledger follow the log from where it ends now."""
        self.followers[name] = follower = NaiveFollower(name, self, ledger, self._clock)
        follower.join()
        return follower

    def begin(self, epoch: bytes) -> None:
        """Lose everything, as a server does that is started anew."""
        self.epoch, self.records = epoch, []


class NaiveFollower:
    """The `PurgeLog` of one proxy; while it is cut off it reaches nothing and hears nothing."""

    def __init__(self, name: str, log: NaiveLog, ledger: Ledger, clock: Clock) -> None:
        self._name = name
        self._log = log
        self.ledger = ledger
        self._clock = clock
        self._untold: list[Purge] = []
        self.cut_off = False

    def join(self) -> None:
        """Follow the log from where it ends now."""
        records = self._log.records
        last = records[-1].nonce if records else b""
        self.ledger.rebase(self._log.epoch, len(records), last, records)
        self.ledger.confirm(self._clock.now())

    def catch_up(self) -> None:
        """Apply what the log has, and confirm; tell it first what it has missed."""
        if self.cut_off:
            return
        if self.ledger.epoch != self._log.epoch:
            self.join()
        untold, self._untold = self._untold, []
        for purge in untold:
            self._append(purge)
        for record in self._log.records[self.ledger.sequence :]:
            assert self.ledger.apply(record)  # noqa: S101 - a list has no gaps
        self.ledger.confirm(self._clock.now())

    async def publish(self, purge: Purge) -> Place:
        """See `PurgeLog.publish`."""
        if self.cut_off:
            self.ledger.apply_alone(purge, self._clock.now())
            self._untold.append(purge)
            raise StoreError("cut off from the log")
        place = Place(self._log.epoch, self._append(purge))
        self.catch_up()
        return place

    async def facts(self, labels: Labels) -> Facts | None:
        """See `PurgeLog.facts`."""
        if self.cut_off:
            return None
        met = [r for r in self._log.records if not set(r.purge.tags).isdisjoint(labels.tags)]
        hard = [r.sequence for r in met if r.purge.mode.value == "hard"]
        soft = [r for r in met if r.purge.mode.value != "hard"]
        return Facts(
            self._log.epoch,
            len(self._log.records),
            hard=max(hard, default=0),
            soft=max((r.sequence for r in soft), default=0),
            soft_at=soft[-1].at if soft else 0.0,
        )

    async def replicas(self) -> tuple[Replica, ...]:
        """See `PurgeLog.replicas`."""
        if self.cut_off:
            raise StoreError("cut off from the log")
        return tuple(one.seen() for one in self._log.followers.values())

    def seen(self) -> Replica:
        """Return this proxy as the log knows it."""
        epoch, last = self._log.epoch, len(self._log.records)
        applied = self.ledger.sequence if self.ledger.epoch == epoch else None
        return Replica(self._name, "", applied, 0.0, last - (applied or 0), epoch)

    def _append(self, purge: Purge) -> int:
        records = self._log.records
        prior = records[-1].nonce if records else b""
        sequence = len(records) + 1
        nonce = b"nonce %d" % sequence
        records.append(Record(sequence, nonce, prior, purge, self._clock.now()))
        return sequence
