"""Cache-Control and its targeted kin: lines in, one frozen set of directives out (9111 §5.2).

Whatever is doubtful is read so that less may be stored, shared or served stale. What a directive
then means for a request is not known here.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

import http_sf

from proxy.http._grammar import OWS, TOKEN, is_token, members, skip_gap
from proxy.values import valueclass

DELTA_MAX: Final = 2**31
"""The largest delta-seconds; a greater one is read as this (9111 §1.2.2)."""


@valueclass(frozen=True, slots=True)
class Directives:
    """What one side said, in seconds, switches and lower-case field names.

    `no_cache` and `private` stand for the unqualified forms; where a form names fields, they are
    in `no_cache_fields` and `private_fields` instead (9111 §5.2.2.4, §5.2.2.7).
    """

    max_age: int | None = None
    s_maxage: int | None = None
    max_stale: int | None = None
    min_fresh: int | None = None
    stale_while_revalidate: int | None = None
    stale_if_error: int | None = None
    no_cache: bool = False
    private: bool = False
    no_cache_fields: frozenset[bytes] = frozenset()
    private_fields: frozenset[bytes] = frozenset()
    no_store: bool = False
    no_transform: bool = False
    only_if_cached: bool = False
    must_revalidate: bool = False
    proxy_revalidate: bool = False
    must_understand: bool = False
    public: bool = False
    immutable: bool = False


Argument = bytes | None
"""A directive's argument: None where it has none, empty where it has one that cannot be used."""

_UNUSABLE: Final = b""


def delta_seconds(text: bytes) -> int | None:
    """Return a delta-seconds, at most DELTA_MAX, or None if `text` is not one (9111 §1.2.2)."""
    if not text.isdigit():
        return None
    digits = text.lstrip(b"0")
    return DELTA_MAX if len(digits) > len(str(DELTA_MAX)) else min(int(digits or b"0"), DELTA_MAX)


# --- How an argument is read: every occurrence of one directive in, one value out. -------------


def _seconds(arguments: Iterable[Argument]) -> list[int | None]:
    return [delta_seconds(argument or _UNUSABLE) for argument in arguments]


def _lifetime(arguments: list[Argument]) -> int:
    """Read a lifetime; unusable or contradictory ones are over at once (9111 §4.2.1)."""
    first, *others = set(_seconds(arguments))
    return 0 if others or first is None else first


def _window(arguments: list[Argument]) -> int | None:
    """Read a permission to be stale; it must be understood in each place, and the least counts."""
    usable = [seconds for seconds in _seconds(arguments) if seconds is not None]
    return min(usable) if len(usable) == len(arguments) else None


def _max_stale(arguments: list[Argument]) -> int | None:
    return _window([b"%d" % DELTA_MAX if each is None else each for each in arguments])


def _min_fresh(arguments: list[Argument]) -> int | None:
    return max((seconds for seconds in _seconds(arguments) if seconds is not None), default=None)


def _demanded(_: list[Argument]) -> bool:
    """Read a switch that counts however it is written, as one that restricts must."""
    return True


def _granted(arguments: list[Argument]) -> bool:
    """Read a switch that permits: it counts only as it is defined, without an argument."""
    return None in arguments


def _names(argument: Argument) -> frozenset[bytes] | None:
    names = members((argument or _UNUSABLE).lower())
    return frozenset(names) if names and all(map(is_token, names)) else None


def _unqualified(arguments: list[Argument]) -> bool:
    return any(_names(argument) is None for argument in arguments)


def _qualified(arguments: list[Argument]) -> frozenset[bytes]:
    if _unqualified(arguments):
        return frozenset()  # the whole response already includes each field
    return frozenset().union(*(_names(argument) or () for argument in arguments))


@valueclass(frozen=True, slots=True)
class _Kind:
    """How a directive is read, and the Structured Field type that it has (9213 §2.1)."""

    read: Callable[[list[Argument]], int | bool | frozenset[bytes] | None]
    sf_type: type


_LIFETIME: Final = _Kind(_lifetime, int)
_WINDOW: Final = _Kind(_window, int)
_DEMAND: Final = _Kind(_demanded, bool)
_GRANT: Final = _Kind(_granted, bool)
_WHOLE: Final = _Kind(_unqualified, str)
_FIELDS: Final = _Kind(_qualified, str)

_Table = tuple[tuple[bytes, str, _Kind], ...]

