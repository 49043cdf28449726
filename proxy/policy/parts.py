"""Parts: what a stored partial response can answer, and how two of them join (9111 §3.3, §3.4).

Positions only; the bytes are joined by whoever holds them.
"""

from proxy.http.message import Request
from proxy.http.ranges import ContentRange, parse_range, resolve
from proxy.policy.stored import Stored
from proxy.policy.validation import range_applies


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
