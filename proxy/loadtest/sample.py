"""A sample: what came of the requests of one round, or of several, on one side.

This module must not know how they were sent.
"""

import re
from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
REFUSING: Final = frozenset({429, 503})
"""Statuses by which a server asks for less."""
_ERRORS: Final = 500
_FEWEST: Final = 50


@dataclass(slots=True)
class Sample:
    """Counts, and how long each answer took, seconds; `busy` is the CPU that the client itself had.

    `hits` are answers that the last cache on the way called so, of `told` that said anything.
    """

    seconds: float = 0.0
    busy: float = 0.0
    latencies: "array[float]" = field(default_factory=lambda: array("f"))
    statuses: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    body_bytes: int = 0
    told: int = 0
    hits: int = 0

    def answered(self, status: int, seconds: float, size: int, cache_status: bytes | None) -> None:
        """Count an answer."""
        self.statuses[status] += 1
        self.latencies.append(seconds)
        self.body_bytes += size
        if cache_status is not None:
            self.told += 1
            self.hits += is_hit(cache_status)

    def failed(self, why: str) -> None:
        """Count a request that was not answered."""
        self.failures[why] += 1

    def add(self, other: "Sample") -> None:
        """Take in what came of another round."""
        self.seconds += other.seconds
        self.busy += other.busy
        self.latencies.extend(other.latencies)
        self.statuses += other.statuses
        self.failures += other.failures
        self.body_bytes += other.body_bytes
        self.told += other.told
        self.hits += other.hits

    @property
    def requests(self) -> int:
        """Requests that were answered."""
        return self.statuses.total()

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds if self.seconds else 0.0

    @property
    def errors(self) -> int:
        """Requests that were not answered, or with a status that says that it failed."""
        refused = (n for s, n in self.statuses.items() if s >= _ERRORS or s in REFUSING)
        return self.failures.total() + sum(refused)

    @property
    def hit_ratio(self) -> float | None:
        """The share of hits, None where no cache said anything."""
        return self.hits / self.told if self.told else None

    @property
    def client_share(self) -> float:
        """The share of one core that the client itself had."""
        return self.busy / self.seconds if self.seconds else 0.0

    @property
    def hopeless(self) -> bool:
        """Whether so much fails that to go on would only do harm."""
        asked = self.requests + self.failures.total()
        return self.errors >= _FEWEST and 2 * self.errors > asked

    def percentile(self, share: float) -> float:
        """Return the time, seconds, within which a share of the answers came; 0 without any."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def is_hit(cache_status: bytes) -> bool:
    """Tell whether the cache nearest to the client, the last member, had a hit (9211 §2)."""
    last = _STRING.sub(b'""', cache_status).rpartition(b",")[2]
    return any(parameter.strip() == b"hit" for parameter in last.split(b";")[1:])
