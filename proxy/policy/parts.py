"""Parts: what a stored partial response can answer, and how two of them join (9111 §3.3, §3.4).

Positions only; the bytes are joined by whoever holds them.
"""

from proxy.http.message import Head, Request
from proxy.http.ranges import ContentRange, parse_content_range, parse_range, resolve
from proxy.http.validators import parse_etag
from proxy.policy.stored import Stored
from proxy.policy.validation import is_partial_or_conditional, range_applies, updated
from proxy.values import replace


def wanted(request: Request, size: int) -> slice | None:
    """Return the one slice of a body of `size` bytes that a GET's Range asks for, or None.

    None also for several ranges and for none that can be satisfied.
    """
    if request.method != "GET":  # 9110 §14.2: Range means nothing elsewhere
        return None
    ranges = parse_range(request.fields.joined(b"range"))
    if ranges is None or len(ranges) > 1:
        return None
    return next(iter(resolve(ranges, size)), None)


def covers(request: Request, stored: Stored) -> bool:
    """Tell whether what is held suffices for this request (9111 §3.3).

    A part does not where If-Range fails: the whole is wanted then (9110 §13.1.5).
    """
    part = stored.part
    if part is None:
        return True
    if part.size is None or not range_applies(request, stored):
        return False
    asked = wanted(request, part.size)
    return asked is not None and part.first <= asked.start and asked.stop <= part.last + 1


def join(old: Stored, new: Stored) -> ContentRange | None:
    """Return the place in the whole that two parts cover together, or None if they cannot join.

    They can when they carry the same strong validator, agree on the size, and leave no gap
    (9110 §15.3.7.3).
    """
    a, b = old.part, new.part
    if a is None or b is None or a.size is None or a.size != b.size:
        return None
    if old.etag is None or old.etag.weak or old.etag != new.etag:
        return None
    if a.first > b.last + 1 or b.first > a.last + 1:
        return None
    return ContentRange(min(a.first, b.first), max(a.last, b.last), a.size)


def rest_of(request: Request, stored: Stored) -> Request | None:
    """Return the request for what a stored part lacks of the whole (9111 §3.3), or None.

    Only for a plain GET, where the part is the beginning and its tag is strong: If-Range then
    brings either the rest of the same representation or the whole of another.
    """
    part, tag = stored.part, stored.etag
    if part is None or part.size is None or part.first != 0 or tag is None or tag.weak:
        return None
    if request.method != "GET" or is_partial_or_conditional(request):
        return None
    if part.last + 1 == part.size:  # nothing is lacking; past the end only a 416 could come
        return None
    lines = ((b"Range", b"bytes=%d-" % (part.last + 1)), (b"If-Range", tag.render()))
    return replace(request, fields=request.fields.plus(*lines))


def completed(stored: Stored, head: Head) -> Head | None:
    """Return the head of the whole that a 206 with the rest makes of a stored part, or None.

    9111 §3.4: the same strong validator, and exactly the bytes that were missing.
    """
    part, rest = stored.part, parse_content_range(head.fields.first(b"content-range"))
    if part is None or part.size is None or rest is None or head.status != 206:  # noqa: PLR2004 - the status that the clause names
        return None
    if rest != ContentRange(part.last + 1, part.size - 1, part.size):
        return None
    tag = parse_etag(head.fields.first(b"etag"))
    if tag is None or tag.weak or tag != stored.etag:
        return None
    merged = updated(replace(stored, length=part.size), head)
    return Head(200, merged.fields.without({b"content-range"}))
