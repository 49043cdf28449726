"""The codec: an entry, or the index of a key's variants, as versioned bytes.

What comes back may be corrupt, forged, foreign or of another release: then it is nothing, and a
miss. Nothing in it is ever executed. This module must not know where the bytes are kept.

    magic 4 · version 1 · kind 1 · id 16 · xxh3-128 of all else 16 · metadata's length 4 ·
    metadata · body · the body in other codings, one after the other
"""

import re
from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from operator import attrgetter
from struct import Struct
from typing import Final

from msgspec.msgpack import Decoder, Encoder
from xxhash import xxh3_128

from proxy.engine.entry import Coded, Entry
from proxy.engine.purge import Born
from proxy.http._grammar import is_token
from proxy.http.cache_control import Directives
from proxy.http.message import Fields, Line
from proxy.http.validators import EntityTag
from proxy.policy.stored import Lifetime, Selecting, Stored
from proxy.rules.labels import Labels
from proxy.store.metadata import Members, Metadata

VERSION: Final = 2
"""To be raised whenever the same bytes would mean something else."""

LARGEST: Final = 64 * 1_048_576
"""Bytes of a value; one that is larger is nothing."""

ID_SIZE: Final = 16
"""Bytes of what tells an entry from all others; scripts look at it without reading the rest."""


class Kind(Enum):
    """What a value says it is; whether that is true is found out when it is decoded."""

    UNKNOWN = 0
    ENTRY = 1
    INDEX = 2


_KEPT: Final = frozenset(range(200, 600)) - {206, 304}
_MARK: Final = re.compile(rb"[0-9a-f]{1,32}")
_BREAKING: Final = re.compile(rb"[\0\r\n]")

_MAGIC: Final = b"SCE1"
_START: Final = Struct(">4sBB")
_SIZE: Final = Struct(">I")
_KINDS: Final = {_START.pack(_MAGIC, VERSION, k.value): k for k in (Kind.ENTRY, Kind.INDEX)}
_REST: Final = _START.size + ID_SIZE + 16
_METADATA: Final = _REST + _SIZE.size

_said: Final = attrgetter(*(field.name for field in fields(Directives)))


_ENCODER: Final = Encoder(order="deterministic")
_ENTRY: Final = Decoder(Metadata)
_INDEX: Final[Decoder[tuple[Selecting, ...]]] = Decoder(Members)


def kind(value: bytes) -> Kind:
    """Return what a value says it is; UNKNOWN for what is foreign or of another version."""
    if not _METADATA <= len(value) <= LARGEST:
        return Kind.UNKNOWN
    return _KINDS.get(value[: _START.size], Kind.UNKNOWN)


def encode(entry: Entry, offset: float) -> bytes:
    """Return an entry as bytes, its times `offset` seconds later: on the shared clock.

    `born.minor` stays behind, since it counts what no other replica knows. Raises ValueError for
    a part, which is no answer that could be shared.
    """
    if entry.stored.part is not None:
        raise ValueError("a partial response is not shared")
    bodies = (entry.body, *(coded.body for coded in entry.codings))
    return _sealed(Kind.ENTRY, _ENCODER.encode(_metadata(entry, offset)), *bodies, own=entry.id)


def decode(value: bytes, offset: float) -> Entry | None:
    """Return the entry that `encode` was given, or None for anything else; raises nothing."""
    opened = _opened(value, Kind.ENTRY)
    if opened is None:
        return None
    try:
        return _entry(_ENTRY.decode(opened[0]), opened[1], offset, id_of(value))
    except ValueError:  # every error of msgspec is one, and so is text that is not UTF-8
        return None


def encode_index(members: tuple[Selecting, ...]) -> bytes:
    """Return the selecting fields of a key's variants (9111 §4.1) as bytes."""
    return _sealed(Kind.INDEX, _ENCODER.encode(members))


def decode_index(value: bytes) -> tuple[Selecting, ...] | None:
    """Return what `encode_index` was given, or None for anything else; raises nothing."""
    opened = _opened(value, Kind.INDEX)
    if opened is None or opened[1]:
        return None
    try:
        return _INDEX.decode(opened[0])
    except ValueError:
        return None


# The envelope


ID_START: Final = _START.size
ID_STOP: Final = ID_START + ID_SIZE
"""Where the id stands in a value."""


def id_of(value: bytes) -> bytes:
    """Return the id of the entry that a value holds; empty where it has none."""
    return value[ID_START:ID_STOP].rstrip(b"\0")


