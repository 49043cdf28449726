"""The ledger: which purges have been applied, and whether an entry is older than one.

A purge is a fact with a sequence number. Every fetch notes, before it contacts the upstream,
how many facts were known (`born`); what it brings is good for ever as long as none of its labels
is purged after that. Deleting instead would let a fetch that began before the purge store the
old answer after it. No clocks are compared, but for the lease: the time for which a replica that
hears nothing may believe that it knows every purge. This module must not know entries, keys or
stores.
"""

from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from itertools import islice
from math import inf
from typing import Final, TypeVar

from proxy.engine.purge import Born, Facts, Mode, Purge, Record
from proxy.rules.labels import Labels
from proxy.rules.patterns import matches

TAG_LIMIT: Final = 100_000

PATTERN_LIMIT: Final = 256
"""Each is held against the location of whatever is older than it."""

LEASE: Final = 2.0
"""Seconds for which a confirmed ledger counts as complete."""

K = TypeVar("K")

_Mark = tuple[int, int, float]
"""Sequence, minor and time of a purge; or of a birth, with a time later than any."""

_NEVER: Final[_Mark] = (0, 0, 0.0)


class Standing(Enum):
    """What the ledger knows of something born at a certain time."""

    VALID = "valid"
    SOFTENED = "soft-purged"
    PURGED = "purged"
    UNKNOWN = "unknown"
    """Born before the part of the log that is known here."""


class Trust(Enum):
    """How far the ledger's word can be taken."""

    CONFIRMED = "confirmed"
    UNCONFIRMED = "unconfirmed"
    """The lease has lapsed a short while ago: what is held may be served, with a mark."""
    LAPSED = "lapsed"
    """It lapsed too long ago: nothing that is held may be served."""


