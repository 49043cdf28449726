"""Entry: a stored response with its body, and which entries stand together under one key."""

from collections.abc import Sequence
from hashlib import blake2b
from secrets import token_hex
from typing import Final

from proxy.engine.purge import Born
from proxy.http.codings import Coding
from proxy.http.message import Fields, Request
from proxy.policy import parts, reuse
from proxy.policy.stored import Stored
from proxy.rules.labels import Labels
from proxy.values import replace, valueclass

MOST_TAGS: Final = 512
"""Tags of an entry, over all the messages that it was made of."""

CODED_OVERHEAD: Final = 300
_OVERHEAD: Final = 1_100
_LINE_OVERHEAD: Final = 260
"""Bytes of objects around a coded body, an entry and a field line, measured: bounds are honest."""


@valueclass(frozen=True, slots=True)
class Coded:
    """A body in another coding than the one in which it came.

    `mark` names these very bytes in their entity tag; `best` tells that none smaller can be had.
    """

    coding: Coding
    body: bytes
    mark: bytes
    best: bool = False

    @classmethod
    def of(cls, coding: Coding, body: bytes, *, best: bool = False) -> "Coded":
        """Return a body that was coded whole: made of the same bytes it has the same mark."""
        return cls(coding, body, blake2b(body, digest_size=6).hexdigest().encode(), best)

    @property
    def cost(self) -> int:
        """Bytes of memory that it takes."""
        return CODED_OVERHEAD + len(self.body)


@valueclass(frozen=True, slots=True)
class Entry:
    """One variant as it rests in a store.

    `text` is the whole key, compared on every read, so that two keys of one digest are a miss
    and never each other's answer. `labels` and `born` are the ledger's (see there). `codings` are
    made of the body when they are first needed, and rest beside it. `id` tells this entry from
    any other that lies in its place, in whatever tier.
    """

    text: bytes
    stored: Stored
    body: bytes
    labels: Labels
    born: Born
    codings: tuple[Coded, ...] = ()
    id: bytes = b""

    @property
    def cost(self) -> int:
        """Bytes of memory that the entry takes while it is at work; at rest they are fewer."""
        head = sum(  # a name is held as it came and in lower case
            2 * len(name) + len(value) + _LINE_OVERHEAD for name, value in self.stored.fields
        )
        selecting = sum(  # comes from clients, so that it has to count
            len(name) + len(value or b"") + _LINE_OVERHEAD for name, value in self.stored.selecting
        )
        bodies = len(self.body) + sum(each.cost for each in self.codings)
        return _OVERHEAD + len(self.text) + self.labels.cost + head + selecting + bodies

    def same_answer(self, other: "Entry") -> bool:
        """Tell whether both are one answer in one state, whatever was coded or purged since."""
        return self.id == other.id and self.stored == other.stored

    def coded(self, coding: Coding) -> Coded | None:
        """Return the body in a coding, if it was made already."""
        return next((each for each in self.codings if each.coding is coding), None)

    def with_coded(self, coded: Coded) -> "Entry":
        """Return the entry with a coding more, or with another in the place of its like."""
        others = (each for each in self.codings if each.coding is not coded.coding)
        return replace(self, codings=(*others, coded))


def another() -> bytes:
    """Return an id that no other entry has."""
    return token_hex(8).encode()


def joined(old: Entry, new: Entry) -> Entry | None:
    """Return one entry that holds the bytes of both parts, or None if they do not join.

    When nothing is missing any more it is a whole 200 (9111 §3.4).
    """
    place = parts.join(old.stored, new.stored)
    labels = new.labels.plus(old.labels.tags)
    if place is None or old.stored.part is None or new.stored.part is None:
        return None
    if len(labels.tags) > MOST_TAGS:
        return None
    body = bytearray(place.length)
    for entry, part in ((old, old.stored.part), (new, new.stored.part)):
        start = part.first - place.first
        body[start : start + part.length] = entry.body
    fields = Fields((*old.stored.fields.without(new.stored.fields.names()), *new.stored.fields))
    stored = replace(new.stored, fields=fields, part=place, length=place.length)
    return _promoted(replace(new, stored=stored, body=bytes(body), labels=labels, codings=()))


def _promoted(entry: Entry) -> Entry:
    """Return an entry that lacks nothing of the whole as the 200 that it is (9110 §15.3.7.3)."""
    stored = entry.stored
    if stored.part is None or stored.part.length != stored.part.size:
        return entry
    fields = stored.fields.without({b"content-range"})
    return replace(entry, stored=replace(stored, status=200, fields=fields, part=None))


def with_entry(
    present: Sequence[Entry], new: Entry, request: Request, limit: int
) -> tuple[Entry, ...]:
    """Return the variants of a key once `new`, the answer to `request`, has come (9111 §4.1).

    It takes the place of every variant that would have matched the request; a new part joins
    the part that is held, and never displaces a whole. At most `limit` stay, the latest first.
    """
    new = _promoted(new)
    others = [e for e in present if not reuse.matches(request, e.stored.selecting)]
    rivals = [e for e in present if reuse.matches(request, e.stored.selecting)]
    if new.stored.part is not None:
        wholes = [e for e in rivals if e.stored.part is None]
        merged = (joined(e, new) for e in rivals)
        new = next((e for e in merged if e is not None), new)
        others = [*wholes, *others] if new.stored.part is not None else others
    return (new, *others)[:limit]
