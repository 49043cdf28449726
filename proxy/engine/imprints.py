"""Imprints: what shadow mode remembers of answers: what the judgement needs, and digests.

No body, no field and no value of a request is held. The imprints used last stay, bounded by number
and by bytes. This module must not know what is made of them.
"""

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Final

from proxy.engine.purge import Born
from proxy.policy.stored import Stored
from proxy.rules.comparison import Sighting
from proxy.rules.labels import Labels

MOST: Final = 20_000
BYTES: Final = 32 * 1_048_576
"""Bounds of all imprints together."""

SIGHTINGS: Final = 32
"""The latest answers that are held of one imprint."""

_OVERHEAD: Final = 1_500
_OF_A_PART: Final = 180


@dataclass(frozen=True, slots=True)
class Imprint:
    """An answer that would be stored.

    `stored` without its fields and without the values that select it: `names` are the fields that
    Vary nominates, `variant` is a digest of their values. `print` is a digest of the answer in the
    `coding` in which it came; `sightings` are the upstream's own answers to what it would have
    answered.
    """

    names: tuple[bytes, ...]
    variant: bytes
    stored: Stored
    labels: Labels
    born: Born
    print: bytes
    coding: bytes = b""
    sightings: tuple[Sighting, ...] = ()

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes, about."""
        parts = sum(len(sighting.parts) for sighting in self.sightings)
        return _OVERHEAD + parts * _OF_A_PART + self.labels.cost

    def seen(self, sighting: Sighting) -> "Imprint":
        """Return the imprint with a sighting more; a mere repetition takes the last place."""
        kept = self.sightings
        if kept and (kept[-1].print, kept[-1].parts) == (sighting.print, sighting.parts):
            kept = kept[:-1]
        return replace(self, sightings=(*kept, sighting)[-SIGHTINGS:])


class Imprints:
    """The imprints by the digest of their key."""

    def __init__(self, most: int = MOST, limit: int = BYTES) -> None:
        self._most = most
        self._limit = limit
        self._imprints: OrderedDict[bytes, tuple[Imprint, ...]] = OrderedDict()
        self.bytes = 0

    def __len__(self) -> int:
        return len(self._imprints)

    def get(self, digest: bytes) -> tuple[Imprint, ...]:
        """Return the imprints under a key, the latest first."""
        found = self._imprints.get(digest, ())
        if found:
            self._imprints.move_to_end(digest)
        return found

    def put(self, digest: bytes, imprints: tuple[Imprint, ...]) -> None:
        """Put these in the place of what is held under a key; what was used least gives way."""
        self._drop(digest)
        if imprints:
            self._imprints[digest] = imprints
            self.bytes += _cost(imprints)
        while len(self._imprints) > self._most or self.bytes > self._limit:
            self._drop(next(iter(self._imprints)))

    def _drop(self, digest: bytes) -> None:
        self.bytes -= _cost(self._imprints.pop(digest, ()))


def _cost(imprints: tuple[Imprint, ...]) -> int:
    return sum(imprint.cost for imprint in imprints)