_REQUEST: Final[_Table] = (
    (b"max-age", "max_age", _LIFETIME),
    (b"max-stale", "max_stale", _Kind(_max_stale, int)),
    (b"min-fresh", "min_fresh", _Kind(_min_fresh, int)),
    (b"no-cache", "no_cache", _DEMAND),
    (b"no-store", "no_store", _DEMAND),
    (b"no-transform", "no_transform", _DEMAND),
    (b"only-if-cached", "only_if_cached", _GRANT),
    (b"stale-if-error", "stale_if_error", _WINDOW),
)
_RESPONSE: Final[_Table] = (
    (b"max-age", "max_age", _LIFETIME),
    (b"s-maxage", "s_maxage", _LIFETIME),
    (b"stale-while-revalidate", "stale_while_revalidate", _WINDOW),
    (b"stale-if-error", "stale_if_error", _WINDOW),
    (b"no-cache", "no_cache", _WHOLE),
    (b"no-cache", "no_cache_fields", _FIELDS),
    (b"private", "private", _WHOLE),
    (b"private", "private_fields", _FIELDS),
    (b"no-store", "no_store", _DEMAND),
    (b"no-transform", "no_transform", _DEMAND),
    (b"must-revalidate", "must_revalidate", _DEMAND),
    (b"proxy-revalidate", "proxy_revalidate", _DEMAND),
    (b"must-understand", "must_understand", _DEMAND),
    (b"public", "public", _GRANT),
    (b"immutable", "immutable", _DEMAND),  # 8246 §2: an argument is ignored
)


# --- The lenient grammar of Cache-Control. -----------------------------------------------------

_SOUND: Final = re.compile(
    rb"(?P<name>%(token)s)"
    rb'(?:=(?:(?P<token>%(token)s)|"(?P<quoted>[^"\\]*+(?:\\.[^"\\]*+)*)"))?'
    rb"[ \t]*+(?:,|\Z)" % {b"token": TOKEN},
    re.DOTALL,
)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)
_DOUBTFUL_NAME: Final = re.compile(rb'(?<![^,;" \t])' + TOKEN)


def _parse(value: bytes) -> Iterator[tuple[bytes, Argument]]:
    """Yield the directives of one line: lower-case name and argument.

    A member that breaks the grammar is searched for names alone, and what it says beside them is
    not used. If the break is a quote, nobody can tell where it was to end, so that the rest of
    the line is searched in the same way: no directive can hide behind it.
    """
    end = len(value.rstrip(OWS + b","))
    position = skip_gap(value, 0)
    while position < end:
        if found := _SOUND.match(value, position):
            yield found["name"].lower(), _argument(found)
            position = found.end()
        else:
            stop = _end_of_doubt(value, position)
            for name in _DOUBTFUL_NAME.findall(value, position, stop):
                yield name.lower(), _UNUSABLE
            position = stop
        position = skip_gap(value, position)


def _argument(found: re.Match[bytes]) -> Argument:
    quoted = found["quoted"]
    return found["token"] if quoted is None else _QUOTED_PAIR.sub(rb"\1", quoted)


def _end_of_doubt(value: bytes, position: int) -> int:
    comma = value.find(b",", position)
    if comma == -1 or b'"' in value[position:comma]:
        return len(value)
    return comma


def _directives(table: _Table, said: Mapping[bytes, list[Argument]]) -> Directives:
    read: dict[str, Any] = {
        attribute: kind.read(said[name]) for name, attribute, kind in table if name in said
    }
    if "no_store" in read and not _granted(said.get(b"must-understand", [])):
        # must-understand lifts no-store (9111 §5.2.2.3); a malformed one must not.
        read.pop("must_understand", None)
    return Directives(**read)


def _lenient(table: _Table, values: tuple[bytes, ...]) -> Directives:
    # Line by line, although 9110 §5.3 would let them be joined: joined, a broken quote in one
    # line and another in the next but one would hide the line between.
    said: dict[bytes, list[Argument]] = {}
    for value in values:
        for name, argument in _parse(value):
            said.setdefault(name, []).append(argument)
    return _directives(table, said)


@lru_cache(maxsize=256)
def parse_request(values: tuple[bytes, ...]) -> Directives:
    """Read a request's Cache-Control lines (9111 §5.2, §5.2.1)."""
    return _lenient(_REQUEST, values)


@lru_cache(maxsize=256)
def parse_response(values: tuple[bytes, ...]) -> Directives:
    """Read a response's Cache-Control lines (9111 §5.2, §5.2.2, 5861, 8246)."""
    return _lenient(_RESPONSE, values)


# --- Targeted fields: strict. ------------------------------------------------------------------


@lru_cache(maxsize=256)
def parse_targeted(values: tuple[bytes, ...]) -> Directives | None:
    """Read the lines of a targeted field, or return None if it is to be ignored (9213 §2.1)."""
    try:
        parsed = http_sf.parse(b", ".join(values), tltype="dictionary")
    except http_sf.StructuredFieldError:
        return None
    dictionary = cast("dict[str, tuple[object, object]]", parsed)
    if not dictionary:
        return None
    said = {
        name: [_targeted_argument(dictionary[key][0], kind.sf_type)]
        for name, _, kind in _RESPONSE
        if (key := name.decode()) in dictionary
    }
    return _directives(_RESPONSE, said)


def _targeted_argument(value: object, sf_type: type) -> Argument:
    if value is True:
        return None
    return str(value).encode() if type(value) is sf_type else _UNUSABLE
