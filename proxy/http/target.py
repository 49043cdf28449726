"""Targets: the request target, the authority beside it, and references to other targets.

9112 §3.2, 9110 §4.2 and §7.2, 3986 §5.2. Which upstream a target belongs to is not known here.
"""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import Final
from urllib.parse import unquote_to_bytes

from proxy.errors import RequestError
from proxy.http._grammar import OWS

_PRINTABLE: Final = re.compile(rb"[\x21-\x7e]++")
_ABSOLUTE: Final = re.compile(
    rb"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*+)://(?P<authority>[^/?#]*+)(?P<rest>.*)", re.DOTALL
)
# Of the reg-name of 3986 §3.2.2 only what names a host in practice: percent-encoding and
# sub-delims, the comma above all, only ever serve to be read in two ways.
_AUTHORITY: Final = re.compile(
    rb"(?P<host>\[(?P<v6>[0-9A-Fa-f:.]++)\]|[\w~-]++(?:\.[\w~-]++)*\.?)(?::(?P<port>\d{0,5}+))?",
)
_LONGEST_HOST: Final = 255
_LONGEST_AUTHORITY: Final = _LONGEST_HOST + len("[]:65535")
_LARGEST_PORT: Final = 65_535
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_UNRESERVED: Final = re.compile(rb"[A-Za-z0-9\-._~]")
_BAD_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# Dot segments, empty inner segments, backslashes, controls: what two readers read differently.
_AMBIGUOUS: Final = re.compile(rb"[\x00-\x1f\x7f\\]|/[/;]|/\.\.?(?:[/;]|\Z)")
# Dot segments and what ends a line or a string, plain or encoded, as any reader may find them.
_DECEPTIVE: Final = re.compile(
    rb"%0[0ad]|(?:/|%2f|\\|%5c)(?:\.|%2e){1,2}(?=/|%2f|\\|%5c|;|%3b|\Z)", re.IGNORECASE
)
_DELIMITER: Final = re.compile(rb"[;?#]")

_REFERENCE: Final = re.compile(
    rb"(?:(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*+):)?"
    rb"(?://(?P<authority>[^/?#]*+))?"
    rb"(?P<path>[^?#]*+)(?P<query>\?[^#]*+)?(?:#.*+)?"
)


def split_absolute(target: bytes) -> tuple[str, bytes, bytes] | None:
    """Return scheme, authority and origin-form of an absolute-form target, else None."""
    found = _ABSOLUTE.fullmatch(target)
    if not found:
        return None
    rest = found["rest"]
    origin_form = rest if rest.startswith(b"/") else b"/" + rest
    return found["scheme"].decode().lower(), found["authority"], origin_form


def request_target(method: str, target: bytes, host: bytes | None) -> tuple[bytes, bytes]:
    """Return the authority and the origin-form target, or `*`, of a request (9112 §3.2).

    `host` is the value of the one Host field. Raises RequestError when either is missing,
    malformed or contradicts the other.
    """
    if host is None or not _is_authority(host):
        raise RequestError("Host is missing or not a valid authority")
    if method == "CONNECT":
        raise RequestError("CONNECT is not served: this is not a forward proxy")
    if not _PRINTABLE.fullmatch(target) or b"#" in target:
        raise RequestError("the target is empty, has a fragment or bytes that need encoding")
    if target == b"*":
        if method != "OPTIONS":
            raise RequestError("the target * is for OPTIONS alone")
        return host, target
    if target.startswith(b"/"):
        return host, target
    return host, _from_absolute(method, target, host)


def _from_absolute(method: str, target: bytes, host: bytes) -> bytes:
    parts = split_absolute(target)
    if parts is None or parts[0] not in _DEFAULT_PORTS:
        raise RequestError("the target is neither a path nor an http or https URI")
    scheme, authority, origin_form = parts
    if authority.lower() != host.lower():
        raise RequestError("the target's authority and Host differ")
    # "an empty path and no query" stands for the server as a whole (9112 §3.2.4)
    if method == "OPTIONS" and len(target) == len(f"{scheme}://") + len(authority):
        return b"*"
    return origin_form


def _is_authority(text: bytes) -> bool:
    """Tell whether `text` is a host and an optional port, and no userinfo."""
    return len(text) <= _LONGEST_AUTHORITY and _has_form_of_authority(text)


@lru_cache(maxsize=256)
def _has_form_of_authority(text: bytes) -> bool:
    found = _AUTHORITY.fullmatch(text)
    if not found or len(found["host"]) > _LONGEST_HOST:
        return False
    if int(found["port"] or 0) > _LARGEST_PORT:
        return False
    return found["v6"] is None or _is_ipv6(found["v6"])