class Ledger:
    """The purges that this replica knows, bounded.

    Alone (`max_unverified` None) it is the log itself and always complete. As a copy of a shared
    log it has to be confirmed, and says for how long after that it may still be believed.
    """

    def __init__(
        self,
        epoch: bytes = b"",
        *,
        tag_limit: int = TAG_LIMIT,
        pattern_limit: int = PATTERN_LIMIT,
        max_unverified: float | None = None,
    ) -> None:
        self.epoch = epoch
        self.sequence = 0
        self.minor = 0
        self.nonce = b""
        self.max_unverified = max_unverified
        self._confirmed = 0.0
        self._watermark = 0
        self._floor = 0
        self._tag_limit = tag_limit
        self._pattern_limit = pattern_limit
        self._hard: dict[bytes, _Mark] = {}
        self._soft: dict[bytes, _Mark] = {}
        self._patterns: dict[tuple[bytes, Mode], _Mark] = {}
        self._watchers: list[Callable[[Purge], None]] = []

    @property
    def position(self) -> Born:
        """Where the ledger stands: what a fetch that begins now is born at."""
        return Born(self.epoch, self.sequence, self.minor)

    def watch(self, watcher: Callable[[Purge], None]) -> None:
        """Let `watcher` hear of every purge once it has been applied."""
        self._watchers.append(watcher)

    # What is known of an entry

    def standing(self, labels: Labels, born: Born) -> Standing:
        """Tell whether what was fetched at `born` may still be used."""
        if born == (self.epoch, self.sequence, self.minor):
            return Standing.VALID
        if born.epoch != self.epoch:
            return Standing.PURGED
        birth = self._mark_of(born)
        return Standing.UNKNOWN if birth[0] < self._watermark else self._judged(labels, birth)

    def verified(self, labels: Labels, born: Born, facts: Facts) -> tuple[Standing, Born]:
        """Judge what is UNKNOWN here by what the log says; return also what it is as good as.

        The tags are the log's to know; the patterns, and what was applied alone, are known here.
        """
        anew = Born(self.epoch, min(facts.sequence, self.sequence))
        alike = self.epoch == facts.epoch == born.epoch
        if not alike or anew.sequence < self._watermark:
            return Standing.PURGED, born
        birth = self._mark_of(born)
        if birth[0] < max(facts.floor, self._floor) or birth[0] < facts.hard:
            return Standing.PURGED, born
        known = self._judged(labels, birth)
        if known is Standing.PURGED:
            return known, born
        return (Standing.SOFTENED if birth[0] < facts.soft else known), anew

    def softened_at(self, labels: Labels, born: Born, facts: Facts | None = None) -> float:
        """Return when something SOFTENED became stale, in seconds of the engine's clock.

        `facts` are those by which it was verified. Of a tag that was purged more than once only
        the last time is known.
        """
        birth = self._mark_of(born)
        times = [at for _, at in self._met(labels, birth)]
        times += [mark[2] for tag in labels.tags if (mark := self._soft.get(tag, _NEVER)) > birth]
        if facts is not None and birth[0] < facts.soft:
            times.append(facts.soft_at)
        return min(times)

    def _mark_of(self, born: Born) -> _Mark:
        """Return a birth as marks compare with it.

        What another replica fetched further on in the log counts as fetched here and now, but
        before all that was applied alone: nobody knows which of the two came first.
        """
        if born.sequence > self.sequence:
            return (self.sequence, 0, inf)
        return (born.sequence, born.minor, inf)

    def _judged(self, labels: Labels, birth: _Mark) -> Standing:
        met = dict(self._met(labels, birth)) if self._patterns else {}
        if Mode.HARD in met or _latest(self._hard, labels.tags) > birth:
            return Standing.PURGED
        softened = met or _latest(self._soft, labels.tags) > birth
        return Standing.SOFTENED if softened else Standing.VALID

    def _met(self, labels: Labels, birth: _Mark) -> Iterator[tuple[Mode, float]]:
        """Yield mode and time of the purges after `birth` whose pattern the location meets."""
        for (pattern, mode), mark in reversed(self._patterns.items()):
            if mark <= birth:
                return
            if matches(pattern, labels.location):
                yield mode, mark[2]

    # What becomes known

    def purge(self, purge: Purge, now: float) -> int:
        """Record a purge in a ledger that is the log itself; return its sequence."""
        self.sequence, self.minor = self.sequence + 1, 0
        self._note(purge, now)
        return self.sequence

    def apply(self, record: Record) -> bool:
        """Apply the next record of the log; False when it is not the next, and nothing is done.

        Whoever holds what the log does not have yet applies it alone once more: it is later than
        the record for all that is known.
        """
        if record.sequence != self.sequence + 1 or record.prior != self.nonce:
            return False
        self.sequence, self.minor, self.nonce = record.sequence, 0, record.nonce
        self._note(record.purge, record.at)
        return True

    def apply_alone(self, purge: Purge, now: float) -> None:
        """Apply a purge that the log could not be told of: it holds here at least."""
        self.minor += 1
        self._note(purge, now)

    def rebase(
        self, epoch: bytes, sequence: int, nonce: bytes, patterns: Iterable[Record] = ()
    ) -> None:
        """Begin anew at a place in the log: what is older than it is UNKNOWN, or of another epoch.

        `patterns` are the records before that place which have patterns, in their order: those
        are known here however old they are, since no tag leads to them. As after `apply`, what
        the log does not have is applied alone once more. Raises ValueError for a log that went
        back in its epoch: its numbers would mean two things.
        """
        here = (self.sequence, self.nonce)
        if epoch == self.epoch and sequence <= self.sequence and (sequence, nonce) != here:
            raise ValueError("a purge log that went back has to begin another epoch")
        self.epoch, self.sequence, self.minor, self.nonce = epoch, sequence, 0, nonce
        self._watermark, self._floor = sequence, 0
        for noted in (self._hard, self._soft, self._patterns):
            noted.clear()
        for record in patterns:
            for pattern in record.purge.patterns:
                mark = (record.sequence, 0, record.at)
                _renew(self._patterns, (pattern, record.purge.mode), mark)
        self._tell(Purge())

    def _note(self, purge: Purge, at: float) -> None:
        mark = (self.sequence, self.minor, at)
        noted = self._hard if purge.mode is Mode.HARD else self._soft
        for tag in purge.tags:
            _renew(noted, tag, mark)
        for pattern in purge.patterns:
            _renew(self._patterns, (pattern, purge.mode), mark)
        self._forget()
        self._tell(purge)

    def _tell(self, purge: Purge) -> None:
        for watcher in self._watchers:
            watcher(purge)

    def _forget(self) -> None:
        """Drop the oldest of what has grown too long; what was born before that is UNKNOWN.

        Of patterns, and of what was applied alone, the log cannot tell either: below the floor
        nothing can be verified.
        """
        tags = _outgrown(self._hard, self._tag_limit) + _outgrown(self._soft, self._tag_limit)
        patterns = _outgrown(self._patterns, self._pattern_limit)
        alone = [mark for mark in tags if mark[1]]
        self._watermark = max([self._watermark, *map(_first_after, tags + patterns)])
        self._floor = max([self._floor, *map(_first_after, patterns + alone)])

    # How far it can be believed

    def confirm(self, sent: float) -> None:
        """Take note that at `sent`, on the engine's clock, every purge in the log was known."""
        self._confirmed = max(self._confirmed, sent)

    def trust(self, now: float) -> Trust:
        """Tell whether the ledger may be believed at `now`."""
        if self.max_unverified is None or now <= self._confirmed + LEASE:
            return Trust.CONFIRMED
        if now <= self._confirmed + LEASE + self.max_unverified:
            return Trust.UNCONFIRMED
        return Trust.LAPSED

    def lag(self, now: float) -> float:
        """Return the seconds since the ledger was last known to be complete; 0 when alone."""
        return 0.0 if self.max_unverified is None else max(0.0, now - self._confirmed)


def _renew(noted: dict[K, _Mark], what: K, mark: _Mark) -> None:
    """Note a purge as the latest, so that a dict stays in the order of the log."""
    noted.pop(what, None)
    noted[what] = mark


def _latest(noted: dict[bytes, _Mark], tags: tuple[bytes, ...]) -> _Mark:
    """Return the latest purge of any of the tags."""
    if noted.keys().isdisjoint(tags):
        return _NEVER
    return max(noted[tag] for tag in tags if tag in noted)


def _outgrown(noted: dict[K, _Mark], limit: int) -> list[_Mark]:
    """Take the oldest eighth out of what is over its limit: dropped one by one, each costs more."""
    if len(noted) <= limit:
        return []
    oldest = list(islice(noted, len(noted) // 8 + 1))
    return [noted.pop(what) for what in oldest]


def _first_after(mark: _Mark) -> int:
    """Return the first sequence at which what is born is later than a purge for certain."""
    return mark[0] + (mark[1] > 0)
