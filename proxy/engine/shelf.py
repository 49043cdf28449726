"""The shelf: what may be used of the stores, once the ledger has been asked.

Whoever looks sees usable entries only; whoever keeps is asked for the ledger's consent. This
module must not know requests beyond what picks a variant.
"""

from collections.abc import Iterable
from operator import is_
from typing import Final

from proxy.engine.boarding import Boarded
from proxy.engine.entry import Coded, Entry, with_entry
from proxy.engine.ledger import Ledger, Standing, Trust
from proxy.engine.ports import Far, Held, Near, PurgeLog
from proxy.policy import freshness, reuse
from proxy.rules.keys import Key
from proxy.values import replace

CLOCKS_AGREE: Final = 0.02
"""Seconds by which the time of one response may differ on its way through the shared tier."""

FROM_THE_FUTURE: Final = 2.0
"""Seconds by which an answer may seem to be younger than now."""

_USABLE = frozenset({Standing.VALID, Standing.SOFTENED})


class Shelf:
    """The memory tier and, where there is one, the shared tier behind the ledger."""

    def __init__(
        self, near: Near, ledger: Ledger, far: Far | None = None, log: PurgeLog | None = None
    ) -> None:
        self._near = near
        self._far = far
        self._log = log
        self.ledger = ledger

    @property
    def shared(self) -> bool:
        """Whether there is more to look at than what `variants` shows."""
        return self._far is not None

    def empty(self, key: Key) -> bool:
        """Tell, at next to no cost, whether nothing lies in memory under a key."""
        return key.digest not in self._near

    def variants(self, key: Key, now: float) -> tuple[Entry, ...]:
        """Return the usable entries in memory; of another key with the same digest, none."""
        found = self._near.get(key.digest)
        if not found or self.ledger.trust(now) is Trust.LAPSED:
            return ()
        judged = tuple(map(self._judged, found))
        if not all(map(is_, judged, found)):
            self._put(key.digest, [e for e in judged if e is not None])
        return tuple(e for e in judged if e is not None and e.text == key.text)

    def usable(self, entry: Entry, now: float) -> bool:
        """Tell whether an entry that was found earlier may still be served."""
        standing = self.ledger.standing(entry.labels, entry.born)
        return standing in _USABLE and self.ledger.trust(now) is not Trust.LAPSED

    async def look_further(self, boarded: Boarded, now: float) -> tuple[Entry, ...]:
        """Bring into memory what the shared tier has for a request, and return it."""
        if self._far is None or self.ledger.trust(now) is Trust.LAPSED:
            return ()
        request, key = boarded.outbound, boarded.key
        usable = []
        found = await self._far.get(key.digest, lambda fields: reuse.matches(request, fields))
        for entry in found:
            if entry.text != key.text or entry.stored.response_time > now + FROM_THE_FUTURE:
                continue  # the shared clock was set back: nobody knows its age
            if (good := await self._verified(entry)) is not None:
                self._promote(boarded, good, now)
                usable.append(good)
        return tuple(usable)

    def keep(self, boarded: Boarded, entry: Entry, now: float, lease: Held | None = None) -> bool:
        """Keep an entry as the answer to a request; False when a purge has overtaken it."""
        if self.ledger.standing(entry.labels, entry.born) is not Standing.VALID:
            return False
        self._place(boarded, entry, now)
        self._share(boarded, entry, now, lease)
        return True

    def swap(
        self,
        boarded: Boarded,
        old: Entry,
        new: Entry | None,
        now: float,
        lease: Held | None = None,
    ) -> bool:
        """Put `new` in the place of `old`, or take `old` away; whatever replaced it stays.

        False when nothing was put: a purge has overtaken `new`, or `old` is not there any more.
        """
        if new is not None and not self.usable(new, now):
            return False
        present = self.variants(boarded.key, now)
        kept = tuple(e for e in present if not e.same_answer(old))
        if len(kept) == len(present):
            return False
        self._put(boarded.key.digest, kept if new is None else (new, *kept))
        if new is not None:
            self._share(boarded, new, now, lease)
        elif self._far is not None:
            self._far.drop(boarded.key.digest, old)
        return True

    def recode(self, key: Key, entry: Entry, coded: Coded) -> Entry:
        """Keep a coding beside an entry, as long as that lies here; return the entry with it."""
        new = entry.with_coded(coded)
        present = self._near.peek(key.digest)
        held = next((e for e in present if e.same_answer(entry)), None)
        if held is not None:
            new = held.with_coded(coded)
            self._near.put(key.digest, tuple(new if e is held else e for e in present))
            if new not in self._near.peek(key.digest):  # too large with it
                self._near.put(key.digest, present)
        if self._far is not None and entry.stored.part is None:
            self._far.recode(key.digest, new)
        return new

    def _judged(self, entry: Entry) -> Entry | None:
        """Return an entry as the ledger leaves it: itself, stale before its time, or none."""
        standing, position = self.ledger.standing(entry.labels, entry.born), self.ledger.position
        if standing is Standing.VALID:  # up to here: what is older need not be asked again
            return entry if entry.born >= position else replace(entry, born=position)
        if standing is not Standing.SOFTENED:
            return None
        return _softened(entry, self.ledger.softened_at(entry.labels, entry.born))

    async def _verified(self, entry: Entry) -> Entry | None:
        """Judge an entry from the shared tier, asking the log about one older than the ledger."""
        if self.ledger.standing(entry.labels, entry.born) is not Standing.UNKNOWN:
            return self._judged(entry)
        facts = None if self._log is None else await self._log.facts(entry.labels)
        if facts is None:
            return None
        standing, born = self.ledger.verified(entry.labels, entry.born, facts)
        if standing not in _USABLE:
            return None
        if standing is Standing.SOFTENED:
            since = self.ledger.softened_at(entry.labels, entry.born, facts)
            entry = _softened(entry, since)
        return replace(entry, born=born)

    def _promote(self, boarded: Boarded, entry: Entry, now: float) -> None:
        """Put an entry from the shared tier into memory, unless a newer one lies there."""
        rivals = (e.stored for e in self.variants(boarded.key, now))
        request = boarded.outbound
        if all(
            stored.response_time + CLOCKS_AGREE < entry.stored.response_time
            for stored in rivals
            if reuse.matches(request, stored.selecting)
        ):
            self._place(boarded, entry, now)

    def _place(self, boarded: Boarded, entry: Entry, now: float) -> None:
        present, limit = self.variants(boarded.key, now), boarded.rule.terms.max_variants
        self._put(boarded.key.digest, with_entry(present, entry, boarded.outbound, limit))

    def _share(self, boarded: Boarded, entry: Entry, now: float, lease: Held | None) -> None:
        if self._far is not None and entry.stored.part is None:
            terms = boarded.rule.terms
            seconds = freshness.useful_for(entry.stored, terms, now)
            limit = terms.max_variants
            self._far.put(boarded.key.digest, entry, seconds=seconds, limit=limit, lease=lease)

    def _put(self, digest: bytes, entries: Iterable[Entry]) -> None:
        if kept := tuple(entries):
            self._near.put(digest, kept)
        else:
            self._near.drop(digest)


def _softened(entry: Entry, since: float) -> Entry:
    """Return an entry whose lifetime ended when it was soft-purged."""
    if entry.stored.stale_since is not None:
        return entry
    return replace(entry, stored=replace(entry.stored, stale_since=since))
