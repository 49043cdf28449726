"""Shaping: the answer that a stored response becomes for one request (9110 §13, §14, §15).

Whole, part, 304, 416 or head alone, with its Age, Content-Length and Cache-Status. The body is
named by a slice of the stored bytes; this module must not touch them.
"""

from dataclasses import dataclass
from typing import Final

from proxy.http.cache_status import CacheStatus
from proxy.http.message import Fields, Line, Request
from proxy.http.ranges import ContentRange, parse_range, resolve, unsatisfied
from proxy.policy.stored import Stored
from proxy.policy.validation import not_modified, range_applies

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

_NO_CONTENT: Final = 204


@dataclass(frozen=True, slots=True)
class Shape:
    """The head of an answer, and which of the stored bytes follow it (none for HEAD or 304)."""

    status: int
    fields: Fields
    body: slice | None


def shape(
    request: Request, stored: Stored, now: float, status: CacheStatus, name: str = "sidecache"
) -> Shape:
    """Return the answer to `request` from `stored`; `status` and `name` go into Cache-Status."""
    common: tuple[Line, ...] = (
        (b"Age", b"%d" % stored.age(now)),
        (b"Cache-Status", status.render(name)),
    )
    if not_modified(request, stored):
        return _unmodified(stored, common)
    if request.method == "GET" and b"range" in request.fields and range_applies(request, stored):
        ranged = _ranged(request, stored, common)
        if ranged is not None:
            return ranged
    length = () if stored.status == _NO_CONTENT else ((b"Content-Length", b"%d" % stored.length),)
    body = slice(0, stored.length) if request.method == "GET" and length else None
    return Shape(stored.status, stored.fields.plus(*length, *common), body)


def _unmodified(stored: Stored, common: tuple[Line, ...]) -> Shape:
    omitted = _NOT_IN_304 if stored.etag is None else _NOT_IN_304 | {b"last-modified"}
    return Shape(304, stored.fields.without(omitted).plus(*common), None)


def _ranged(request: Request, stored: Stored, common: tuple[Line, ...]) -> Shape | None:
    """Return a 206 or 416, or None where the Range does not count and the whole is sent."""
    size, offset = stored.length, 0
    if stored.part is not None and stored.part.size is not None:
        size, offset = stored.part.size, stored.part.first
    elif stored.status != 200:  # noqa: PLR2004 - 9110 §14.2: only what would be a 200
        return None
    ranges = parse_range(request.fields.joined(b"range"))
    if ranges is None or len(ranges) > 1 or size == 0:  # §14.2 lets these have the whole
        return None
    plain = stored.fields.without({b"content-range"})
    slices = resolve(ranges, size)
    if not slices:
        refusal = (
            (b"Cache-Control", b"no-store"),
            (b"Content-Range", unsatisfied(size)),
            (b"Content-Length", b"0"),
        )
        return Shape(416, plain.without(_NOT_IN_416).plus(*refusal, *common), None)
    start, stop = slices[0].start, slices[0].stop
    lines = (
        (b"Content-Range", ContentRange(start, stop - 1, size).render()),
        (b"Content-Length", b"%d" % (stop - start)),
    )
    return Shape(206, plain.plus(*lines, *common), slice(start - offset, stop - offset))
