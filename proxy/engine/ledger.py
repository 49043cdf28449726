"""The ledger: which purges have been applied, and whether an entry is older than one.

A purge is a fact with a sequence number. Every fetch notes, before it contacts the upstream,
how many facts were known (`born`); what it brings is good for ever as long as none of its tags
is purged after that. Deleting instead would let a fetch that began before the purge store the
old answer after it. This module must not know entries, keys or stores.
"""

from collections.abc import Iterable
from itertools import islice

TAG_LIMIT = 100_000


class Ledger:
    """The ledger of one process: tag → sequence of its latest purge, bounded."""

    def __init__(self, limit: int = TAG_LIMIT) -> None:
        self._limit = limit
        self._purged: dict[bytes, int] = {}
        self._watermark = 0
        self.sequence = 0

    def purge(self, tags: Iterable[bytes]) -> int:
        """Record that everything under these tags is void from now on; return the sequence."""
        self.sequence += 1
        for tag in tags:
            self._purged.pop(tag, None)  # so that the dict stays ordered by sequence
            self._purged[tag] = self.sequence
        self._forget()
        return self.sequence

    def valid(self, tags: Iterable[bytes], born: int) -> bool:
        """Tell whether what was fetched at `born` may still be used."""
        if born < self._watermark:
            return False
        return all(self._purged.get(tag, 0) <= born for tag in tags)

    def _forget(self) -> None:
        """Drop the oldest half of the tags; what is older than they are counts as purged."""
        if len(self._purged) <= self._limit:
            return
        oldest = list(islice(self._purged, len(self._purged) // 2))
        self._watermark = self._purged[oldest[-1]]
        for tag in oldest:
            del self._purged[tag]
