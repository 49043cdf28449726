"""Hops: which fields a proxy keeps, drops and rewrites when it passes a message on (9110 §7.6).

Whether a peer is trusted, and what is stored, is decided elsewhere.
"""

from collections.abc import Iterator
from typing import Final

from proxy.errors import RequestError
from proxy.http._grammar import members
from proxy.http.cache_control import delta_seconds
from proxy.http.message import NO_FIELDS, Fields, Line, Request

# Trailer is not among them. It was hop-by-hop in 2616, but 9110 §7.6.1 left it out, and §6.6.2
# wants it kept where the trailer section is dropped: as "a hint of what metadata was lost".
HOP_BY_HOP: Final = frozenset(
    {
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"transfer-encoding"),
        *(b"upgrade", b"http2-settings"),
    }
)
"""Fields that are about one connection, whether Connection names them or not (9110 §7.6.1)."""

PROXY_OWN: Final = frozenset(
    {b"proxy-authenticate", b"proxy-authentication-info", b"proxy-authorization"}
)
"""Fields between a client and the next proxy that asks for credentials (9110 §11.7)."""

SHAPING: Final = frozenset(
    {
        *(b"x-forwarded-port", b"front-end-https", b"x-url-scheme", b"x-forwarded-protocol"),
        *(b"x-forwarded-scheme", b"x-forwarded-ssl", b"x-forwarded-prefix", b"x-scheme"),
        b"x-script-name",
    }
)
"""Request fields of a trusted peer that shape links and redirects: they belong into a key."""

_FORWARDING: Final = SHAPING | frozenset(
    {
        *(b"x-real-ip", b"x-forwarded-for", b"x-forwarded-by", b"x-forwarded-host"),
        *(b"x-forwarded-proto", b"x-client-ip", b"x-cluster-client-ip", b"true-client-ip"),
    }
)
# These make another request of it, one that the key does not describe, or tell of the host in
# words that few proxies know. A trusted peer often just passes on what it got: a front that sets
# X-Forwarded-Host may hand on a client's Forwarded (7239) as it came. They never go through.
_OVERRIDES: Final = frozenset(
    {
        *(b"forwarded", b"x-forwarded", b"x-forwarded-server", b"x-host", b"x-original-host"),
        b"x-http-host-override",
        *(b"x-original-url", b"x-original-uri", b"x-rewrite-url", b"x-http-destinationurl"),
        *(b"x-forwarded-path", b"x-forwarded-uri", b"x-http-path-override"),
        *(b"x-forwarded-method", b"x-original-method", b"x-http-method-override"),
        *(b"x-http-method", b"x-method-override"),
        *(b"x-envoy-original-path", b"x-original-path", b"x-rewrite-uri"),
        *(b"x-forwarded-context", b"x-middleware-subrequest"),
    }
)
UNTRUSTED: Final = _FORWARDING | _OVERRIDES
"""Request fields that override host, scheme, URL, method or caller at many origins."""

# CGI-like origins read `_` as `-`: a twin would slip past every rule made for the real field.
_TWINNED: Final = (
    UNTRUSTED
    | HOP_BY_HOP
    | PROXY_OWN
    | {b"cache-control", b"content-encoding", b"content-length", b"content-type"}
    | {b"accept-charset", b"accept-encoding", b"accept-language", b"user-agent"}
    | {b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since", b"if-range"}
)

_OURS: Final = frozenset(
    {b"host", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto"}
)
_NEVER_FROM_PEERS: Final = _OURS | PROXY_OWN | _OVERRIDES | HOP_BY_HOP
_NEVER_FROM_CLIENTS: Final = _OURS | PROXY_OWN | UNTRUSTED | HOP_BY_HOP

# "A sender MUST NOT send a connection option corresponding to a field that is intended for all
# recipients" (9110 §7.6.1): to nominate one of these is an attempt to have it removed.
_FOR_ALL: Final = (
    _OURS
    | {b"age", b"authorization", b"cache-control", b"content-encoding", b"content-length"}
    | {b"content-range", b"cookie", b"date", b"expires", b"forwarded", b"set-cookie"}
    | {b"transfer-encoding", b"vary"}
)

_NO: Final[frozenset[bytes]] = frozenset()

_COUNTED_METHODS: Final = frozenset({"OPTIONS", "TRACE"})


def connection_options(fields: Fields) -> frozenset[bytes]:
    """Return the lower-case options of the Connection fields (9110 §7.6.1)."""
    said = fields.all(b"connection")
    return frozenset(option.lower() for value in said for option in members(value)) if said else _NO


def end_to_end(fields: Fields) -> Fields:
    """Return the fields without hop-by-hop ones and those that Connection nominates.

    A field that all recipients need stays, even if nominated: `private` must not get lost so.
    """
    options = connection_options(fields)
    return fields.without(HOP_BY_HOP | (options - _FOR_ALL) if options else HOP_BY_HOP)


def via(fields: Fields, version: str, pseudonym: bytes) -> bytes:
    """Return the Via value with our own member appended (9110 §7.6.3).

    `version` is the one of the message as it was received.
    """
    members_before = (value for value in fields.all(b"via") if value)
    return b", ".join((*members_before, b"%s %s" % (version.encode(), pseudonym)))


def forwarded_request(request: Request, *, pseudonym: bytes, trusted: bool) -> Fields:
    """Return the fields to send upstream: Host first and once, then theirs, then ours.

    `trusted` says that the peer's own forwarding fields are believed. Raises RequestError when
    Connection nominates a field that is not the client's to remove.
    """
    options = connection_options(request.fields)
    if nominated := options & _FOR_ALL:
        listed = b", ".join(sorted(nominated)).decode()
        raise RequestError(f"Connection must not nominate {listed}")
    dropped = _NEVER_FROM_PEERS if trusted else _NEVER_FROM_CLIENTS
    if options:
        dropped |= options
    kept = [
        line
        for line in request.fields
        if line[0].lower() not in dropped and not (b"_" in line[0] and _is_twin(line[0]))
    ]
    if request.method in _COUNTED_METHODS:
        kept = [_counted_down(line) for line in kept]
    own = _own_lines(request, pseudonym, request.fields if trusted else NO_FIELDS)
    return Fields(((b"Host", request.authority), *kept, *own))


def ends_here(request: Request) -> bool:
    """Tell whether Max-Forwards forbids to send the request on (9110 §7.6.2)."""
    if request.method not in _COUNTED_METHODS:
        return False
    return delta_seconds(request.fields.first(b"max-forwards") or b"") == 0


def _is_twin(name: bytes) -> bool:
    return name.lower().replace(b"_", b"-") in _TWINNED


def _counted_down(line: Line) -> Line:
    """Return the line, Max-Forwards less one (9110 §7.6.2)."""
    name, value = line
    if name.lower() != b"max-forwards":
        return line
    left = delta_seconds(value)
    return line if left is None else (name, b"%d" % max(0, left - 1))


def _own_lines(request: Request, pseudonym: bytes, believed: Fields) -> Iterator[Line]:
    before = (value for value in believed.all(b"x-forwarded-for") if value)
    peer = () if request.peer is None else (request.peer.encode(),)
    if chain := (*before, *peer):
        yield b"X-Forwarded-For", b", ".join(chain)
    yield b"X-Forwarded-Host", believed.joined(b"x-forwarded-host") or request.authority
    yield b"X-Forwarded-Proto", believed.joined(b"x-forwarded-proto") or request.scheme.encode()
    yield b"Via", via(request.fields, request.version, pseudonym)
