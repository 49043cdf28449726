"""A purge as a value: what is to go, and how thoroughly.

Once it has a sequence number it is a fact in the log, and every replica applies it in that order.
This module must not know how the log is kept or what is stored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from math import ceil
from typing import Final, NamedTuple

from proxy.rules.labels import EVERYTHING, Labels
from proxy.rules.patterns import matches

MOST_TAGS: Final = 1_000
MOST_PATTERNS: Final = 64
"""Of one purge in the log: while it is recorded, every other caller of the log waits."""

MOST_IN_ALL: Final = 10_000
"""Tags that are told one by one; what names more is a purge of everything."""


class Mode(Enum):
    """How thoroughly: `HARD` is gone for every purpose, `SOFT` is stale but usable as such.

    `REFRESH` is soft, and what is asked for most is fetched again at once.
    """

    HARD = "hard"
    SOFT = "soft"
    REFRESH = "refresh"


@dataclass(frozen=True, slots=True)
class Purge:
    """What is to go: whatever has one of the `tags`, or lies where one of the `patterns` points.

    Tags as `rules.labels` makes them, patterns as `rules.patterns` does.
    """

    tags: tuple[bytes, ...] = ()
    patterns: tuple[bytes, ...] = ()
    mode: Mode = Mode.HARD
    _named: frozenset[bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named", frozenset(self.tags))

    def meets(self, labels: Labels) -> bool:
        """Tell whether this is about what has these labels, however old that is."""
        return not self._named.isdisjoint(labels.tags) or any(
            matches(pattern, labels.location) for pattern in self.patterns
        )

    def portions(self) -> Iterator["Purge"]:
        """Yield the purge in parts that the log takes, at least one; none of it is left out."""
        if len(self.tags) > MOST_IN_ALL:
            yield Purge((EVERYTHING,), mode=self.mode)
            return
        tagged, pointed = len(self.tags) / MOST_TAGS, len(self.patterns) / MOST_PATTERNS
        for number in range(max(1, ceil(tagged), ceil(pointed))):
            tags = self.tags[number * MOST_TAGS :][:MOST_TAGS]
            patterns = self.patterns[number * MOST_PATTERNS :][:MOST_PATTERNS]
            yield Purge(tags, patterns, self.mode)


def together(purges: Iterable[Purge], mode: Mode) -> Purge:
    """Return one purge of what several name, or of everything where that is a great deal."""
    found = tuple(purges)
    tags = dict.fromkeys(tag for purge in found for tag in purge.tags)
    patterns = dict.fromkeys(pattern for purge in found for pattern in purge.patterns)
    if len(tags) > MOST_IN_ALL or len(patterns) > MOST_PATTERNS:
        return Purge((EVERYTHING,), mode=mode)
    return Purge(tuple(tags), tuple(patterns), mode)


@dataclass(frozen=True, slots=True)
class Record:
    """A purge in the log.

    `nonce` is random; `prior` is the nonce of the record before this one, so that a log that was
    rewound and went on otherwise is noticed. `at` is when it was accepted, seconds of the
    applying replica's clock.
    """

    sequence: int
    nonce: bytes
    prior: bytes
    purge: Purge
    at: float = field(compare=False, default=0.0)


class Place(NamedTuple):
    """Where a record stands: its sequence means something in its epoch alone."""

    epoch: bytes
    sequence: int


class Born(NamedTuple):
    """How much of the log had been applied when a fetch began.

    `epoch` names the log, in hexadecimal; `sequence` the last record applied; `minor` counts the
    purges that this replica has applied since by itself, while the log could not be reached.
    """

    epoch: bytes
    sequence: int
    minor: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """What the shared log itself says of some tags, at the moment it was asked.

    `hard` and `soft` are the latest sequence at which one of them was purged in that way, 0 for
    never; `soft_at` when, in seconds of the engine's clock. Of what is older than `floor` the log
    no longer knows everything.
    """

    epoch: bytes
    sequence: int
    floor: int = 0
    hard: int = 0
    soft: int = 0
    soft_at: float = 0.0
