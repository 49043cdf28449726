"""Tally: what is counted of one rule, for advice on it.

Whole numbers and a sample, bounded by rules and reasons; what they mean is judged in
`rules.advice`.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Final

from proxy.http.message import NO_FIELDS
from proxy.policy.reasons import Family, Reason
from proxy.policy.stored import Stored
from proxy.rules.comparison import OTHERS

MOST_MISMATCHES: Final = 32
"""Sets of names that are counted of one rule: names come from clients."""

_OTHERS: Final = (OTHERS,)
"""Under which mismatches are counted whose names there was no room for."""

_MICRO: Final = 1_000_000


@dataclass(slots=True)
class Tally:
    """What was counted of one rule since the rules were put in force.

    In shadow mode `requests`, `hits`, `misses` and what is saved are what would have been.
    `same` and `changed` count what was fetched in the place of something stored, by whether the
    body was the same; `expired` is the latest of that, without its fields. `agreed` and `differed`
    count stored answers that were held against the upstream's own; `mismatches` those that were
    shown to be of another caller, or for another question, by the names of what differed.
    """

    hits: int = 0
    saved_micros: int = 0
    saved_bytes: int = 0
    same: int = 0
    changed: int = 0
    agreed: int = 0
    differed: int = 0
    misses: Counter[Reason] = field(default_factory=Counter)
    mismatches: Counter[tuple[str, ...]] = field(default_factory=Counter)
    expired: Stored | None = None

    @property
    def requests(self) -> int:
        """All requests, however they were answered."""
        return self.hits + self.misses.total()

    def hit(self, seconds: float, body_bytes: int) -> None:
        """Count a request that was answered from the cache, and what the upstream was spared."""
        self.hits += 1
        self.saved_micros += int(seconds * _MICRO)
        self.saved_bytes += body_bytes

    def miss(self, reason: Reason, storing: Reason | None) -> None:
        """Count a request that was not; why its answer was not kept says more than why it went."""
        if storing is not None and storing is not Reason.BYPASSED:
            reason = storing if storing.meaning.family is Family.DECLINE else reason
        self.misses[reason] += 1

    def refetched(self, stored: Stored, *, same: bool) -> None:
        """Count what was fetched in the place of something stored."""
        self.expired = replace(stored, fields=NO_FIELDS, selecting=())  # of no caller
        self.same += same
        self.changed += not same

    def compared(self, *, same: bool) -> None:
        """Count a stored answer that was held against the upstream's own."""
        self.agreed += same
        self.differed += not same

    def mismatched(self, names: tuple[str, ...]) -> None:
        """Count a stored answer that was shown to be another's."""
        known = names in self.mismatches or len(self.mismatches) < MOST_MISMATCHES
        self.mismatches[names if known else _OTHERS] += 1
