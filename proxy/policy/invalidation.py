"""Invalidation: which URIs and groups a write has made doubtful (9111 §4.4, 9875).

This module must not know how anything is removed.
"""

from typing import Final, cast

import http_sf

from proxy.http import target
from proxy.http.message import Fields, Head, Request

Uri = tuple[str, bytes, bytes]
"""Scheme, authority and origin-form target."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH"})
"""Methods registered as changing nothing (9110 §9.2.1, §16.1.1); any other counts as unsafe."""

_NON_ERROR: Final = range(200, 400)


def invalidated(request: Request, head: Head) -> tuple[Uri, ...]:
    """Return the URIs whose stored responses the answer to `request` invalidates.

    The target itself, and what Location and Content-Location name on the same origin.
    """
    if request.method in SAFE or head.status not in _NON_ERROR:
        return ()
    own: Uri = (request.scheme, request.authority, request.target)
    origin = _origin(own)
    found = {own: None}
    for name in (b"location", b"content-location"):
        for reference in head.fields.all(name):
            uri = target.resolve(reference, *own)
            if uri is not None and _origin(uri) == origin:
                found[uri] = None
    return tuple(found)


def doubtful(request: Request) -> tuple[Uri, ...]:
    """Return the URIs to invalidate when `request` was sent and no answer came."""
    if request.method in SAFE:
        return ()
    return ((request.scheme, request.authority, request.target),)


def groups(request: Request, head: Head) -> tuple[bytes, ...]:
    """Return the groups of its own origin that the answer to `request` invalidates (9875 §3)."""
    if request.method in SAFE:
        return ()
    return group_names(head.fields, b"cache-group-invalidation")


def group_names(fields: Fields, name: bytes) -> tuple[bytes, ...]:
    """Return the Strings of a field that lists groups; a malformed field lists none (9875 §2).

    Parameters of members mean nothing.
    """
    if name not in fields:
        return ()
    try:
        parsed = http_sf.parse(b", ".join(fields.all(name)), tltype="list")
    except http_sf.StructuredFieldError:
        return ()
    members = cast("list[tuple[object, object]]", parsed)
    names = [member for member, _ in members if type(member) is str]
    return tuple(name.encode() for name in names) if len(names) == len(members) else ()


def _origin(uri: Uri) -> tuple[str, bytes]:
    return uri[0], target.normal_authority(uri[0], uri[1])
