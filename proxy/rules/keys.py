"""Keys: what tells two requests apart, and the request that is left when nothing else counts.

Same key, same question: what is not in the key does not reach the upstream either, but for the
fields on the pass list below, each with its reason. This module must not know what is stored.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from typing import Final

from proxy.http.codings import accepted
from proxy.http.hops import SHAPING
from proxy.http.message import Fields, Request
from proxy.http.target import normal_authority, normal_target
from proxy.policy.negotiation import canonical
from proxy.policy.terms import Caching, Credentials
from proxy.rules import cookies, labels, query
from proxy.rules.labels import Labels
from proxy.rules.rule import KeySpec, Rule
from proxy.rules.ruleset import Ruleset
from proxy.values import replace, valueclass

__all__ = ["Key", "KeySpec", "key_for", "labels_for", "parts", "request_of", "selected", "uri_tags"]

READS: Final = frozenset({"GET", "HEAD"})
"""Methods that are answered from the cache, HEAD by what GET left there (9111 §4)."""

_FORWARDED_HOST: Final = b"x-forwarded-host"
_FORWARDED_PROTO: Final = b"x-forwarded-proto"
_ACCEPT_ENCODING: Final = b"accept-encoding"
_HOSTS: Final = frozenset({b"host", _FORWARDED_HOST})

ALWAYS_PASS: Final = frozenset(
    {
        *(b"host", _FORWARDED_HOST, _FORWARDED_PROTO),  # are in every key, see _keyed
        *(b"cache-control", b"pragma"),  # are for caches; ours obeys them (9111 §5.2.1, §5.4)
        *(b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"),
        *(b"range", b"if-range"),  # conditions and ranges choose from an answer, not shape it
        b"accept-encoding",  # is ours or canonical, and a coding is undone for who cannot take it
        *(b"via", b"x-forwarded-for", b"max-forwards"),  # name the way, not the wish (9110 §7.6)
        *(b"traceparent", b"tracestate"),  # a broken trace would be a failure due to the cache
    }
)
"""Fields that no rule's `forward` holds back."""

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


@valueclass(frozen=True, slots=True)
class Key:
    """A key (9111 §2): `digest` to look up, `text` to compare.

    The digest is blake2b of 16 bytes. The text has each part with its length before it, so that
    no part can pose as another, and secrets only as digests.
    """

    digest: bytes
    text: bytes

    def __hash__(self) -> int:
        return hash(self.digest)


def selected(rule: Rule, request: Request) -> Request:
    """Return the request as the upstream is to see it under this rule.

    Its fields are those that `http.hops` leaves and adds. Reads lose the parameters, cookies and
    fields that the rule leaves out, and Host is put in its normal form, so that what the key
    ignores cannot shape the answer. Other methods change things and are not answered from the
    cache: they pass as they are.
    """
    if request.method not in READS:
        return request
    target = query.select(request.target, rule.key.include, rule.key.exclude)
    authority = normal_authority(request.scheme, request.authority)
    fields = request.fields
    if authority != request.authority:
        fields = _renamed(fields, request.authority, authority)
    if rule.key.cookies is not None:
        fields = cookies.reduce(fields, rule.key.cookies)
    if rule.forward is not None:
        fields = _forwarded(rule, request, fields)
    if rule.terms.cache is not Caching.OFF:
        fields = _asking(rule, request, fields)
    if target is request.target and authority == request.authority:
        return request if fields is request.fields else request.having(fields)
    return replace(request, authority=authority, target=target, fields=fields)


def key_for(rule: Rule, request: Request) -> Key:
    """Return the key of a selected request.

    The rule's name is a part of it, and with whom it lets answers be shared: what was stored on
    one rule's terms is never reused on another's, even where both match the same URI.
    """
    location = _joined(_location(request))
    text = _joined((rule.name.encode(), rule.sharing, _method_class(request))) + location
    for label, value in _keyed(rule, request):
        text += _joined((label.encode(), value))
    return Key(_digest(text), text)


def labels_for(rule: Rule, request: Request) -> Labels:
    """Return the labels that every answer to a selected request has, whatever it says."""
    scheme, authority, target = _location(request)
    target = normal_target(target)
    tags = (
        labels.EVERYTHING,
        labels.rule_tag(rule.name),
        labels.host_tag(authority),
        labels.uri_tag(scheme, authority, target),
        labels.target_tag(target),
    )
    return Labels(tags, authority + target)


