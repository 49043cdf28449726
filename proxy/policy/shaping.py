"""Shaping: the answer that a stored response becomes for one request (9110 §13, §14, §15).

Whole, part, several parts, 304, 416 or head alone, with its Age, Content-Length and Cache-Status.
The body is named by slices of the stored bytes; this module must not touch them, nor know in which
coding they are.
"""

from hashlib import blake2b
from typing import Final

from proxy.http.cache_status import CacheStatus
from proxy.http.message import Fields, Line, Request
from proxy.http.ranges import ContentRange, merged, parse_range, resolve, unsatisfied
from proxy.policy.stored import Stored
from proxy.policy.validation import not_modified, range_applies
from proxy.values import valueclass

_NOT_IN_304: Final = frozenset(
    {
        b"content-type",
        b"content-encoding",
        b"content-language",
        b"content-range",
        b"content-digest",
        b"repr-digest",
        b"accept-ranges",
    }
)
"""Representation metadata that a 304 does not repeat (9110 §15.4.5)."""

_NOT_IN_416: Final = (_NOT_IN_304 - {b"accept-ranges"}) | {
    *(b"content-disposition", b"cache-control", b"cdn-cache-control", b"expires")
}
"""What describes the representation, or says how long it lasts: a cache behind us has no key that
holds the Range, and would take the refusal for the answer to everybody."""

_NOT_IN_206: Final = frozenset({b"content-range", b"content-digest", b"content-md5"})
"""What is about the whole content, not about a part of it (9530 §2)."""

_NO_CONTENT: Final = 204
_OK: Final = 200

MOST_PARTS: Final = 4
"""Ranges that one answer has; whoever asks for more is given the whole (9110 §14.2)."""

Piece = bytes | slice
"""Bytes as they are, or a slice of the stored ones."""


@valueclass(frozen=True, slots=True)
class Shape:
    """The head of an answer, and the pieces that follow it (None for HEAD or 304)."""

    status: int
    fields: Fields
    body: tuple[Piece, ...] | None


def shape(  # noqa: PLR0913 - the inputs of one answer
    request: Request,
    stored: Stored,
    now: float,
    status: CacheStatus,
    name: str = "sidecache",
    *,
    further: tuple[Line, ...] = (),
    most_parts: int = MOST_PARTS,
) -> Shape:
    """Return the answer to `request` from `stored`, with `further` lines in its head.

    `status` and `name` go into Cache-Status; at most `most_parts` ranges are answered as such.
    """
    common: tuple[Line, ...] = (
        *further,
        (b"Age", b"%d" % stored.age(now)),
        (b"Cache-Status", status.render(name)),
    )
    if not_modified(request, stored):
        return _unmodified(stored, common)
    if request.method == "GET" and b"range" in request.fields and range_applies(request, stored):
        ranged = _ranged(request, stored, common, most_parts)
        if ranged is not None:
            return ranged
    length = () if stored.status == _NO_CONTENT else ((b"Content-Length", b"%d" % stored.length),)
    body = (slice(0, stored.length),) if request.method == "GET" and length else None
    return Shape(stored.status, stored.fields.plus(*length, *common), body)


def _unmodified(stored: Stored, common: tuple[Line, ...]) -> Shape:
    omitted = _NOT_IN_304 if stored.etag is None else _NOT_IN_304 | {b"last-modified"}
    return Shape(304, stored.fields.without(omitted).plus(*common), None)


def _ranged(
    request: Request, stored: Stored, common: tuple[Line, ...], most_parts: int
) -> Shape | None:
    """Return a 206 or 416, or None where the Range does not count and the whole is sent."""
    size, offset = stored.length, 0
    if stored.part is not None and stored.part.size is not None:
        size, offset = stored.part.size, stored.part.first
    elif stored.status != _OK:  # 9110 §14.2: only what would be a 200
        return None
    ranges = parse_range(request.fields.joined(b"range"))
    if ranges is None or size == 0:
        return None
    slices = merged(resolve(ranges, size))
    if not slices:
        return _unsatisfiable(stored, size, common)
    if len(slices) > 1:
        return _several(stored, slices, common) if len(slices) <= most_parts else None
    start, stop = slices[0].start, slices[0].stop
    lines = (
        (b"Content-Range", ContentRange(start, stop - 1, size).render()),
        (b"Content-Length", b"%d" % (stop - start)),
    )
    fields = stored.fields.without(_NOT_IN_206).plus(*lines, *common)
    return Shape(206, fields, (slice(start - offset, stop - offset),))


def _unsatisfiable(stored: Stored, size: int, common: tuple[Line, ...]) -> Shape:
    refusal = (
        (b"Cache-Control", b"no-store"),
        (b"Content-Range", unsatisfied(size)),
        (b"Content-Length", b"0"),
    )
    return Shape(416, stored.fields.without(_NOT_IN_416).plus(*refusal, *common), None)


def _several(stored: Stored, slices: tuple[slice, ...], common: tuple[Line, ...]) -> Shape | None:
    """Return a 206 of several parts (9110 §14.6); None where the whole would be shorter.

    Nor of what is coded: to undo that of the parts and what is between them gives nothing (§8.4).
    """
    if b"content-encoding" in stored.fields:
        return None
    boundary = _boundary(stored, slices)
    pieces: list[Piece] = []
    for each in slices:
        pieces += _part_head(stored, each, boundary, first=not pieces), each
    pieces.append(b"\r\n--%b--\r\n" % boundary)
    length = sum(p.stop - p.start if isinstance(p, slice) else len(p) for p in pieces)
    if length >= stored.length:
        return None
    lines = (
        (b"Content-Type", b"multipart/byteranges; boundary=" + boundary),
        (b"Content-Length", b"%d" % length),
    )
    fields = stored.fields.without(_NOT_IN_206 | {b"content-type"})
    return Shape(206, fields.plus(*lines, *common), tuple(pieces))


def _part_head(stored: Stored, part: slice, boundary: bytes, *, first: bool) -> bytes:
    place = ContentRange(part.start, part.stop - 1, stored.length).render()
    media = stored.fields.first(b"content-type")
    typed = b"" if media is None else b"Content-Type: %b\r\n" % media
    start = b"" if first else b"\r\n"
    return b"%b--%b\r\n%bContent-Range: %b\r\n\r\n" % (start, boundary, typed, place)


def _boundary(stored: Stored, slices: tuple[slice, ...]) -> bytes:
    """Return a line that the body does not have: its author cannot know when it will be kept."""
    told = repr((stored.request_time, stored.response_time, stored.length, slices)).encode()
    return blake2b(told, digest_size=16).hexdigest().encode()
