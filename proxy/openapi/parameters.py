"""Parameters: what of a request an operation says it reads, and so what its answers depend on.

This module must not know paths, or how answers are kept.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from proxy.openapi.document import Document, Json
from proxy.rules.words import CookieName, KeyedField, Parameter

_CREDENTIAL: Final = (
    r"api[-_]?key|auth(?:entication|orization)?|credentials?|jwt|pass(?:word|wd)|secret"
    r"|sig(?:nature)?"
)
_TOKEN: Final = r"(?:[a-z]+[-_])*token"  # noqa: S105 - a pattern
_PAGES: Final = re.compile(
    r"(?:page|next|prev\w*|contin\w*|pagination|resume|start|sync)[-_]?token$"
)
"""Tokens that name a place in a list, and no caller."""
_CALLER: Final = (
    r"sess(?:ion)?(?:[-_]?id)?|sid|user(?:[-_]?(?:id|name))?|account(?:[-_]?id)?|tenant.*"
)
_ALONE: Final = r"(?:^|[-_.\[])(?:{})(?:$|[-_.\]])"
_SECRETS: Final = {
    "query": re.compile(_ALONE.format(f"{_CREDENTIAL}|{_TOKEN}")),
    "header": re.compile(_ALONE.format(f"{_CREDENTIAL}|{_TOKEN}|{_CALLER}")),
    "cookie": re.compile(_ALONE.format(f"{_CREDENTIAL}|{_TOKEN}|{_CALLER}")),
}
"""Names of what tells one caller from another, whatever the document says of security."""
_HUMPS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ANSWERED_HERE: Final = frozenset({
    *("cache-control", "pragma", "range", "if-range", "if-match", "if-none-match"),
    *("if-modified-since", "if-unmodified-since", "content-type", "content-length", "host"),
})  # fmt: skip
"""Fields that the cache reads itself."""
_TELLING_NOTHING: Final = frozenset({
    *("user-agent", "x-request-id", "x-correlation-id", "traceparent", "tracestate"),
    *("idempotency-key", "referer", "origin", "date"),
})  # fmt: skip
"""Fields that differ from request to request and hardly shape an answer."""
_WRITTEN_HERE: Final = re.compile(r"forwarded|via|x-real-ip|x-forwarded-.*")
"""Fields that the API gets from the proxy, whatever the client sent."""
_SCALARS: Final = frozenset({"string", "integer", "number", "boolean", "null", "array"})
_DEEPEST: Final = 8

_PARAMETER: Final = TypeAdapter[str](Parameter)
_FIELD: Final = TypeAdapter[str](KeyedField)
_COOKIE: Final = TypeAdapter[str](CookieName)


@dataclass(frozen=True, slots=True)
class Asked:
    """What an operation reads beside its path.

    `query` None: the names of its parameters are not all known. `ignored` are fields that it reads
    and that no key should hold. `secret` is a parameter that tells one caller from another, and
    `unkeyed` one that it reads and that no key can hold.
    """

    query: tuple[str, ...] | None = ()
    headers: tuple[str, ...] = ()
    cookies: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    secret: str | None = None
    unkeyed: str | None = None


def asked(document: Document, holders: Iterable[Json], where: str) -> Asked:
    """Return what an operation reads; of `holders` the later wins over the earlier."""
    found: dict[tuple[str, str], tuple[Json, str]] = {}
    for holder in holders:
        for at, each in enumerate(document.items(holder.get("parameters"), f"{where}.parameters")):
            place = f"{where}.parameters[{at}]"
            told = document.mapping(each, place)
            if "name" not in told or "in" not in told:
                raise document.refused(place, "has no name, or does not say where it is")
            kind, name = (document.text(told[each], place) for each in ("in", "name"))
            found[kind, _folded(kind, name)] = told, place
    return _sorted(document, found)


def _folded(kind: str, name: str) -> str:
    """Return a parameter's name as it is compared: that of a field in lower case (9110 §5.1)."""
    return name.lower() if kind == "header" else name


def _sorted(document: Document, found: dict[tuple[str, str], tuple[Json, str]]) -> Asked:
    names = {kind: [n for k, n in found if k == kind] for kind in ("query", "header", "cookie")}
    secret = next((n for kind in names for n in names[kind] if _is_secret(n, kind)), None)
    headers = [n for n in names["header"] if n not in _ANSWERED_HERE | {"accept", "authorization"}]
    keyed = [name for name in headers if name not in _TELLING_NOTHING]
    unkeyed = [*filter(_WRITTEN_HERE.fullmatch, keyed), *_unfit(keyed, _FIELD)]
    unkeyed += _unfit(names["cookie"], _COOKIE)
    told = [found["query", name] for name in names["query"]]
    known = all(_one_name(document, each, place) for each, place in told)
    known = known and "querystring" not in {kind for kind, _ in found}
    return Asked(
        query=tuple(names["query"]) if known and not _unfit(names["query"], _PARAMETER) else None,
        headers=tuple(keyed),
        cookies=tuple(names["cookie"]),
        ignored=tuple(name for name in headers if name in _TELLING_NOTHING),
        secret=secret,
        unkeyed=next(iter(unkeyed), None),
    )


def _is_secret(name: str, kind: str) -> bool:
    if kind == "header" and name in {"authorization", "cookie", "proxy-authorization"}:
        return True
    plain = _HUMPS.sub("_", name).lower()
    return _SECRETS[kind].search(plain) is not None and not _PAGES.search(plain)


def _unfit(names: Iterable[str], reader: TypeAdapter[str]) -> list[str]:
    return [name for name in names if not _fits(name, reader)]


def _fits(name: str, reader: TypeAdapter[str]) -> bool:
    try:
        reader.validate_python(name)
    except ValidationError:
        return False
    return True


def _one_name(document: Document, told: Json, where: str) -> bool:
    """Tell whether a query parameter is one by that name, and not a bundle of others."""
    if told.get("style") == "deepObject":
        return False
    if "content" in told or told.get("explode") is False:
        return True
    return _is_scalar(document, told.get("schema"), where, _DEEPEST)


def _is_scalar(document: Document, schema: object, where: str, depth: int) -> bool:
    """Tell whether a schema surely allows no object, whose members would be parameters."""
    if not depth or not isinstance(schema, dict):
        return False
    told = document.mapping(schema, where)
    types = told.get("type")
    if types is not None:
        named = types if isinstance(types, list) else [types]
        return all(isinstance(each, str) and each in _SCALARS for each in named)
    if "enum" in told or "const" in told:
        return not any(isinstance(value, dict) for value in _allowed(document, told, where))
    return any(
        _all_scalar(document, told, (name, where), depth) for name in ("anyOf", "oneOf", "allOf")
    )


def _all_scalar(document: Document, told: Json, place: tuple[str, str], depth: int) -> bool:
    name, where = place
    inner = document.items(told.get(name), where)
    return bool(inner) and all(_is_scalar(document, each, where, depth - 1) for each in inner)


def _allowed(document: Document, told: Json, where: str) -> Iterator[Any]:
    yield from document.items(told.get("enum"), where)
    yield told.get("const")
