"""Problems: whatever goes wrong in the admin API leaves it as RFC 9457 problem details.

This module must not know what was asked for.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from proxy.admin.refused import NO_HEADERS, TITLES, Refused
from proxy.errors import InternalError, SidecacheError
from proxy.http import problem
from proxy.rules.problems import Problem

_DESCRIPTIONS: Final = {
    202: "Accepted, but not confirmed by all replicas yet; Location names the receipt",
    401: "No token, or an unknown one",
    403: "A token whose role is too small, or none configured",
    404: "Not known here",
    409: "Someone else does the same just now",
    413: "The body is larger than 1 MiB",
    415: "The body is not JSON",
    422: "Something in the request is wrong; the detail says where, and what would be right",
    429: "Too many failed attempts",
    501: "An extra is not installed; the detail says which",
    503: "The shared store cannot be reached",
}


def told(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of these statuses beside 200."""
    return {status: {"description": _DESCRIPTIONS[status]} for status in statuses}


def install(api: FastAPI) -> None:
    """Have an application answer every error as a problem."""

    @api.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        del request
        return _answer(error.status, TITLES[error.status], str(error), error.headers)

    @api.exception_handler(SidecacheError)
    async def failed(request: Request, error: SidecacheError) -> Response:
        del request
        return _answer(error.status, error.title, str(error))

    @api.exception_handler(HTTPException)
    async def unknown(request: Request, error: HTTPException) -> Response:
        title = TITLES.get(error.status_code, HTTPStatus(error.status_code).phrase)
        detail = f"{request.method} {request.url.path}: /openapi.json tells what there is."
        return _answer(error.status_code, title, detail, error.headers or NO_HEADERS)

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        del request
        found = [Problem(tuple(each["loc"][1:]), each["msg"]) for each in error.errors()]
        return _answer(422, TITLES[422], "; ".join(map(str, found)))

    @api.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> Response:
        del request, error  # the server logs it
        return _answer(500, InternalError.title, InternalError.__doc__ or "")


def _answer(
    status: int, title: str, detail: str, headers: Mapping[str, str] = NO_HEADERS
) -> Response:
    media_type, body = problem.render(status, title, detail)
    return Response(body, status, dict(headers), media_type.decode())
