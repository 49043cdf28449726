"""Conditional requests (RFC 9110, section 13): validators out, conditions in.

Decides from a request's fields and a representation; knows no resource of the catalog.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime

from fastapi import Request, Response
from fastapi.exceptions import HTTPException
from pydantic import BaseModel
from starlette.datastructures import Headers

ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def strong_etag(body: bytes) -> str:
    """Return an entity tag that changes whenever a byte of `body` does."""
    return f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"'


@dataclass(frozen=True)
class Representation:
    """The bytes of a resource, and what tells this state of it from another.

    `modified` is in Unix seconds; without `etag` the date is the only validator.
    """

    body: bytes
    etag: str | None = None
    modified: int | None = None
    media_type: str = "application/json"

    @classmethod
    def of(
        cls, model: BaseModel, *, modified: int | None = None, tagged: bool = True
    ) -> "Representation":
        """Represent a model as JSON, with a strong entity tag if `tagged`."""
        body = model.model_dump_json().encode()
        return cls(body, strong_etag(body) if tagged else None, modified)

    @property
    def validators(self) -> dict[str, str]:
        """Return the validator fields of a response with this representation."""
        fields = {} if self.etag is None else {"ETag": self.etag}
        if self.modified is not None:
            fields["Last-Modified"] = formatdate(self.modified, usegmt=True)
        return fields


def answer(request: Request, representation: Representation, fields: Mapping[str, str]) -> Response:
    """Answer a GET with 200, or with 304 if the client has this very representation."""
    headers = {**representation.validators, **fields}
    if not_modified(request.headers, representation.etag, representation.modified):
        return Response(status_code=304, headers=headers)
    return Response(representation.body, headers=headers, media_type=representation.media_type)


def not_modified(headers: Headers, etag: str | None, modified: int | None) -> bool:
    """Tell whether a GET is answered by 304; If-None-Match goes first (section 13.2.2)."""
    if "if-none-match" in headers:
        return _matches(headers.getlist("if-none-match"), etag, weak=True)
    since = _date(headers.get("if-modified-since", ""))
    return since is not None and modified is not None and modified <= since


def refuse_lost_update(headers: Headers, etag: str | None) -> None:
    """Raise 412 if the writer's If-Match names another state (section 13.1.1)."""
    if "if-match" in headers and not _matches(headers.getlist("if-match"), etag, weak=False):
        raise HTTPException(412, "the product has changed since you read it")


def same_representation(if_range: str, etag: str, modified: int) -> bool:
    """Tell whether If-Range holds: a strong tag or the exact date (section 13.1.5)."""
    return if_range == etag or _date(if_range) == modified


def _matches(fields: list[str], etag: str | None, *, weak: bool) -> bool:
    value = ", ".join(fields)
    if value.strip() == "*":
        return True
    tags = ENTITY_TAG.findall(value)
    return etag in (opaque for weakness, opaque in tags if weak or not weakness)


def _date(value: str) -> float | None:
    try:
        return parsedate_to_datetime(value).timestamp()
    except (ValueError, OverflowError):
        return None
