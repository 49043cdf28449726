"""History: the counters as they stood at the latest ticks, and what was counted between two.

Pure over snapshots of the counters: whoever ticks says what time it is, and a request costs
nothing here. This module must not know who reads it.
"""

from array import array
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from proxy.engine.stats import Stats

INTERVAL: Final = 10.0
"""Seconds from tick to tick."""
POINTS: Final = 360
"""Ticks that are remembered: an hour."""
MOST_RULES: Final = 100
"""Rules that have counters of their own here, those that were asked for first."""
OTHERS: Final = "(others)"
"""What counts for all other rules; no rule can have this name."""

Key = tuple[str | int, ...]
"""A counter: the name of its field in `Stats`, and its labels."""


@dataclass(frozen=True, slots=True)
class Sample:
    """All counters at a time, seconds of the engine's clock; each in the column of its key.

    A counter whose column is not there yet was zero.
    """

    at: float
    counts: "array[float]"

    def count(self, column: int) -> float:
        """Return what a counter stood at."""
        return self.counts[column] if column < len(self.counts) else 0.0


@dataclass(slots=True)
class Columns:
    """Which column each counter has, in the order in which they were first counted."""

    places: dict[Key, int] = field(default_factory=dict)

    def sample(self, at: float, stats: Stats) -> Sample:
        """Return what the counters stand at; new ones are given columns."""
        counts = array("d", bytes(8 * len(self.places)))
        for key, count in _counters(stats):
            column = self.places.setdefault(key, len(self.places))
            if column == len(counts):
                counts.append(0.0)
            counts[column] += count
        return Sample(at, counts)


@dataclass(frozen=True, slots=True)
class Window:
    """What was counted from the first to the last of some samples, two at least."""

    samples: Sequence[Sample]
    columns: Columns

    @property
    def times(self) -> list[float]:
        """The edges of its intervals, seconds of the engine's clock."""
        return [sample.at for sample in self.samples]

    def series(self, *key: str | int) -> list[int]:
        """Return how much was counted in each interval."""
        column = self.columns.places.get(key)
        if column is None:
            return [0] * (len(self.samples) - 1)
        counts = [sample.count(column) for sample in self.samples]
        return [int(after - before) for before, after in pairwise(counts)]

    def total(self, *key: str | int) -> float:
        """Return how much was counted in all of it."""
        column = self.columns.places.get(key)
        return 0.0 if column is None else self._total(column)

    def totals(self, name: str) -> Iterator[tuple[tuple[str | int, ...], int]]:
        """Yield labels and count of each counter of a field that has counted anything."""
        for key, column in self.columns.places.items():
            if key[0] == name and (count := int(self._total(column))):
                yield key[1:], count

    def _total(self, column: int) -> float:
        return self.samples[-1].count(column) - self.samples[0].count(column)


class History:
    """The latest hour of one proxy's counters, which `started` at a time of the engine's clock.

    Its memory is bounded by `POINTS` times the counters: at most `MOST_RULES` + 1 rules, all else
    has closed sets of labels.
    """

    def __init__(self, stats: Stats, now: float, points: int = POINTS) -> None:
        self.started = now
        self._stats = stats
        self._columns = Columns()
        self._samples = deque([self._columns.sample(now, stats)], maxlen=points + 1)

    def tick(self, now: float) -> None:
        """Remember what the counters stand at."""
        self._samples.append(self._columns.sample(now, self._stats))

    def window(self, now: float, seconds: float) -> Window:
        """Return what was counted until now, for `seconds` at least where so much is remembered.

        Its last interval ends now. It is half as long as others at least, where there are others:
        the rate of a short one would say little.
        """
        samples = list(self._samples)
        if len(samples) > 1 and now - samples[-1].at < INTERVAL / 2:
            samples.pop()
        while len(samples) > 1 and samples[1].at <= now - seconds:
            del samples[0]
        return Window([*samples, self._columns.sample(now, self._stats)], self._columns)


def _counters(stats: Stats) -> Iterator[tuple[Key, float]]:
    """Yield every counter that can be summed over time."""
    own: set[str] = set()
    outcomes: Counter[str] = Counter()
    for (rule, outcome), count in stats.requests.items():
        if len(own) < MOST_RULES:
            own.add(rule)
        yield ("requests", rule if rule in own else OTHERS, outcome), count
        outcomes[outcome] += count
    for name, counts in (
        ("outcomes", outcomes),
        ("reasons", stats.reasons),
        ("storing", stats.storing),
        ("body_bytes", stats.body_bytes),
    ):
        for label, count in counts.items():
            yield (name, label), count
    yield ("collapsed",), stats.collapsed
    yield ("upstream_seconds_saved",), stats.upstream_seconds_saved
    for outcome, histogram in stats.latency.items():
        for bucket, count in enumerate(histogram.counts):
            yield ("latency", outcome, bucket), count
