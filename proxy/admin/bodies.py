"""Bodies: what callers send, read within bounds as one JSON document of a model.

This module must not know what any model means.
"""

from typing import Any, Final, TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from proxy.admin.refused import Refused
from proxy.rules.problems import problems

LARGEST: Final = 1_048_576
"""Bytes of a body."""


class Body(BaseModel):
    """A JSON document whose fields are all known."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


Model = TypeVar("Model", bound=Body)


async def read(request: Request, model: type[Model]) -> Model:
    """Return the request's body; raises `Refused`.

    A form on a web page cannot send this media type, so no page can make a browser change
    anything here.
    """
    essence = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if essence != "application/json":
        raise Refused(415, "Send the body as 'Content-Type: application/json'.")
    try:
        document = orjson.loads(await _bytes(request))
    except orjson.JSONDecodeError as error:
        raise Refused(400, f"The body is not JSON: {error}.") from error
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise Refused(422, "; ".join(map(str, problems(error, model)))) from error


def documented(model: type[Body]) -> dict[str, Any]:
    """Return what OpenAPI says of an operation that reads this model."""
    content = {"application/json": {"schema": model.model_json_schema()}}
    return {"requestBody": {"required": True, "content": content}}


async def _bytes(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise Refused(413, f"The body is larger than {LARGEST} bytes; send it in parts.")
    return bytes(body)
