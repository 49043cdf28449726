"""Large binaries: byte ranges (RFC 9110, section 14) in constant memory.

The content is a function of the name and the offset, so nothing is stored.
"""

import hashlib
import re
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import Headers

from examples.catalog.conditions import Representation, not_modified, same_representation
from examples.catalog.dependencies import Name
from examples.catalog.seed import YEAR_2024

MIB = 2**20
CHUNK = 256 * 1024
PERIOD = 65_521
"""A prime, so that a chunk put in the wrong place has the wrong bytes."""

BYTE_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE)

router = APIRouter(tags=["downloads"])


@router.get(
    "/download/{name}",
    response_class=StreamingResponse,
    responses={206: {}, 304: {}, 416: {}},
)
def download(
    request: Request, name: Name, size: Annotated[int, Query(ge=0, le=1024 * MIB)] = 4 * MIB
) -> Response:
    """Fresh for an hour, of a known length, in ranges: a cache can cut 206 from a whole copy.

    With `?size=` it grows to 1 GiB, which is more than a cache should keep.
    """
    etag = f'"{name}-{size}"'
    fields = {
        **Representation(b"", etag, YEAR_2024).validators,
        "Cache-Control": "max-age=3600",
        "Accept-Ranges": "bytes",
    }
    if not_modified(request.headers, etag, YEAR_2024):
        return Response(status_code=304, headers=fields)
    part = wanted_part(request.headers, etag, size)
    if part is None:
        return _stream(200, name, range(size), fields)
    if not part:
        return Response(status_code=416, headers={"Content-Range": f"bytes */{size}"})
    fields["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return _stream(206, name, part, fields)


def wanted_part(headers: Headers, etag: str, size: int) -> range | None:
    """Return the one part asked for, empty if there is no such part, None for the whole.

    Several ranges, and what is no range at all, are ignored (section 14.2).
    """
    match = BYTE_RANGE.fullmatch(headers.get("range", ""))
    if match and same_representation(headers.get("if-range", etag), etag, YEAR_2024):
        return _resolved(match[1], match[2], size)
    return None


def content(name: str, part: range) -> Iterator[bytes]:
    """Yield the bytes of `part` of the endless content called `name`."""
    period = hashlib.shake_128(name.encode()).digest(PERIOD)
    repeated = period * (CHUNK // PERIOD + 2)
    for offset in range(part.start, part.stop, CHUNK):
        start = offset % PERIOD
        yield repeated[start : start + min(CHUNK, part.stop - offset)]


def _resolved(first: str, last: str, size: int) -> range | None:
    match first, last:
        case "", "":
            return None
        case "", suffix:
            return range(max(0, size - int(suffix)), size)
        case _, "":
            return range(int(first), size)
        case _:
            part = range(int(first), int(last) + 1)
            return range(part.start, min(part.stop, size)) if part else None


def _stream(status: int, name: str, part: range, fields: dict[str, str]) -> Response:
    return StreamingResponse(
        content(name, part),
        status,
        {**fields, "Content-Length": str(len(part))},
        "application/octet-stream",
    )
