"""Validation: asking upstream whether a stored response holds, and reading the reply (9111 §4.3).

Also the other direction: whether a client's own copy still holds. This module must not know how
requests are sent.
"""

from typing import Final

from proxy.http import dates, hops
from proxy.http.message import Fields, Head, Line, Request
from proxy.http.validators import ANY, parse_etag, parse_tags, strong_match, weak_match
from proxy.policy.stored import Stored
from proxy.values import replace

READS: Final = frozenset({"GET", "HEAD"})
CONDITIONS: Final = frozenset(
    {b"if-none-match", b"if-modified-since", b"if-range", b"if-match", b"if-unmodified-since"}
)
_NOT_UPDATED: Final = frozenset(
    {b"content-length", b"content-encoding", b"content-range", b"set-cookie", b"age"}
)
"""§3.2: what the stored body depends on. Set-Cookie in a 304 is for one caller (§7.3)."""


def is_partial_or_conditional(request: Request) -> bool:
    """Tell whether the answer to this request may be less than the whole representation."""
    return b"range" in request.fields or not CONDITIONS.isdisjoint(request.fields.names())


def whole(request: Request) -> Request:
    """Return the request for the whole representation, without conditions and ranges."""
    return replace(request, fields=request.fields.without(CONDITIONS | {b"range"}))


def conditional(request: Request, stored: Stored) -> Request:
    """Return the request that validates `stored` (9111 §4.3.1): ours replace the client's.

    Without a validator it is an ordinary request for the whole.
    """
    plain = whole(request)
    lines: list[Line] = []
    if stored.etag is not None and not stored.own_etag:
        lines.append((b"If-None-Match", stored.etag.render()))
    if stored.last_modified is not None:
        lines.append((b"If-Modified-Since", dates.render(stored.last_modified)))
    return replace(plain, fields=plain.fields.plus(*lines))


def confirms(head: Head, stored: Stored) -> bool:
    """Tell whether a 304 speaks of the stored response that was asked about (9111 §4.3.4).

    A 304 without any validator does, although §4.3.4 reads so only where nothing stored has one
    either: the question named exactly this response, so that no other can be meant.
    """
    tag = parse_etag(head.fields.first(b"etag"))
    if tag is not None:
        match = weak_match if tag.weak else strong_match
        return stored.etag is not None and match(tag, stored.etag)
    modified = head.fields.first(b"last-modified")
    return modified is None or dates.parse(modified) == stored.last_modified


def agrees(head: Head, stored: Stored) -> bool:
    """Tell whether a 200 to HEAD describes what is stored for GET (9111 §4.3.5)."""
    fields = head.fields
    tag, modified = fields.first(b"etag"), fields.first(b"last-modified")
    length = fields.first(b"content-length")
    return (
        stored.status == head.status
        and (tag is None or parse_etag(tag) == stored.etag)
        and (modified is None or dates.parse(modified) == stored.last_modified)
        and (length is None or length == str(stored.length).encode())
    )


def updated(stored: Stored, head: Head) -> Head:
    """Return the stored response's head with the fields of a 304 or HEAD in it (9111 §3.2)."""
    fresh = hops.end_to_end(head.fields).without(_NOT_UPDATED)
    kept = stored.fields.without(fresh.names())
    age = [line for line in head.fields if line[0].lower() == b"age"]
    length = (b"Content-Length", str(stored.length).encode())
    return Head(stored.status, Fields((*kept, *fresh, *age, length)))


def personal(head: Head, stored: Stored) -> tuple[Line, ...]:
    """Return the lines of a 304 that are for the caller who validated, and for no other.

    Set-Cookie, and what the directives keep from being stored (9111 §5.2.2.4, §5.2.2.7, §7.3).
    """
    names = {b"set-cookie"} | stored.directives.no_cache_fields | stored.directives.private_fields
    return tuple(line for line in head.fields if line[0].lower() in names)


def not_modified(request: Request, stored: Stored) -> bool:
    """Tell whether the client's copy is the stored response: answer 304 (9110 §13.2.2).

    Conditions count only where the answer would be a success (§13.2.1).
    """
    if stored.status not in {200, 206} or request.method not in READS:
        return False
    if b"if-none-match" in request.fields:
        tags = parse_tags(request.fields.all(b"if-none-match"))
        if tags is ANY:
            return True
        return stored.etag is not None and any(weak_match(tag, stored.etag) for tag in tags)
    since = dates.parse(request.fields.joined(b"if-modified-since") or b"")
    if since is None:
        return False
    modified = stored.date if stored.last_modified is None else stored.last_modified
    return modified <= since


def range_applies(request: Request, stored: Stored) -> bool:
    """Tell whether If-Range lets the Range count for the stored response (9110 §13.1.5)."""
    condition = request.fields.joined(b"if-range")
    if condition is None:
        return True
    tag = parse_etag(condition)
    if tag is not None:
        return stored.etag is not None and strong_match(tag, stored.etag)
    moment = dates.parse(condition)
    if moment is None or moment != stored.last_modified:
        return False
    return moment < stored.date  # §8.8.2.2: only then is the date a strong validator
