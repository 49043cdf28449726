"""One request at a time, by hand: is a server up, does it answer what the case says.

Must not measure anything.
"""

import http.client
from typing import Final, NamedTuple

from bench.asked import Asked
from bench.errors import BenchError

_TIMEOUT: Final = 10.0
_COUNT: Final = Asked("/requests/")


class Answer(NamedTuple):
    """What came, the body as it was sent; no `coding` is ""."""

    status: int
    body: bytes
    coding: str


def ask(port: int, asked: Asked) -> Answer:
    """Return the answer to a GET; raises OSError or http.client.HTTPException."""
    fields = dict(field.split(": ", 1) for field in asked.fields)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.request("GET", asked.target, headers=fields)
        response = connection.getresponse()
        coding = response.getheader("Content-Encoding", "")
        return Answer(response.status, response.read(), coding)
    finally:
        connection.close()


def is_up(port: int) -> bool:
    """Tell whether HTTP is spoken on the port yet."""
    try:
        ask(port, _COUNT)
    except (OSError, http.client.HTTPException):
        return False
    return True


def origin_requests(port: int) -> int:
    """Return how many requests the origin on the port has answered; raises `BenchError`."""
    return int(_answer("origin", port, _COUNT).body)


def fetched(server: str, port: int, asked: Asked) -> bytes:
    """Return the body of a GET as it was sent; raises `BenchError`."""
    return _answer(server, port, asked).body


def expect(server: str, port: int, asked: Asked, status: int, coding: str | None = None) -> None:
    """Raise `BenchError` unless the answer has the status, and the coding, that is wanted."""
    got = _answer(server, port, asked)
    if got.status != status:
        raise BenchError(f"{server}: GET {asked.target} gave {got.status}, expected {status}")
    if coding not in {None, got.coding}:
        raise BenchError(f"{server}: GET {asked.target} came in {got.coding!r}, not {coding!r}")


def _answer(server: str, port: int, asked: Asked) -> Answer:
    try:
        return ask(port, asked)
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{server}: GET {asked.target} failed: {error!r}") from error
