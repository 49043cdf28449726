"""One request at a time, by hand: is a server up, does it answer what the case says.

Must not measure anything.
"""

import http.client
from collections.abc import Sequence
from typing import Final

from bench.errors import BenchError

_TIMEOUT: Final = 10.0


def ask(port: int, target: str, fields: Sequence[str] = ()) -> tuple[int, bytes]:
    """Return status and body of a GET; raises OSError or http.client.HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", target, headers=dict(field.split(": ", 1) for field in fields))
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def is_up(port: int) -> bool:
    """Tell whether HTTP is spoken on the port yet."""
    try:
        ask(port, "/requests/")
    except (OSError, http.client.HTTPException):
        return False
    return True


def origin_requests(port: int) -> int:
    """Return how many requests the origin on the port has answered."""
    return int(ask(port, "/requests/")[1])


def expect(port: int, target: str, fields: Sequence[str], status: int, who: str) -> None:
    """Raise `BenchError` unless the answer has the status that is wanted."""
    try:
        got, _ = ask(port, target, fields)
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{who}: GET {target} failed: {error!r}") from error
    if got != status:
        raise BenchError(f"{who}: GET {target} gave {got}, expected {status}")
