"""The cases: what is asked for and what must be true of the answers, one row a case.

A case must not know who serves it or how load is made.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Case:
    """One kind of request.

    `target` is the request target, or the beginning of ever new ones with `unique`, and of so
    many with `keys`; `upstream` says whether every request must reach the upstream, or else none
    may, but for the share of `strays`. `servers` are the contenders, of whom the last must answer
    in the `coding`, where there is one; `settling` are seconds of load before the first round.
    """

    name: str
    target: str
    status: int = 200
    unique: bool = False
    upstream: bool = False
    fields: tuple[str, ...] = ()
    keys: int = 0
    connections: int = 64
    strays: float = 0.0
    coding: str = ""
    settling: float = 0.0
    servers: tuple[str, ...] = ("nginx", "sidecache")


_BROWSER: Final = (
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: application/json, text/plain, */*",
    "Accept-Language: en-GB,en;q=0.7,de;q=0.3",
    "Accept-Encoding: gzip, deflate, br",
    "Referer: http://localhost/products",
    "Sec-Fetch-Mode: cors",
)
"""What a browser sends, but for a cookie, which would make the answers its own."""

_BASIC: Final = (
    Case("hit", "/hit/1"),
    Case("miss", "/miss/", unique=True, upstream=True),
    Case("pass", "/pass/1", upstream=True),
    Case("304", "/hit/1", status=304, fields=('If-None-Match: "hit"',)),
)

_TIERS: Final = ("nginx", "sidecache", "redis")

SUITES: Final[Mapping[str, tuple[Case, ...]]] = {
    "hit": _BASIC,
    "l2": tuple(
        Case(
            f"hit, {many} at once",
            "/hit/",
            keys=1000,
            connections=many,
            strays=0.001,  # a look-up that takes too long is a miss
            servers=_TIERS,
        )
        for many in (1, 64)
    ),
    "all": (*_BASIC, Case("hit browser", "/hit/1", fields=_BROWSER)),
}
