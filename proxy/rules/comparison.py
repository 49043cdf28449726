"""Comparison: what of a request may have shaped its answer, and what answers to one key tell.

An answer that is another than the stored one may only have changed since. What tells a wrong key
from that is an answer that *came back*: one was given, then another, then the first again, while
some part of the request did the same. Values of requests are held as digests alone. This module
must not know who asks, or where answers come from.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from typing import Final

from proxy.http.message import Request
from proxy.rules import cookies, query
from proxy.rules.keys import ALWAYS_PASS

Parts = dict[str, bytes]
"""Parts of a request by name → digest of the value: a field's name, `cookie x` or `query x`."""

WINDOW: Final = 300.0
"""Seconds in which an answer has to come back: over longer times what changed may change back."""

MOST_PARTS: Final = 128
LONGEST_NAME: Final = 64
"""Of a request's parts; names come from clients. What is beyond has one name and one digest."""

OTHERS: Final = "others"

CREDENTIALS: Final = frozenset(
    {"authorization", "proxy-authorization", "x-api-key", "api-key", "x-auth-token"}
    | {"x-access-token", "x-session-token", "x-amz-security-token"}
)
"""Fields that say who asks; every cookie may, too."""

_PERSONAL_FIELDS: Final = frozenset({b"cookie", *(name.encode() for name in CREDENTIALS)})

_NOT_SHAPING: Final = ALWAYS_PASS | {
    *(b"cookie", b"connection", b"content-length", b"priority", b"dnt"),
    *(b"x-request-id", b"x-correlation-id", b"request-id", b"x-amzn-trace-id", b"baggage"),
    *(b"b3", b"x-b3-traceid", b"x-b3-spanid", b"x-b3-parentspanid", b"x-b3-sampled"),
    *(b"x-cloud-trace-context", b"sentry-trace", b"uber-trace-id"),
}
"""Fields that are for the way, or another with each request; cookies are looked at one by one."""


class Finding(Enum):
    """What came of holding a stored answer against the upstream's own.

    SAME, DIFFERENT: as it says; the latter is mostly a change since.
    CREDENTIALS, REQUEST: it was shown to be another caller's, or to another question.
    """

    SAME = "same"
    DIFFERENT = "different"
    CREDENTIALS = "credentials"
    REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Sighting:
    """The upstream's own answer to one request: `print` is a digest of it, `at` in seconds.

    Answers in different `coding`s are not to be compared.
    """

    parts: Parts
    print: bytes
    at: float
    coding: bytes = b""


def parts_of(request: Request, secret: bytes) -> Parts:
    """Return the parts of a request that may have shaped its answer; digests under `secret`."""
    values: dict[str, list[bytes]] = {}
    for at, (name, value) in enumerate(_named(request)):
        values.setdefault(name if at < MOST_PARTS else OTHERS, []).append(value)
    return {name: _digest(found, secret) for name, found in values.items()}


def differing(one: Parts, other: Parts) -> tuple[str, ...]:
    """Return the names of the parts that two requests do not share."""
    return tuple(sorted(n for n in one.keys() | other.keys() if one.get(n) != other.get(n)))


def finding(names: Iterable[str]) -> Finding:
    """Return what a stored answer is called that was another's because of these parts."""
    return Finding.CREDENTIALS if any(map(is_personal, names)) else Finding.REQUEST


def is_personal(name: str) -> bool:
    """Tell whether a part says who asks."""
    return name in CREDENTIALS or name.startswith("cookie ")


def nobodys(request: Request) -> Request:
    """Return the request without the parts that say who asks."""
    return request.having(request.fields.without(_PERSONAL_FIELDS))


def returned(earlier: Sequence[Sighting], new: Sighting) -> tuple[str, ...]:
    """Return the parts by which the latest of `earlier` was another answer than `new`.

    None, unless `new` is an answer that came back: given before and after that other one, which
    was in between, to requests that share those parts, as its own does not. What also differed
    where answers agreed, or agreed where they differed, does not explain it and is left out.
    """
    alike = (sighting for sighting in earlier if sighting.coding == new.coding)
    recent = [sighting for sighting in alike if new.at - sighting.at <= WINDOW]
    if not recent or recent[-1].print == new.print:
        return ()
    other = recent[-1]
    before = [at for at, sighting in enumerate(recent) if sighting.print == new.print]
    if not before:
        return ()
    first = min(before, key=lambda at: len(differing(recent[at].parts, new.parts)))
    changed = differing(other.parts, new.parts)
    steady = [name for name in changed if recent[first].parts.get(name) == new.parts.get(name)]
    return tuple(n for n in steady if _explains(n, recent[first:], (other, new)))


def _explains(name: str, between: Sequence[Sighting], two: tuple[Sighting, Sighting]) -> bool:
    """Tell whether each of two answers was the only one to its value of a part."""
    return all(
        sighting.print == each.print
        for each in two
        for sighting in between
        if sighting.parts.get(name) == each.parts.get(name)
    )


def _named(request: Request) -> Iterator[tuple[str, bytes]]:
    """Yield name and value of each part, fields before cookies before parameters."""
    for name, value in request.fields:
        if name.lower() not in _NOT_SHAPING:
            yield _shown(name.lower()), value
    for name, pair in cookies.pairs(request.fields):
        yield f"cookie {_shown(name)}", pair
    if request.query:
        for name, value in query.parameters(request.query):
            yield f"query {_shown(name)}", value


def _shown(name: bytes) -> str:
    """Return a name fit to be shown anywhere."""
    text = name[:LONGEST_NAME].decode("utf-8", "backslashreplace")
    return "".join(each if each.isprintable() else "?" for each in text)


def _digest(values: Iterable[bytes], secret: bytes) -> bytes:
    digest = blake2b(key=secret, digest_size=8)
    for value in values:
        digest.update(b"%d:%b" % (len(value), value))
    return digest.digest()
