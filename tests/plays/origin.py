"""The origin: an upstream that has resources, and answers about each as RFC 9110 says.

What it does with conditions and ranges is up to the resource: an origin may pay them no heed
(§13.2.1, §14.2). Nothing here knows the proxy.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final

from tests.plays.asking import Asked, ranges, resolved, since, tags_in, weakly
from tests.plays.scripted import Heard, Reply, ScriptedUpstream, Step, chunk, response

_NOT_IN_304: Final = (
    *("content-type", "content-language", "content-encoding", "content-digest", "repr-digest"),
    "accept-ranges",
)
PIECE: Final = 9_000


@dataclass(frozen=True)
class Resource:
    """What there is at a target; `lines` are in every answer that may have them."""

    body: bytes = b""
    lines: tuple[str, ...] = ()
    etag: str | None = None
    modified: float | None = None
    counted: bool = True
    """Whether its length is told; else it comes in chunks."""
    heeds: bool = True
    """Whether it heeds conditions and ranges."""

    @property
    def validators(self) -> tuple[str, ...]:
        """The lines of its validators."""
        tag = () if self.etag is None else (f"ETag: {self.etag}",)
        date = () if self.modified is None else (f"Last-Modified: {written(self.modified)}",)
        return (*tag, *date)


def written(moment: float) -> str:
    """Return an instant as a date."""
    return formatdate(moment, usegmt=True)


class Origin(ScriptedUpstream):
    """A server of resources; a scripted reply comes before whatever they would have said."""

    def __init__(self) -> None:
        super().__init__()
        self.resources: dict[str, Resource] = {}

    def _next(self, head: bytes) -> Reply:
        heard = Heard(0, head)
        resource = self.resources.get(heard.target.decode())
        if self._replies or resource is None:
            return super()._next(head)
        fields = tuple((name.decode().lower(), value.decode()) for name, value in heard.lines)
        return Reply(tuple(_said(resource, Asked(heard.method.decode(), fields))))


def _said(resource: Resource, asked: Asked) -> Iterator[Step]:
    """Answer as §13.2.2 has it: conditions first, then the range."""
    lines = (*resource.lines, *resource.validators)
    if resource.heeds and _unmodified(resource, asked):
        omitted = _NOT_IN_304 if resource.etag is None else (*_NOT_IN_304, "last-modified")
        kept = [line for line in lines if not line.lower().startswith(omitted)]
        yield response("304 Not Modified", *kept)
        return
    part = _part(resource, asked) if resource.heeds else None
    size = len(resource.body)
    if part == (0, -1):
        yield response("416 No", *lines, f"Content-Range: bytes */{size}", "Content-Length: 0")
        return
    if part is not None:
        first, last = part
        body, place = resource.body[first : last + 1], f"Content-Range: bytes {first}-{last}/{size}"
        yield response("206 Partial", *lines, place, f"Content-Length: {len(body)}", body=body)
        return
    framing = f"Content-Length: {size}" if resource.counted else "Transfer-Encoding: chunked"
    yield response("200 OK", *lines, framing)
    if asked.method == "HEAD":
        return
    pieces = (resource.body[at : at + PIECE] for at in range(0, size, PIECE))
    yield pieces if resource.counted else (chunk(piece) for piece in pieces)
    yield b"" if resource.counted else b"0\r\n\r\n"


def _unmodified(resource: Resource, asked: Asked) -> bool:
    listed = asked.get("if-none-match")
    if listed is not None:
        return listed == "*" or any(weakly(tag, resource.etag) for tag in tags_in(listed))
    moment = since(asked.get("if-modified-since"))
    return moment is not None and resource.modified is not None and resource.modified <= moment


def _part(resource: Resource, asked: Asked) -> tuple[int, int] | None:
    """Return the one part that is wanted; (0, -1) where it cannot be given, None for the whole."""
    specs, condition = ranges(asked.get("range")), asked.get("if-range")
    if asked.method != "GET" or specs is None or not resource.body:
        return None
    if condition is not None:
        date = None if '"' in condition else since(condition)
        by_date = date is not None and date == resource.modified
        if not by_date and (condition != resource.etag or condition.startswith("W/")):
            return None
    found = resolved(specs, len(resource.body))
    if not found:
        return 0, -1
    return found[0] if len(found) == 1 else None