def uri_tags(rules: Ruleset, scheme: str, authority: bytes, target: bytes) -> tuple[bytes, ...]:
    """Return the tags of all that GET requests to a URI are kept under, by whatever rule.

    Without an authority, on whatever host. A write may fall under another rule than the reads
    that it concerns, and those under several: every selection of parameters counts.
    """
    targets = dict.fromkeys(
        normal_target(query.select(target, *selection)) for selection in rules.selections
    )
    if not authority:
        return tuple(map(labels.target_tag, targets))
    origin = scheme.encode(), normal_authority(scheme, authority)
    return tuple(labels.uri_tag(*origin, target) for target in targets)


def request_of(text: bytes) -> Request | None:
    """Return a GET that has a key of this text, if its rule and fields are what they were.

    None where the key holds a secret, of which it has no more than the digest.
    """
    _, _, _, scheme, authority, target, *keyed = _split(text)
    fields = [(b"Host", authority or b"")]
    for label, value in zip(keyed[::2], keyed[1::2], strict=True):
        kind, _, name = (label or b"").partition(b" ")
        if kind == b"header" and value is not None:
            fields.append((name, value))
        elif value is not None:
            return None
    own = (scheme or b"").decode(), authority or b"", target or b""
    return Request("GET", *own, Fields(fields))


def _split(text: bytes) -> Iterator[bytes | None]:
    """Yield what `_joined` has joined."""
    at = 0
    while at < len(text):
        colon = text.find(b":", at)
        if text.startswith(b"-,", at):
            yield None
            at += 2
        else:
            end = colon + 1 + int(text[at:colon])
            yield text[colon + 1 : end]
            at = end + 1


def parts(rule: Rule, request: Request) -> tuple[tuple[str, str], ...]:
    """Return what the key of a selected request is made of, named, fit to be shown."""
    fixed = (rule.name.encode(), _method_class(request), *_location(request))
    named = (*zip(_FIXED, fixed, strict=True), *_keyed(rule, request))
    return tuple((name, _shown(value)) for name, value in named)


_FIXED: Final = ("rule", "method", "scheme", "authority", "target")


def _method_class(request: Request) -> bytes:
    return b"GET" if request.method in READS else request.method.encode()


def _location(request: Request) -> tuple[bytes, bytes, bytes]:
    authority = normal_authority(request.scheme, request.authority)
    return request.scheme.encode(), authority, request.target


def _keyed(rule: Rule, request: Request) -> Iterator[tuple[str, bytes | None]]:
    """Yield what the rule adds, labelled; the label says of which kind it is."""
    fields, spec = request.fields, rule.key
    derived = ((_FORWARDED_HOST, request.authority), (_FORWARDED_PROTO, request.scheme.encode()))
    for name, own in derived:
        # A trusted peer may tell of another host or scheme, which shapes links and redirects.
        if (told := fields.joined(name)) is not None and told != own:
            yield f"header {name.decode()}", told
    for name in sorted(
        SHAPING.intersection(fields.names())
    ):  # of a trusted peer; from others none came
        yield f"header {name.decode()}", fields.joined(name)
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


def _renamed(fields: Fields, old: bytes, new: bytes) -> Fields:
    """Return the fields with the authority in its new spelling where it was in the old one."""
    return Fields(
        (name, new if value == old and name.lower() in _HOSTS else value) for name, value in fields
    )


def _asking(rule: Rule, request: Request, fields: Fields) -> Fields:
    """Return the fields with the Accept-Encoding that the rule lets the upstream see.

    Its spelling never tells two requests apart (9111 §4.1), and whoever cannot take what comes is
    given it plain.
    """
    wanted = b"identity"
    if rule.terms.compress.asks_for_clients:
        wanted = canonical(accepted(request.fields.all(_ACCEPT_ENCODING)))
    line = (b"Accept-Encoding", wanted)
    if fields.all(_ACCEPT_ENCODING) == (wanted,) and fields.lines[-1] == line:
        return fields
    return fields.without({_ACCEPT_ENCODING}).plus(line)


def _forwarded(rule: Rule, request: Request, fields: Fields) -> Fields:
    """Return the fields that `forward`, the key or the pass list let through."""
    passing = ALWAYS_PASS.union(rule.forward or (), rule.key.headers)
    if request.has_body:
        passing |= PASS_WITH_BODY
    if rule.terms.credentials is not Credentials.SHARE:
        passing |= PASS_AS_CREDENTIALS
    elif rule.key.cookies is not None:
        passing |= {b"cookie"}
    return fields.without(fields.names() - passing)
