"""Requests as operators describe them: a URL and perhaps some fields become a `Request`.

This module must not know what is done with it.
"""

from collections.abc import Iterable
from typing import Final

from proxy.errors import RequestError
from proxy.http.message import Fields, Line, Request
from proxy.http.target import request_target, split_absolute

LONGEST: Final = 8_192
"""Characters of a URL."""

Place = tuple[str, bytes, bytes]
"""Scheme, authority and target; without an authority, a target on any host."""


def place_of(url: str) -> Place:
    """Return where a URL, or a path on any host, points; raises `RequestError`."""
    text = url.encode()
    parts = split_absolute(text)
    if parts is None and not text.startswith(b"/"):
        raise RequestError("a URL is like 'http://host/path', or '/path' for any host")
    scheme, authority, target = parts or ("http", b"", text)
    if scheme not in {"http", "https"}:
        raise RequestError("only http and https are cached")
    request_target("GET", target, authority if parts else b"any")
    return scheme, authority, target


def request_of(url: str, *, method: str = "GET", lines: Iterable[Line] = (), host: str) -> Request:
    """Return the request for a URL; `host` is asked where the URL names none.

    Raises `RequestError`.
    """
    if not method.replace("-", "").isalpha():
        raise RequestError(f"{method!r} is no method")
    scheme, authority, target = place_of(url)
    authority = authority or host.encode()
    fields = Fields((*((n, v) for n, v in lines if n.lower() != b"host"), (b"Host", authority)))
    authority, target = request_target(method.upper(), target, authority)
    return Request(method.upper(), scheme, authority, target, fields)


def line_of(text: str) -> Line:
    """Return the field line `Name: value`; raises `RequestError`."""
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise RequestError(f"{text!r}: a field is like 'Name: value'")
    return name.strip().encode("latin-1", "replace"), value.strip().encode("latin-1", "replace")
