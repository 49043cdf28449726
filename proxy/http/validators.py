"""Validators: entity tags, the lists of them, and the two ways to compare (9110 §8.8.3).

Last-Modified is a date and read by `dates`. When to compare is not known here.
"""

import re
from enum import Enum
from typing import Final, Literal

from proxy.http._grammar import OWS, skip_gap
from proxy.values import valueclass

_ETAG: Final = rb'(?P<weak>W/)?"(?P<opaque>[\x21\x23-\x7e\x80-\xff]*+)"'
_ALONE: Final = re.compile(_ETAG)
_MEMBER: Final = re.compile(_ETAG + rb"[ \t]*+(?:,|\Z)")


@valueclass(frozen=True, slots=True)
class EntityTag:
    """An entity tag: the bytes between its quotes, and whether it is weak."""

    opaque: bytes
    weak: bool = False

    def render(self) -> bytes:
        """Return the tag as it stands in a field."""
        return b'%s"%s"' % (b"W/" if self.weak else b"", self.opaque)


class AnyTag(Enum):
    """The `*` of If-Match and If-None-Match: any current representation (9110 §13.1)."""

    ANY = "*"


AnyTagType = Literal[AnyTag.ANY]
ANY: Final = AnyTag.ANY


def parse_etag(value: bytes | None) -> EntityTag | None:
    """Return the entity tag that a field's whole value is, or None."""
    found = _ALONE.fullmatch(value.strip(OWS)) if value else None
    return _entity_tag(found) if found else None


def parse_tags(values: tuple[bytes, ...]) -> AnyTagType | tuple[EntityTag, ...]:
    """Return the tags of If-Match or If-None-Match in order; members that are none are skipped.

    A comma may be part of a tag, so that the list cannot be split at commas first.
    """
    value = b", ".join(values).strip(OWS)
    if value == b"*":
        return ANY
    tags: list[EntityTag] = []
    position = 0
    while position < len(value):
        position = skip_gap(value, position)
        if found := _MEMBER.match(value, position):
            tags.append(_entity_tag(found))
            position = found.end()
        else:
            comma = value.find(b",", position)
            position = len(value) if comma == -1 else comma
    return tuple(tags)


def _entity_tag(found: re.Match[bytes]) -> EntityTag:
    return EntityTag(found["opaque"], weak=found["weak"] is not None)


def strong_match(a: EntityTag, b: EntityTag) -> bool:
    """Tell whether both are strong and alike (9110 §8.8.3.2)."""
    return not a.weak and a == b


def weak_match(a: EntityTag, b: EntityTag) -> bool:
    """Tell whether both are alike, weak or not (9110 §8.8.3.2)."""
    return a.opaque == b.opaque
