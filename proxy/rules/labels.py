"""Labels: everything by which a stored answer can be purged.

A label is a tag, which is compared whole, or the location, against which patterns are held. A tag
starts with one letter that says of which kind it is, so that no word from outside can pose as
another kind. This module must not know what has been purged.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from proxy.values import valueclass

EVERYTHING: Final = b"*"
"""The tag that every answer has."""

LONGEST: Final = 200
"""Bytes of a tag as it is kept; a longer one stands as its digest."""

TAG_OVERHEAD: Final = 41
"""Bytes of objects around a tag."""


@valueclass(frozen=True, slots=True)
class Labels:
    """By what an answer can be purged: `tags`, and `location`, its authority and target."""

    tags: tuple[bytes, ...]
    location: bytes

    @property
    def cost(self) -> int:
        """Bytes of memory that they take, but for the objects around all of them."""
        tags = sum(len(tag) + TAG_OVERHEAD for tag in self.tags)
        return len(self.location) + tags

    def plus(self, tags: Iterable[bytes]) -> "Labels":
        """Return the labels with more tags, each once."""
        return Labels(tuple(dict.fromkeys((*self.tags, *tags))), self.location)


def tag(name: bytes) -> bytes:
    """Return the tag that an upstream, a rule or an operator calls `name`."""
    return b"t" + (name if len(name) <= LONGEST else b"#" + _digest(name).hex().encode())


def rule_tag(name: str) -> bytes:
    """Return the tag of all that is kept under a rule."""
    return b"r" + name.encode()


def host_tag(authority: bytes) -> bytes:
    """Return the tag of all that is kept for an authority in its normal form."""
    return b"h" + authority


def uri_tag(scheme: bytes, authority: bytes, target: bytes) -> bytes:
    """Return the tag of all that is kept for a URI in its normal form."""
    return b"u" + _digest(b"\0".join((scheme, authority, target)))


def target_tag(target: bytes) -> bytes:
    """Return the tag of all that is kept for a target, whatever the scheme and authority."""
    return b"p" + _digest(target)


def group_tag(scheme: bytes, authority: bytes, group: bytes) -> bytes:
    """Return the tag of a cache group, which is one origin's own (9875 §2.1)."""
    return b"g" + _digest(b"\0".join((scheme, authority, group)))


def shown(label: bytes) -> str | None:
    """Return the name of a tag fit for people; None for the kinds that are digests."""
    if label == EVERYTHING:
        return None
    kind, name = label[:1], label[1:].decode("utf-8", "backslashreplace")
    return {b"t": name, b"r": f"rule:{name}", b"h": f"host:{name}"}.get(kind)


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).digest()
