"""Names as an operator writes them: of rules, methods, fields, cookies, hosts, paths, tags.

Each is an annotated text type with its check, its JSON Schema and an error text that says what is
accepted. This module must not know which setting uses which.
"""

import re
from collections.abc import Callable
from typing import Annotated, Final, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    GetJsonSchemaHandler,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from proxy.http.hops import HOP_BY_HOP, PROXY_OWN
from proxy.rules import jsonpaths, paths, templates

T = TypeVar("T")

_RULE: Final = r"[a-z0-9][a-z0-9_-]{0,63}"
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"  # noqa: S105 - a grammar
_SF_TOKEN: Final = r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]{0,63}"  # noqa: S105 - a grammar
_MEDIA: Final = r"[a-z0-9!#$&^_.+-]{1,127}/(?:\*|[a-z0-9!#$&^_.+-]{1,127})|\*\+[a-z0-9.-]{1,64}"
_HOST: Final = r"(?:\*\.)?[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63}){0,30}|\[[0-9a-f:.]{2,45}\]"
_PARAMETER: Final = r"[^&=;#*\x00-\x1f\x7f]{1,256}"

_ANSWERED_HERE: Final = "the cache answers it itself; it cannot be part of a key"
_UNKEYED: Final = {
    "host": "the host is part of every key",
    "authorization": "use `credentials: key`",
    "cookie": "name the cookies in `key.cookies`",
    "content-length": "requests with a body are not answered from the cache",
    **dict.fromkeys(("cache-control", "pragma", "range", "if-range"), _ANSWERED_HERE),
    **dict.fromkeys(("if-match", "if-none-match"), _ANSWERED_HERE),
    **dict.fromkeys(("if-modified-since", "if-unmodified-since"), _ANSWERED_HERE),
}
_NO_TAGS: Final = {
    "cache-groups": "it is always read, and never removed",
    "set-cookie": "it holds secrets, and tags are no secret",
}


def _refusal(help_text: str) -> PydanticCustomError:
    return PydanticCustomError("word", "{help}", {"help": help_text})


def _shaped(pattern: str, help_text: str) -> AfterValidator:
    shape = re.compile(pattern)

    def check(text: str) -> str:
        if not shape.fullmatch(text):
            raise _refusal(help_text)
        return text

    return AfterValidator(check)


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^(?:{pattern})$"})


def _compiled(parse: Callable[[str], object]) -> AfterValidator:
    """Accept what `parse` can read; its ValueError says what that is."""

    def check(text: str) -> str:
        try:
            parse(text)
        except ValueError as error:
            raise _refusal(str(error)) from error
        return text

    return AfterValidator(check)


def _end_to_end(name: str) -> str:
    """Refuse what a proxy keeps to itself on either side (9110 §7.6.1)."""
    if name.encode() in HOP_BY_HOP | PROXY_OWN:
        raise _refusal(f"'{name}' belongs to one connection and never reaches the upstream")
    return name


def _keyable(name: str) -> str:
    if name in _UNKEYED:
        raise _refusal(f"'{name}' cannot be listed: {_UNKEYED[name]}")
    return name


def _holding_tags(name: str) -> str:
    if name in _NO_TAGS:
        raise _refusal(f"'{name}' cannot be listed: {_NO_TAGS[name]}")
    return name


def _listed(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


def _wanted(value: object) -> bool | str:
    if not isinstance(value, bool | str):
        raise _refusal("write text (quote a number), true for present, or false for absent")
    return value


class _OneOrList:
    """Tells the JSON Schema that a single item may stand for a list of one."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        array = handler(schema)
        return {"anyOf": [array["items"], array]}


OneOrMore = Annotated[tuple[T, ...], Field(min_length=1), BeforeValidator(_listed), _OneOrList()]
"""A list that is not empty; a single item may be written without the list."""

RuleName = Annotated[
    str,
    _shaped(_RULE, "a name is a-z, 0-9, '-' and '_', at most 64, and starts with a-z or 0-9"),
    _text(_RULE),
]

CacheName = Annotated[
    str,
    _shaped(_SF_TOKEN, "a cache's name is one word that starts with a letter"),
    _text(_SF_TOKEN),
]
"""A Token of Structured Fields, as Cache-Status wants it (9211 §2)."""

Method = Annotated[
    str,
    StringConstraints(to_upper=True),
    _shaped(_TOKEN, "a method is one word like GET"),
    _text(_TOKEN),
]
"""Upper case."""

FieldName = Annotated[
    str,
    StringConstraints(to_lower=True),
    _shaped(_TOKEN, "a field name is one word like accept-language"),
    _text(_TOKEN),
]
"""Lower case."""

SentField = Annotated[FieldName, AfterValidator(_end_to_end)]
"""A request field that can reach the upstream."""

KeyedField = Annotated[SentField, AfterValidator(_keyable)]
"""A request field that can be part of a key."""

CookieName = Annotated[str, _shaped(_TOKEN, "a cookie's name is one word"), _text(_TOKEN)]

Parameter = Annotated[
    str,
    _shaped(_PARAMETER, "a parameter's name is plain text without '&', '=', ';', '#' and '*'"),
    _text(_PARAMETER),
]
"""Decoded, as a form shows it."""

ParameterPrefix = Annotated[
    str,
    _shaped(
        rf"{_PARAMETER}\*?|\*",
        "a parameter's name is plain text without '&', '=', ';' and '#'; a '*' can only end it",
    ),
    _text(rf"{_PARAMETER}\*?|\*"),
]

HostPattern = Annotated[
    str,
    StringConstraints(to_lower=True),
    _shaped(_HOST, "a host is like 'example.com' or '*.example.com', without scheme and port"),
    WithJsonSchema({"type": "string", "examples": ["example.com", "*.example.com"]}),
]
"""Lower case."""

PathPattern = Annotated[
    str,
    _compiled(paths.parse),
    WithJsonSchema({"type": "string", "pattern": "^/", "examples": ["/products/{id}", "/me/**"]}),
]

MediaType = Annotated[
    str,
    StringConstraints(to_lower=True),
    _shaped(_MEDIA, "a media type is like 'text/html', 'text/*' or '*+json'"),
    WithJsonSchema({"type": "string", "examples": ["application/json", "text/*", "*+json"]}),
]
"""Lower case, without parameters."""

TagField = Annotated[FieldName, AfterValidator(_holding_tags)]
"""A response field that can hold tags."""

TagTemplate = Annotated[
    str,
    _compiled(templates.parse),
    WithJsonSchema({"type": "string", "examples": ["product:{id}", "page:{query.page}"]}),
]

ValueTemplate = Annotated[
    str,
    _compiled(templates.parse_for_value),
    WithJsonSchema({"type": "string", "examples": ["product:{}"]}),
]
"""A tag with `{}` where a value from a body is to stand."""

JsonPath = Annotated[
    str,
    _compiled(jsonpaths.parse),
    WithJsonSchema({"type": "string", "pattern": r"^\$", "examples": ["$.related[*].id"]}),
]

Wanted = Annotated[
    bool | str,
    PlainValidator(_wanted),
    WithJsonSchema({"type": ["string", "boolean"]}),
]
"""The value that is asked for, or whether there is to be any."""
