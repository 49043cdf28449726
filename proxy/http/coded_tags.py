"""Coded tags: the entity tag of a representation that was coded here (9110 §8.8.3.3).

`"abc"` becomes `"abc-sc.br.4f1e…"`: the tag it had, the coding, and a mark of the very bytes, so
that two codings of one body never pose as each other, nor do two ways to make one. A weak tag says
no more than that the meaning is the same, and stays as it is. What is done about a tag is not
decided here.
"""

import re
from typing import Final, NamedTuple

from proxy.http.codings import Coding
from proxy.http.validators import EntityTag

_CODED: Final = re.compile(
    rb"(?P<base>.*)-sc\.(?P<coding>br|zstd|gzip|identity)\.(?P<mark>[0-9a-f]{1,32})", re.DOTALL
)


class CodedTag(NamedTuple):
    """A tag taken apart: the one it was made of, the coding, the mark of the bytes."""

    base: EntityTag
    coding: Coding
    mark: bytes


def coded_tag(base: EntityTag, coding: Coding, mark: bytes) -> EntityTag:
    """Return the tag of what `base` becomes in a coding; `mark` is up to 32 hexadecimal digits."""
    if base.weak:
        return base
    return EntityTag(b"%b-sc.%b.%b" % (base.opaque, coding.token, mark))


def taken_apart(tag: EntityTag) -> CodedTag | None:
    """Return the parts of a tag that `coded_tag` made, or None for any other.

    One that came back weakened is taken apart too: it names the same representation.
    """
    found = _CODED.fullmatch(tag.opaque)
    if found is None:
        return None
    return CodedTag(
        EntityTag(found["base"], tag.weak), Coding(found["coding"].decode()), found["mark"]
    )


def plain(tag: EntityTag) -> EntityTag:
    """Return the tag by which the upstream knows a representation."""
    parts = taken_apart(tag)
    return tag if parts is None else parts.base