def _is_ipv6(text: bytes) -> bool:
    try:
        IPv6Address(text.decode())
    except AddressValueError:
        return False
    return True


@lru_cache(maxsize=256)
def normal_authority(scheme: str, authority: bytes) -> bytes:
    """Return the authority in lower case, without default port and trailing dot (9110 §4.2.3).

    What is no authority is only put in lower case.
    """
    found = _AUTHORITY.fullmatch(authority.lower())
    if not found:
        return authority.lower()
    host = found["host"].removesuffix(b".")
    port = int(found["port"] or _DEFAULT_PORTS.get(scheme, 0))
    return host if port == _DEFAULT_PORTS.get(scheme, 0) else b"%s:%d" % (host, port)


def normal_target(target: bytes) -> bytes:
    """Return the target with unreserved characters decoded and escapes in upper case.

    Two targets that 3986 §6.2.2 calls equivalent become one; nothing else does.
    """
    return _ESCAPE.sub(_normal_escape, target) if b"%" in target else target


def _normal_escape(escape: re.Match[bytes]) -> bytes:
    decoded = unquote_to_bytes(escape[0])
    return decoded if _UNRESERVED.fullmatch(decoded) else escape[0].upper()


def segments(path: bytes) -> tuple[bytes, ...] | None:
    """Return the decoded segments of a path, `/a/b/` as `a`, `b` and an empty one.

    It is decoded before it is split, so that `%2F` separates, as it does for many origins. None
    when two readers could disagree about the path, or when it does not start with a slash.
    """
    decoded = path
    if b"%" in path:
        if _BAD_PERCENT.search(path):
            return None
        decoded = unquote_to_bytes(path)
    if not decoded.startswith(b"/") or _AMBIGUOUS.search(decoded):
        return None
    return tuple(decoded.split(b"/")[1:])


def deceptive(target: bytes) -> bool:
    """Tell whether a target's path has dot segments, or an encoded NUL, CR or LF.

    Servers that remove the former (3986 §5.2.4), or decode the latter too early, find another
    resource at it than the cache does. A query is not looked at: text of several lines is usual.
    """
    if b"." not in target and b"%" not in target:
        return False
    return _DECEPTIVE.search(target.partition(b"?")[0]) is not None


def undelimited(path: tuple[bytes, ...]) -> tuple[bytes, ...] | None:
    """Return the segments as other readers cut them, or None if there is nothing to cut.

    Some servers end a segment at `;` (3986 §3.3), and some a path at a decoded `?` or `#`.
    """
    decoded = b"/".join(path)
    if not _DELIMITER.search(decoded):
        return None
    ended = re.split(rb"[?#]", decoded, maxsplit=1)[0]
    return tuple(segment.partition(b";")[0] for segment in ended.split(b"/"))


def resolve(
    reference: bytes, scheme: str, authority: bytes, target: bytes
) -> tuple[str, bytes, bytes] | None:
    """Return scheme, authority and target of a reference, seen from a request (3986 §5.2).

    None when it is malformed, or not of http or https.
    """
    text = reference.strip(OWS)
    found = _REFERENCE.fullmatch(text) if not text or _PRINTABLE.fullmatch(text) else None
    if found is None:
        return None
    if found["authority"] is not None:
        return _other_authority(found, scheme)
    if found["scheme"] is not None:
        return None  # http without an authority, or another scheme
    merged = _merged(found, target)
    return None if merged is None else (scheme, authority, merged)


def _other_authority(found: re.Match[bytes], scheme: str) -> tuple[str, bytes, bytes] | None:
    own = (found["scheme"] or scheme.encode()).decode().lower()
    if own not in _DEFAULT_PORTS or not _is_authority(found["authority"]):
        return None
    path = _without_dot_segments(found["path"] or b"/")
    return own, found["authority"], path + (found["query"] or b"")


def _merged(found: re.Match[bytes], base: bytes) -> bytes | None:
    base_path, mark, base_query = base.partition(b"?")
    path, query = found["path"], found["query"]
    if not base_path.startswith(b"/") and not path.startswith(b"/"):
        return None  # relative to `*`
    if not path:
        return base_path + (mark + base_query if query is None else query)
    if not path.startswith(b"/"):
        path = base_path[: base_path.rindex(b"/") + 1] + path
    return _without_dot_segments(path) + (query or b"")


def _without_dot_segments(path: bytes) -> bytes:
    """Remove `.` and `..` from a path that starts with a slash (3986 §5.2.4)."""
    *inner, last = path.split(b"/")[1:]
    kept: list[bytes] = []
    for segment in (*inner, last):
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    if last in {b".", b".."}:
        kept.append(b"")  # a directory keeps its slash
    return b"/" + b"/".join(kept)
