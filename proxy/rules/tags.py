"""Tags: what a rule and an exchange call an answer by.

A rule names tags by templates, from the path, the query, and the fields of request and response,
and by paths into a JSON body; upstreams name them in response fields. This module must not know
what has been purged, or where answers are kept.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from proxy.http.message import Fields, Request
from proxy.http.target import normal_authority
from proxy.policy.invalidation import group_names
from proxy.rules import jsonpaths, labels
from proxy.rules.paths import Capture
from proxy.rules.templates import Exchange, Source, Template, filled, filled_with

MOST: Final = 128
"""Tags of one answer's head, and again of its body; with more it is not stored, for none may be
left out."""

LONGEST: Final = 1_024
"""Bytes of a tag; an answer with a longer one is not stored."""

LARGEST_BODY: Final = 1_048_576
"""Bytes of a body that is read for tags."""

"""From here on a number in JSON may have been rounded while it was read."""

_BY_SPACE: Final = re.compile(rb"[^ \t]++")
_BY_COMMA: Final = re.compile(rb"[^,]++")
_BY_BOTH: Final = re.compile(rb"[^ \t,]++")
_SPLIT: Final = {b"surrogate-key": _BY_SPACE, b"cache-tag": _BY_COMMA}
"""How tags are told apart in the fields of Fastly and Cloudflare; in others, in either way."""


@dataclass(frozen=True, slots=True)
class BodyTag:
    """A path into a JSON body, and what each value found there is called."""

    path: jsonpaths.Path
    template: Template


@dataclass(frozen=True, slots=True)
class Tagging:
    """How the answers under a rule get their tags.

    `fields` are response fields that hold tags; they are removed from what the client gets unless
    `send_fields`.
    """

    templates: tuple[Template, ...] = ()
    from_body: tuple[BodyTag, ...] = ()
    fields: tuple[bytes, ...] = (b"surrogate-key", b"cache-tag", b"xkey")
    send_fields: bool = False


@dataclass(frozen=True, slots=True)
class OnSuccess:
    """What a successful request under a rule purges; `mode` is hard, soft or refresh."""

    purge: tuple[Template, ...]
    mode: str = "hard"


NO_TAGGING: Final = Tagging()


def of_request(
    tagging: Tagging, captures: Sequence[Capture], request: Request
) -> tuple[bytes, ...]:
    """Return the tags that a request tells before it is answered.

    None of them where they are too many: `of_response` says so, and nothing is stored.
    """
    if not tagging.templates:
        return ()
    templates = (one for one in tagging.templates if not one.takes(Source.RESPONSE))
    return _labelled(_named(templates, Exchange(captures, request))) or ()


def of_response(
    tagging: Tagging, captures: Sequence[Capture], request: Request, fields: Fields
) -> tuple[bytes, ...] | None:
    """Return the tags that the head of the response tells; None where they are too many.

    All of the rule's templates, those in the tag fields, and the groups of Cache-Groups
    (9875 §2), which are tags and, as `labels.group_tag`, groups too.
    """
    named = _named(tagging.templates, Exchange(captures, request, fields))
    groups = group_names(fields, b"cache-groups")
    written = (name for field in tagging.fields for name in _listed(field, fields))
    told = None if named is None else _labelled((*named, *written, *groups))
    if told is None:
        return None
    origin = request.scheme.encode(), normal_authority(request.scheme, request.authority)
    return (*told, *(labels.group_tag(*origin, group) for group in dict.fromkeys(groups)))


def of_body(tagging: Tagging, media_type: bytes | None, body: bytes) -> tuple[bytes, ...] | None:
    """Return the tags that a JSON body tells; None where it cannot be read, or tells too many.

    A body of another media type, or an empty one, tells none.
    """
    if not tagging.from_body or not body or not _is_json(media_type):
        return ()
    if len(body) > LARGEST_BODY:
        return None
    try:
        return _labelled(_in_document(tagging.from_body, orjson.loads(body)))
    except ValueError:  # no JSON, or too much of it
        return None


def purged_by(
    on_success: OnSuccess, captures: Sequence[Capture], request: Request, fields: Fields
) -> tuple[bytes, ...]:
    """Return the tags that a successful request purges, as `labels.tag` makes them.

    Where they are too many to be told, everything: no purge may fall short.
    """
    named = _named(on_success.purge, Exchange(captures, request, fields))
    return (labels.EVERYTHING,) if named is None else tuple(map(labels.tag, named))


def _named(templates: Iterable[Template], exchange: Exchange) -> list[bytes] | None:
    """Return what the templates make of an exchange, each once; None for too many."""
    names: dict[bytes, None] = {}
    for template in templates:
        made = filled(template, exchange, MOST)
        if made is None:
            return None
        names.update(dict.fromkeys(made))
    return list(names)


def _labelled(names: Iterable[bytes] | None) -> tuple[bytes, ...] | None:
    """Return names as labels, each once; None if they are None, too many, or one too long."""
    told: dict[bytes, None] = {}
    for name in () if names is None else names:
        told[labels.tag(name)] = None
        if len(told) > MOST or len(name) > LONGEST:
            return None
    return None if names is None else tuple(told)


def _listed(field: bytes, fields: Fields) -> Iterator[bytes]:
    """Yield the tags that a response field holds."""
    if field in fields:
        split = _SPLIT.get(field, _BY_BOTH)
        for value in fields.all(field):
            yield from filter(None, (found.strip(b" \t") for found in split.findall(value)))


def _is_json(media_type: bytes | None) -> bool:
    essence = (media_type or b"").partition(b";")[0].strip().lower()
    return essence == b"application/json" or (
        essence.startswith(b"application/") and essence.endswith(b"+json")
    )


def _in_document(body_tags: Sequence[BodyTag], document: object) -> Iterator[bytes]:
    """Yield what the values that are meant are called; raises ValueError where one is unclear."""
    paths = [one.path for one in body_tags]
    for number, value in jsonpaths.values(paths, document):
        if (text := _text(value)) is not None:
            yield filled_with(body_tags[number].template, text)


def _text(value: object) -> bytes | None:
    """Return a value as it stands in a tag; None for what makes none."""
    match value:
        case bool():
            return b"true" if value else b"false"
        case str() | int():
            return str(value).encode()
        case float():
            raise ValueError("a number that can be written in more than one way")
        case _:
            return None
