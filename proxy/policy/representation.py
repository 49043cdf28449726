"""Representation: what of a response's head changes with its coding (9110 §8.4, §8.8.3.3).

And back: what of a client's conditions the upstream can understand. This module must not know
bodies, nor which coding was chosen, or why.
"""

from collections.abc import Callable, Iterator
from typing import Final

from proxy.http.coded_tags import CodedTag, coded_tag, plain, taken_apart
from proxy.http.codings import Coding
from proxy.http.message import Fields, Line, Request
from proxy.http.validators import ANY, EntityTag, parse_etag, parse_tags
from proxy.policy.stored import Stored
from proxy.policy.validation import READS, not_modified
from proxy.values import replace

_ACCEPT_ENCODING: Final = b"accept-encoding"
_RANGE: Final = frozenset({b"range", b"if-range"})
_MARKED: Final = b"-sc."


def represented(stored: Stored, coding: Coding, mark: bytes, length: int) -> Stored:
    """Return a stored response as it is in a coding; `mark` names the bytes, `length` of them."""
    tag = None if stored.etag is None else coded_tag(stored.etag, coding, mark)
    return replace(stored, fields=recoded(stored.fields, coding, mark), etag=tag, length=length)


def recoded(fields: Fields, coding: Coding, mark: bytes) -> Fields:
    """Return the fields of a response that was given another coding here."""
    kept = Fields(line for each in fields for line in _recoded(each, coding, mark))
    if coding is Coding.IDENTITY:
        return kept
    return kept.plus((b"Content-Encoding", coding.token))


def _recoded(line: Line, coding: Coding, mark: bytes) -> Iterator[Line]:
    name = line[0].lower()
    if name == b"etag":
        tag = parse_etag(line[1])
        if tag is not None:  # what cannot be read cannot be told apart either
            yield line[0], coded_tag(tag, coding, mark).render()
    elif name not in {b"content-encoding", b"content-length"}:
        yield line


def varying(fields: Fields) -> tuple[Line, ...]:
    """Return the line that says that the answer depends on Accept-Encoding, if it is lacking.

    9110 §12.5.5.
    """
    named = {n.strip().lower() for value in fields.all(b"vary") for n in value.split(b",")}
    return () if named & {_ACCEPT_ENCODING, b"*"} else ((b"Vary", b"Accept-Encoding"),)


def held(request: Request, stored: Stored, coding: Coding) -> bytes | None:
    """Return the mark of the bytes that the client holds of a coding, by its If-None-Match.

    However they were made, they still say what the stored response says: it was not modified.
    """
    tag = stored.etag
    if tag is None or tag.weak or stored.status != 200:  # noqa: PLR2004 - 9110 §13.2.1
        return None
    if request.method not in READS:
        return None
    for parts in _coded_tags(request):
        if parts.coding is coding and parts.base.opaque == tag.opaque:
            return parts.mark
    return None


def unmodified(request: Request, stored: Stored, coding: Coding) -> Stored | None:
    """Return a stored response as the client holds it in a coding; None where it holds another.

    Nothing has to be coded for a 304. Without a strong tag it does not even matter how it was.
    """
    mark = held(request, stored, coding)
    if mark is None and (stored.etag is None or stored.etag.weak):
        mark = b"0" if not_modified(request, stored) else None
    return None if mark is None else represented(stored, coding, mark, 0)


def by_tag_alone(request: Request) -> Request:
    """Return a request without a range on condition of a date: that is the same in all codings.

    9110 §13.1.5, §8.8.1: so it is no strong validator for who could have been given several.
    """
    fields = request.fields
    condition = fields.joined(b"if-range")
    by_date = condition is not None and parse_etag(condition) is None
    if b"range" not in fields or not (by_date or b"if-unmodified-since" in fields):
        return request
    return unranged(request)


def unranged(request: Request) -> Request:
    """Return a request for the whole where it was one for a range (9110 §14.2 allows that)."""
    return replace(request, fields=request.fields.without(_RANGE))


def as_upstream_knows(request: Request, given: Coding | None) -> Request:
    """Return a request with the upstream's own tags in its conditions.

    `given` is the coding that the client would be given: of other ones the upstream cannot say
    whether they were modified, since that would not be what is selected (§13.1.2). A range of what
    was coded here is nothing that the upstream could give: it is asked for the whole.
    """
    fields = request.fields
    marked = {name for name in _CONDITIONS if _MARKED in (fields.joined(name) or b"")}
    if not marked:
        return request
    if marked & {b"if-match", b"if-range"}:
        fields = fields.without(_RANGE)
    if b"if-match" in marked:
        fields = _with_tags(fields, b"If-Match", lambda _: True)
    if b"if-none-match" in marked:
        read = request.method in READS  # a write is guarded whatever was read
        fields = _with_tags(fields, b"If-None-Match", lambda tag: not read or _is_of(tag, given))
    return replace(request, fields=fields)


def _with_tags(fields: Fields, name: bytes, known: Callable[[EntityTag], bool]) -> Fields:
    """Return fields with the plain tags of those that are known in a condition.

    Where none is left nothing is asked, by date neither (9110 §13.1.3).
    """
    tags = parse_tags(fields.all(name.lower()))
    named = () if tags is ANY else tags
    listed = dict.fromkeys(plain(tag).render() for tag in named if known(tag))
    if not listed:
        return fields.without({name.lower(), b"if-modified-since"})
    return fields.without({name.lower()}).plus((name, b", ".join(listed)))


def _is_of(tag: EntityTag, given: Coding | None) -> bool:
    parts = taken_apart(tag)
    return parts is None or parts.coding is given


_CONDITIONS: Final = frozenset({b"if-none-match", b"if-match", b"if-range"})


def retold(request: Request, fields: Fields, given: Coding | None) -> Fields:
    """Return the fields of the upstream's 304 with the tag by which the client knows its copy."""
    told = parse_etag(fields.first(b"etag"))
    for parts in _coded_tags(request):
        if told is not None and parts.coding is given and parts.base.opaque == told.opaque:
            tag = coded_tag(EntityTag(told.opaque), parts.coding, parts.mark)
            return fields.without({b"etag"}).plus((b"ETag", tag.render()))
    return fields


def _coded_tags(request: Request) -> Iterator[CodedTag]:
    values = request.fields.all(b"if-none-match")
    if not any(_MARKED in value for value in values):
        return
    tags = parse_tags(values)
    for tag in () if tags is ANY else tags:
        if (parts := taken_apart(tag)) is not None:
            yield parts
