"""Patterns: a purge of all that lies under a prefix, or where a wildcard points.

A pattern is held against a location: an authority and a target, both in their normal form, as in
`shop.example/products/1?page=2`. A `*` in it stands for any run of bytes; a prefix is a wildcard
that ends in one. The work is linear in the length of the location; no text from outside becomes
a regular expression. This module must not know what has been purged.
"""

import re
from functools import lru_cache
from typing import Final

from proxy.errors import RequestError
from proxy.http.target import normal_authority, normal_target, request_target

LONGEST: Final = 2_048
"""Bytes of the text of a pattern."""

MOST_STARS: Final = 16

# A path with an empty segment in front is ambiguous: nothing is ever kept for one.
_TEXT: Final = re.compile(
    rb"(?:(?P<scheme>https?)://)?(?P<authority>[^/]*+)(?P<target>/(?!/).*)",
    re.IGNORECASE | re.DOTALL,
)
_STARS: Final = re.compile(rb"\*++")
_CUT_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]?(?:\*|\Z)")
_PORT_OF_A_SCHEME: Final = (b":80", b":443")


def prefix(text: bytes) -> bytes:
    """Return the pattern of all that begins with `text`.

    `text` is `/path…` on every host, `host/path…`, or either with `http://` or `https://` before
    the host. Raises ValueError that says what is accepted.
    """
    if b"*" in text:
        raise ValueError("a prefix is taken literally and has no '*'; make it a wildcard")
    return _pattern(text) + b"*"


def wildcard(text: bytes) -> bytes:
    """Return the pattern of what meets `text` from end to end, query included.

    As for a prefix, with `*` for any run of bytes, `/` and none included; as a host, `*` is any
    and `*.example.com` all below one. Raises ValueError that says what is accepted.
    """
    return _pattern(text)


def matches(pattern: bytes, location: bytes) -> bool:
    """Tell whether a pattern, made here, meets a location."""
    start = location.find(b"/") if pattern.startswith(b"/") else 0
    first, *others = _pieces(pattern)
    if not others:
        return location[start:] == first
    if not location.startswith(first, start):
        return False
    # What comes first is found first: to take the leftmost place never spoils what follows.
    *inner, last = others
    position = start + len(first)
    for piece in inner:
        found = location.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return len(location) - position >= len(last) and location.endswith(last)


def shown(pattern: bytes) -> str:
    """Return a pattern fit for people: the wildcard that it is."""
    return pattern.decode("ascii", "backslashreplace")


@lru_cache(maxsize=1_024)
def _pieces(pattern: bytes) -> tuple[bytes, ...]:
    return tuple(pattern.split(b"*"))


def _pattern(text: bytes) -> bytes:
    if len(text) > LONGEST or text.count(b"*") > MOST_STARS:
        raise ValueError(f"a pattern has {LONGEST} bytes and {MOST_STARS} '*' at most")
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("a pattern is '/path', 'host/path' or 'http://host/path'")
    if _CUT_ESCAPE.search(text):
        raise ValueError("an escape is '%' and two hexadecimal digits; end before it or after it")
    authority = b""
    if found["authority"] or found["scheme"]:
        authority = _authority(found["scheme"], found["authority"])
    try:
        request_target("GET", found["target"], b"any")
    except RequestError as error:
        raise ValueError("a pattern has no '#', and what is no ASCII is escaped by '%'") from error
    return _STARS.sub(b"*", authority + normal_target(found["target"]))


def _authority(scheme: bytes | None, authority: bytes) -> bytes:
    """Return an authority in its normal form; without a scheme its port must mean one thing."""
    if authority == b"*":
        return authority
    if scheme is None and authority.endswith(_PORT_OF_A_SCHEME):
        raise ValueError("say http:// or https://, for the port depends on it; or leave it out")
    star = b"*." if authority.startswith(b"*.") else b""
    host = authority.removeprefix(star)
    try:
        request_target("GET", b"/", host)
    except RequestError as error:
        raise ValueError(
            "a host is like 'example.com', 'a:8080', '*.example.com' or '*'"
        ) from error
    return star + normal_authority("http" if scheme is None else scheme.lower().decode(), host)
