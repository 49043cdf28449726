"""Refused: the one exception of the admin side, a problem that its caller is told of.

This module must not know HTTP beyond a status.
"""

from collections.abc import Mapping
from typing import Final

NO_HEADERS: Final[Mapping[str, str]] = {}

TITLES: Final = {
    400: "Bad request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Content too large",
    415: "Unsupported media type",
    422: "Invalid request",
    429: "Too many requests",
    501: "Not installed",
    503: "Unavailable",
}


class Refused(Exception):
    """What was asked for is not done; the text says why, and what would be right."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] = NO_HEADERS) -> None:
        super().__init__(detail)
        self.status = status
        self.headers = headers