def _sealed(of: Kind, metadata: bytes, *bodies: bytes, own: bytes = b"") -> bytes:
    start = _START.pack(_MAGIC, VERSION, of.value) + own.ljust(ID_SIZE, b"\0")[:ID_SIZE]
    rest = (_SIZE.pack(len(metadata)), metadata, *bodies)
    return b"".join((start, _checksum(start, *rest), *rest))


def _opened(value: bytes, wanted: Kind) -> tuple[bytes, bytes] | None:
    """Return the metadata and the body of a sound value of the kind that is wanted."""
    if kind(value) is not wanted:
        return None
    rest = memoryview(value)[_REST:]
    if _checksum(value[:ID_STOP], rest) != value[ID_STOP:_REST]:
        return None
    end = _METADATA + _SIZE.unpack_from(value, _REST)[0]
    return (value[_METADATA:end], value[end:]) if end <= len(value) else None


def _checksum(*pieces: bytes | memoryview) -> bytes:
    hasher = xxh3_128()
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()


# The metadata


def _metadata(entry: Entry, offset: float) -> Metadata:
    stored, etag, lifetime = entry.stored, entry.stored.etag, entry.stored.lifetime
    return Metadata(
        text=entry.text,
        location=entry.labels.location,
        tags=entry.labels.tags,
        epoch=entry.born.epoch,
        sequence=entry.born.sequence,
        status=stored.status,
        lines=stored.fields.lines,
        directives=_said(stored.directives),
        selecting=stored.selecting,
        varies=stored.varies,
        etag=None if etag is None else (etag.opaque, etag.weak),
        last_modified=stored.last_modified,
        date=stored.date,
        request_time=stored.request_time + offset,
        response_time=stored.response_time + offset,
        age_on_arrival=stored.age_on_arrival,
        lifetime=(lifetime.seconds, lifetime.source, lifetime.arithmetic),
        stale_while_revalidate=stored.stale_while_revalidate,
        stale_if_error=stored.stale_if_error,
        shareable=stored.shareable,
        length=stored.length,
        overdue=stored.overdue,
        stale_since=None if stored.stale_since is None else stored.stale_since + offset,
        own_etag=stored.own_etag,
        codings=tuple((c.coding, c.mark, c.best, len(c.body)) for c in entry.codings),
    )


def _entry(metadata: Metadata, body: bytes, offset: float, own: bytes) -> Entry:
    if not _sound(metadata, body):
        raise ValueError("no answer of this proxy")
    labels = Labels(metadata.tags, metadata.location)
    born = Born(metadata.epoch, metadata.sequence)
    plain, codings = body[: metadata.length], tuple(_codings(metadata, body))
    return Entry(metadata.text, _stored(metadata, offset), plain, labels, born, codings, own)


def _codings(metadata: Metadata, body: bytes) -> Iterator[Coded]:
    start = metadata.length
    for coding, mark, best, length in metadata.codings:
        yield Coded(coding, body[start : start + length], mark, best)
        start += length


def _sound(metadata: Metadata, body: bytes) -> bool:
    """Tell whether this could have been written here, whatever its checksum says."""
    return (
        metadata.status in _KEPT
        and all(length >= 0 and _MARK.fullmatch(mark) for _, mark, _, length in metadata.codings)
        and metadata.length >= 0
        and metadata.length + sum(each[-1] for each in metadata.codings) == len(body)
        and metadata.age_on_arrival >= 0
        and _lines_are_sound(metadata.lines)
    )


def _lines_are_sound(lines: tuple[Line, ...]) -> bool:
    """Tell whether all names are tokens and no value breaks a line; asked of all at once."""
    names = [name for name, _ in lines]
    named = not names or (b"" not in names and is_token(b"".join(names)))
    return named and not _BREAKING.search(b"".join([value for _, value in lines]))


def _stored(metadata: Metadata, offset: float) -> Stored:
    etag, stale_since = metadata.etag, metadata.stale_since
    return Stored(
        status=metadata.status,
        fields=Fields(metadata.lines),
        directives=Directives(*metadata.directives),
        selecting=metadata.selecting,
        varies=metadata.varies,
        etag=None if etag is None else EntityTag(etag[0], weak=etag[1]),
        last_modified=metadata.last_modified,
        date=metadata.date,
        request_time=metadata.request_time - offset,
        response_time=metadata.response_time - offset,
        age_on_arrival=metadata.age_on_arrival,
        lifetime=Lifetime(*metadata.lifetime),
        stale_while_revalidate=metadata.stale_while_revalidate,
        stale_if_error=metadata.stale_if_error,
        shareable=metadata.shareable,
        length=metadata.length,
        overdue=metadata.overdue,
        stale_since=None if stale_since is None else stale_since - offset,
        own_etag=metadata.own_etag,
    )
