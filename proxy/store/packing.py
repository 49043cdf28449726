"""Packing: an entry as few flat bytes, in which the memory tier holds it.

An entry of 2 KiB is some forty objects of the interpreter, which take as much again as its body,
and each of which the garbage collector visits. These bytes never leave the process: what is read
here was written here, so that nothing has to be checked, and whatever an entry has is kept. This
module must not know how many are held, nor for how long.
"""

from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache
from operator import attrgetter
from typing import Final

from msgspec.msgpack import Decoder, Encoder

from proxy.engine.entry import Coded, Entry
from proxy.http.cache_control import Directives
from proxy.http.message import Fields
from proxy.http.ranges import ContentRange
from proxy.http.validators import EntityTag
from proxy.policy.stored import Lifetime, Stored
from proxy.rules.labels import Labels
from proxy.store.metadata import Head, SaidAtRest

Packed = tuple[bytes, ...]
"""Of each entry its head, its body as it is, and the body in each other coding, all in a row."""

_said: Final = attrgetter(*(field.name for field in fields(Directives)))
_SAID: Final = Decoder(SaidAtRest)
_HEAD: Final = Decoder(Head)
_encode: Final = Encoder().encode


def pack(entry: Entry) -> Packed:
    """Return an entry as bytes; the bodies are the entry's own."""
    head = bytes(memoryview(_encode(_head(entry))))  # the encoder's own keep room to grow: 40 %
    return (head, entry.body, *[coded.body for coded in entry.codings])


def unpack(packed: Packed) -> tuple[Entry, ...]:
    """Return the entries that `pack` was given, equal in all that they hold."""
    strings = iter(packed)
    return tuple([_entry(_HEAD.decode(head), strings) for head in strings])


def size(entry: Entry) -> int:
    """Return of how many strings a packed entry consists."""
    return 2 + len(entry.codings)


def _head(entry: Entry) -> Head:
    stored, labels = entry.stored, entry.labels
    etag, lifetime, part = stored.etag, stored.lifetime, stored.part
    return Head(
        entry.text,
        entry.id,
        labels.location,
        labels.tags,
        entry.born,
        tuple([(each.coding, each.mark, each.best) for each in entry.codings]),
        stored.status,
        stored.fields.lines,
        _packed_directives(stored.directives),
        stored.selecting,
        stored.varies,
        None if etag is None else (etag.opaque, etag.weak),
        stored.last_modified,
        stored.date,
        stored.request_time,
        stored.response_time,
        stored.age_on_arrival,
        (lifetime.seconds, lifetime.source, lifetime.arithmetic),
        stored.stale_while_revalidate,
        stored.stale_if_error,
        stored.shareable,
        stored.length,
        None if part is None else (part.first, part.last, part.size),
        stored.overdue,
        stored.stale_since,
        stored.own_etag,
    )


def _entry(head: Head, bodies: Iterator[bytes]) -> Entry:
    """Return an entry, and take from `bodies` those that are its own."""
    return Entry(
        head.text,
        _stored(head),
        next(bodies),
        Labels(head.tags, head.location),
        head.born,
        tuple([Coded(coding, next(bodies), mark, best) for coding, mark, best in head.codings]),
        head.id,
    )


def _stored(head: Head) -> Stored:
    return Stored(
        head.status,
        Fields(head.lines),
        _directives(head.directives),
        head.selecting,
        head.varies,
        None if head.etag is None else EntityTag(*head.etag),
        head.last_modified,
        head.date,
        head.request_time,
        head.response_time,
        head.age_on_arrival,
        Lifetime(*head.lifetime),
        head.stale_while_revalidate,
        head.stale_if_error,
        head.shareable,
        head.length,
        None if head.part is None else ContentRange(*head.part),
        head.overdue,
        head.stale_since,
        head.own_etag,
    )


@lru_cache(maxsize=256)
def _packed_directives(directives: Directives) -> bytes:
    return _encode(_said(directives))


@lru_cache(maxsize=256)
def _directives(packed: bytes) -> Directives:
    return Directives(*_SAID.decode(packed))
