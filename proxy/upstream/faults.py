"""Faults of an exchange, in httpx's words: what httpx has no word for, and which phase is which."""

from typing import Final

import httpx


class Vanished(httpx.RemoteProtocolError):
    """The connection ended and had not brought a single byte."""


EXPIRED: Final[dict[str, tuple[type[httpx.TimeoutException], str]]] = {
    "first_byte": (httpx.ReadTimeout, "the response did not begin in time"),
    "between_bytes": (httpx.ReadTimeout, "the response's body did not go on in time"),
    "write": (httpx.WriteTimeout, "the request was not taken in time"),
    "total": (httpx.ReadTimeout, "the response was not complete in time"),
    "tunnel": (httpx.ReadTimeout, "nothing came or went for too long"),
}
"""Phase → the error when it has taken too long."""
