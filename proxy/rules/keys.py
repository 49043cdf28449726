"""Keys: what tells two requests apart, and the request that is left when nothing else counts.

Same key, same question: what is not in the key does not reach the upstream either, but for the
fields on the pass list below, each with its reason. This module must not know what is stored.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from proxy.http.hops import HOP_BY_HOP
from proxy.http.message import Fields, Request
from proxy.http.target import normal_authority
from proxy.policy.terms import Credentials
from proxy.rules import cookies, query
from proxy.rules.rule import KeySpec, Rule
from proxy.rules.ruleset import Ruleset

__all__ = ["Key", "KeySpec", "key_for", "parts", "selected", "uri_of"]

READS: Final = frozenset({"GET", "HEAD"})
"""Methods that are answered from the cache, HEAD by what GET left there (9111 §4)."""

ALWAYS_PASS: Final = HOP_BY_HOP | {
    b"host",  # is the key's authority
    *(b"cache-control", b"pragma"),  # are for caches; ours obeys them (9111 §5.2.1, §5.4)
    *(b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"),
    *(b"range", b"if-range"),  # conditions and ranges choose from an answer, they do not shape it
    *(b"via", b"x-forwarded-for", b"max-forwards"),  # name the way, not the wish (9110 §7.6)
    *(b"traceparent", b"tracestate"),  # a broken trace would be a failure because of the cache
}
"""Fields that no rule's `forward` holds back. Hop-by-hop ones are taken off by `http.hops`, which
has to see what Connection nominates."""

PASS_WITH_BODY: Final = frozenset(
    {
        *(b"content-type", b"content-length", b"content-encoding", b"content-language"),
        *(b"content-location", b"content-digest", b"expect", b"trailer"),
    }
)
"""Fields that describe a request's body; a read that has one is not answered from the cache."""

PASS_AS_CREDENTIALS: Final = frozenset({b"authorization", b"cookie"})
"""Credentials pass where they are accounted for: REFUSE shares only what its origin marked as
shareable (9111 §3.5), KEY has them in the key. With SHARE they are fields like any other."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key: `digest` to look up, `text` to compare and show, `uri` for all keys of one URI.

    The digests are blake2b of 16 bytes. The text has each part with its length before it, so that
    no part can pose as another, and secrets only as digests.
    """

    digest: bytes
    text: bytes
    uri: bytes


def selected(rule: Rule, request: Request) -> Request:
    """Return the request as the upstream is to see it under this rule.

    Reads lose the parameters, cookies and fields that the rule leaves out, and Host is put in its
    normal form, so that what the key ignores cannot shape the answer. Other methods change
    things and are not answered from the cache: they pass as they are.
    """
    if request.method not in READS:
        return request
    target = query.select(request.target, rule.key.include, rule.key.exclude)
    authority = normal_authority(request.scheme, request.authority)
    fields = request.fields
    if authority != request.authority:
        fields = _with_host(fields, authority)
    if rule.key.cookies is not None:
        fields = cookies.reduce(fields, rule.key.cookies)
    if rule.forward is not None:
        fields = _forwarded(rule, request, fields)
    if fields is request.fields and target is request.target:
        return request
    return replace(request, authority=authority, target=target, fields=fields)


def key_for(rule: Rule, request: Request) -> Key:
    """Return the key of a selected request.

    The rule's name is a part of it: what was stored on one rule's terms is never reused on
    another's, even where both match the same URI.
    """
    text = _joined(_fixed(rule, request))
    for label, value in _keyed(rule, request):
        text += _joined((label.encode(), value))
    return Key(_digest(text), text, _digest(_joined(_location(request))))


def uri_of(rules: Ruleset, request: Request) -> bytes:
    """Return `Key.uri` of what a GET to the request's target is kept under.

    For invalidation (9111 §4.4): the write itself may fall under another rule, with another
    selection of parameters.
    """
    read = replace(request, method="GET")
    rule = rules.match(read).rule
    return _digest(_joined(_location(selected(rule, read))))


def parts(rule: Rule, request: Request) -> tuple[tuple[str, str], ...]:
    """Return what the key of a selected request is made of, named, fit to be shown."""
    named = (*zip(_FIXED, _fixed(rule, request), strict=True), *_keyed(rule, request))
    return tuple((name, _shown(value)) for name, value in named)


_FIXED: Final = ("rule", "method", "scheme", "authority", "target")


def _fixed(rule: Rule, request: Request) -> tuple[bytes, ...]:
    method = b"GET" if request.method in READS else request.method.encode()
    return (rule.name.encode(), method, *_location(request))


def _location(request: Request) -> tuple[bytes, bytes, bytes]:
    authority = normal_authority(request.scheme, request.authority)
    return request.scheme.encode(), authority, request.target


def _keyed(rule: Rule, request: Request) -> Iterator[tuple[str, bytes | None]]:
    """Yield what the rule adds, labelled; the label says of which kind it is."""
    fields, spec = request.fields, rule.key
    for name in spec.headers:
        yield f"header {name.decode()}", fields.joined(name)
    for name in spec.cookies or ():
        yield f"cookie {name.decode()}", _secret(cookies.named(fields, name))
    if spec.credentials:
        yield "credentials authorization", _secret(fields.all(b"authorization"))
        if spec.cookies is None:
            yield "credentials cookie", _secret(fields.all(b"cookie"))


def _secret(values: Iterable[bytes]) -> bytes | None:
    """Return a digest that stands for values nobody should read, None for no value."""
    text = _joined(values)
    return _digest(text).hex().encode() if text else None


def _joined(values: Iterable[bytes | None]) -> bytes:
    """Join values so that they can be told apart: `4:text,` each, `-,` for an absent one."""
    return b"".join(b"-," if v is None else b"%d:%b," % (len(v), v) for v in values)


def _digest(text: bytes) -> bytes:
    return blake2b(text, digest_size=16).digest()


def _shown(value: bytes | None) -> str:
    return "(absent)" if value is None else value.decode("ascii", "backslashreplace")


def _with_host(fields: Fields, authority: bytes) -> Fields:
    return Fields((name, authority if name.lower() == b"host" else old) for name, old in fields)


def _forwarded(rule: Rule, request: Request, fields: Fields) -> Fields:
    """Return the fields that `forward`, the key or the pass list let through."""
    passing = ALWAYS_PASS.union(rule.forward or (), rule.key.headers)
    if request.has_body:
        passing |= PASS_WITH_BODY
    if rule.terms.credentials is not Credentials.SHARE:
        passing |= PASS_AS_CREDENTIALS
    elif rule.key.cookies is not None:
        passing |= {b"cookie"}
    return fields.without([name for name in fields.names() if name not in passing])
