"""The shelf: what may be used of the store, once the ledger has been asked.

Whoever looks sees valid entries only; whoever keeps is asked for the ledger's consent. This
module must not know freshness or requests beyond what picks a variant.
"""

from dataclasses import replace

from proxy.engine.boarding import Boarded, uri_tag
from proxy.engine.entry import Entry, with_entry
from proxy.engine.ledger import Ledger
from proxy.engine.ports import Near
from proxy.http.message import Head, Request
from proxy.policy import admission, reuse, validation
from proxy.policy.admission import Moment
from proxy.policy.invalidation import Uri
from proxy.policy.verdicts import Keep
from proxy.rules.keys import Key


class Shelf:
    """The memory tier behind the ledger."""

    def __init__(self, near: Near, ledger: Ledger) -> None:
        self._near = near
        self.ledger = ledger

    def variants(self, key: Key) -> tuple[Entry, ...]:
        """Return the usable entries under a key; of another key with its digest, none."""
        found = self._near.get(key.digest)
        return tuple(e for e in found if e.text == key.text and self.ledger.valid(e.tags, e.born))

    def keep(self, key: Key, entry: Entry, request: Request, limit: int) -> bool:
        """Keep an entry as the answer to `request`; False when a purge has overtaken it."""
        if not self.ledger.valid(entry.tags, entry.born):
            return False
        self._near.put(key.digest, with_entry(self.variants(key), entry, request, limit))
        return True

    def swap(self, key: Key, old: Entry, new: Entry | None) -> None:
        """Put `new` in the place of `old`, or take `old` away; whatever replaced it stays."""
        present = self.variants(key)
        kept = tuple(e for e in present if e.stored is not old.stored)
        if len(kept) == len(present):
            return
        entries = kept if new is None else (new, *kept)
        if entries:
            self._near.put(key.digest, entries)
        else:
            self._near.drop(key.digest)

    def invalidate(self, uris: tuple[Uri, ...], boarded: Boarded) -> int:
        """Void whatever is stored for these URIs, and whatever is being fetched (9111 §4.4)."""
        return self.ledger.purge(uri_tag(uri, boarded.snapshot) for uri in uris)

    def heed_head(self, boarded: Boarded, head: Head, moment: Moment) -> None:
        """Freshen, or make doubtful, what is stored by a 200 to HEAD (9111 §4.3.5)."""
        get = replace(boarded.outbound, method="GET")
        for entry in self.variants(boarded.key):
            if not reuse.matches(get, entry.stored.selecting):
                continue
            new = replace(entry, stored=replace(entry.stored, overdue=True))
            if validation.agrees(head, entry.stored):
                merged = validation.updated(entry.stored, head)
                verdict = admission.judge(get, merged, boarded.rule.terms, moment)
                if isinstance(verdict, Keep):
                    stored = replace(verdict.stored, length=entry.stored.length)
                    new = replace(entry, stored=stored)
            self.swap(boarded.key, entry, new)
