"""Codings: the content codings that are known here, and what Accept-Encoding says of them.

9110 §8.4.1 and §12.5.3. Which coding an answer gets is not decided here.
"""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Final

from proxy.http._grammar import OWS, TOKEN


class Coding(Enum):
    """A content coding that can be made and undone; IDENTITY is none."""

    BR = "br"
    ZSTD = "zstd"
    GZIP = "gzip"
    IDENTITY = "identity"

    @property
    def token(self) -> bytes:
        """The name in Content-Encoding and Accept-Encoding."""
        return self.value.encode()


_NAMES: Final = {coding.token: coding for coding in Coding} | {b"x-gzip": Coding.GZIP}  # §8.4.1.3
_MEMBER: Final = re.compile(
    rb"(?P<name>%b)(?:[ \t]*+;[ \t]*+[qQ]=(?P<weight>0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?" % TOKEN
)
_MOST_MEMBERS: Final = 64


@dataclass(frozen=True, slots=True)
class Accepted:
    """What one request says of codings: weights from 0 (not acceptable) to 1 by coding.

    `listed` are those that it names, `others` is the weight of `*`, None where it has none.
    """

    listed: tuple[tuple[Coding, float], ...] = ()
    others: float | None = None

    def weight(self, coding: Coding) -> float:
        """Return how much a coding is wanted (9110 §12.5.3).

        Identity that nobody mentions is acceptable, and wanted less than all that is named.
        """
        for listed, weight in self.listed:
            if listed is coding:
                return weight
        if self.others is not None:
            return self.others
        return _UNMENTIONED if coding is Coding.IDENTITY else 0.0


_UNMENTIONED: Final = 0.0001
"""Less than any weight that three digits can write."""

UNTOLD: Final = Accepted(((Coding.IDENTITY, 1.0),), others=0.5)
"""A request without the field: any coding will do (§12.5.3), and the plain body is best."""


@lru_cache(maxsize=1024)
def accepted(values: tuple[bytes, ...]) -> Accepted:
    """Read the values of Accept-Encoding, none where the field is absent.

    What cannot be read, and what is not known here, is passed over; of a name that comes twice the
    least weight counts, and beyond 64 members nobody looks.
    """
    if not values:
        return UNTOLD
    found: dict[Coding, float] = {}
    others: float | None = None
    for member in b",".join(values).split(b",", _MOST_MEMBERS)[:_MOST_MEMBERS]:
        match = _MEMBER.fullmatch(member.strip(OWS))
        if match is None:
            continue
        name, weight = match["name"].lower(), float(match["weight"] or 1)
        if name == b"*":
            others = weight if others is None else min(weight, others)
        elif (coding := _NAMES.get(name)) is not None:
            found[coding] = min(weight, found.get(coding, 1.0))
    return Accepted(tuple(found.items()), others)


@lru_cache(maxsize=256)
def applied(values: tuple[bytes, ...]) -> Coding | None:
    """Return the one coding that the values of Content-Encoding say was applied (9110 §8.4).

    IDENTITY where there is none; None for several, and for one that is not known here.
    """
    names = [name for value in values for part in value.split(b",") if (name := part.strip(OWS))]
    names = [name for name in names if name.lower() != b"identity"]
    if not names:
        return Coding.IDENTITY
    return _NAMES.get(names[0].lower()) if len(names) == 1 else None
