"""Vary: which request fields select a response, and when two values of one are the same.

9110 §12.5 and 9111 §4.1. What is stored, and which variant wins, is not known here.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from proxy.http._grammar import OWS, QUOTED, TOKEN, is_token, members
from proxy.http.message import Fields

SECRET: Final = frozenset({b"authorization", b"cookie", b"proxy-authorization"})
"""Fields whose values nobody should read where variants are kept."""


@dataclass(frozen=True, slots=True)
class _Preference:
    """A field that lists what the client prefers: what its members look like.

    `ordered` says that members of equal weight keep their order.
    """

    media: bool
    ordered: bool


# A member's weight says how much it is wanted, so that its place need not, and the list may be
# sorted by it (9111 §4.1: "reordering field values when order is not significant"). Of the order
# of language tags with equal weights, 9110 §12.5.4 says that it cannot be relied upon. Media types
# of equal weight keep theirs: many origins break the tie by it, and nothing tells them not to.
_PREFERENCES: Final = {
    b"accept": _Preference(media=True, ordered=True),
    b"accept-charset": _Preference(media=False, ordered=False),
    b"accept-encoding": _Preference(media=False, ordered=False),
    b"accept-language": _Preference(media=False, ordered=False),
}

_PARTS: Final = {b"token": TOKEN, b"quoted": QUOTED}
_MEMBER: Final = re.compile(
    rb"[ \t,]*+(?P<range>%(token)s(?:/%(token)s)?)"
    rb"(?P<parameters>(?:[ \t]*+;[ \t]*+(?:%(token)s=(?:%(token)s|%(quoted)s))?)*)"
    rb"[ \t]*+(?:,|\Z)" % _PARTS,
    re.DOTALL,
)
_PARAMETER: Final = re.compile(
    rb"[ \t]*+;[ \t]*+(?:(?P<name>%(token)s)=(?P<value>%(token)s|%(quoted)s))?" % _PARTS,
    re.DOTALL,
)
_COMMA: Final = re.compile(rb"(?P<quoted>%(quoted)s?)|[ \t]*+,[ \t]*+" % _PARTS, re.DOTALL)
"""A comma with the white space that a list allows around it (9110 §5.6.1), outside of quotes, of
which the last may be missing."""
_WEIGHT: Final = re.compile(rb"0(?:\.\d{0,3})?|1(?:\.0{0,3})?")
_Weighted = tuple[float, bytes]


def names(fields: Fields) -> tuple[bytes, ...] | None:
    """Return the lower-case names that Vary nominates, sorted, or None if nothing can match.

    A member that is no field name is as doubtful as `*` (9111 §4.1).
    """
    listed = {name.lower() for value in fields.all(b"vary") for name in members(value)}
    if b"*" in listed or not all(map(is_token, listed)):
        return None
    return tuple(sorted(listed))


@lru_cache(maxsize=256)
def normalise(name: bytes, values: tuple[bytes, ...]) -> bytes | None:
    """Return a field's value so that values of one meaning are equal, None if it is absent.

    `name` in lower case. Of a secret the digest stands for it: what selects is kept, and shared. An
    unknown field keeps its case and order, and so does a malformed one;
    white space around its commas does not count.
    """
    if not values:
        return None
    if name in SECRET:
        return blake2b(b"\0".join(values), digest_size=16).hexdigest().encode()
    combined = b", ".join(value.strip(OWS) for value in values).strip(OWS)
    preference = _PREFERENCES.get(name)
    weighted = _weighted(combined, preference) if preference else None
    if weighted is None or preference is None:
        return _COMMA.sub(lambda found: found["quoted"] or b", ", combined)
    if not preference.ordered:
        weighted.sort(key=lambda each: each[1])
    weighted.sort(key=lambda each: -each[0])  # stable: equal weights stay as they are
    return b",".join(member for _, member in weighted)


def selecting(request: Fields, names: tuple[bytes, ...]) -> tuple[tuple[bytes, bytes | None], ...]:
    """Return the nominated fields of a request with their normalised values (9111 §4.1)."""
    return tuple((name, normalise(name, request.all(name))) for name in names)


def _weighted(value: bytes, preference: _Preference) -> list[_Weighted] | None:
    text = value.strip(OWS + b",")
    found: list[_Weighted] = []
    position = 0
    while match := _MEMBER.match(text, position):
        member = _member(match, preference)
        if member is None:
            return None
        found.append(member)
        position = match.end()
    return found if position == len(text) else None


def _member(match: re.Match[bytes], preference: _Preference) -> _Weighted | None:
    if (b"/" in match["range"]) is not preference.media:
        return None
    parameters = [
        (each["name"].lower(), each["value"])
        for each in _PARAMETER.finditer(match["parameters"])
        if each["name"]
    ]
    # "process any parameter named q as weight, regardless of parameter ordering" (9110 §12.5.1)
    weights = [value for name, value in parameters if name == b"q"]
    others = [b";%s=%s" % each for each in parameters if each[0] != b"q"]
    if len(weights) > 1 or (others and not preference.media):
        return None
    if weights and not _WEIGHT.fullmatch(weights[0]):
        return None
    weight = float(weights[0]) if weights else 1.0
    suffix = b"" if weight == 1.0 else b";q=%s" % f"{weight:g}".encode()
    return weight, match["range"].lower() + b"".join(others) + suffix
