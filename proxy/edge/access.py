"""The access log: one JSON line a request, off for hits by default.

Tokens and cookies are never in it: of the request it holds method, path and rule, no query and
no field. This module must not know where lines go.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

import orjson

from proxy.engine.answer import Account
from proxy.http.message import Request
from proxy.values import valueclass

MAX_PATH: Final = 1_024


class Logged(Enum):
    """Which requests are logged."""

    OFF = "off"
    MISSES = "misses"
    ALL = "all"


@valueclass(frozen=True, slots=True)
class Exchange:
    """One answered request: `at` since the epoch, how long it took, `sent` bytes of body."""

    request: Request
    status: int
    account: Account
    at: float
    seconds: float
    sent: int


class AccessLog:
    """Writes lines as they are due."""

    def __init__(self, write: Callable[[bytes], None], logged: Logged) -> None:
        self._write = write
        self.logged = logged

    def wants(self, account: Account) -> bool:
        """Tell whether a request of this account is logged."""
        return self.logged is Logged.ALL or (self.logged is Logged.MISSES and not account.hit)

    def record(self, exchange: Exchange) -> None:
        """Log one answered request, which `wants` has let pass."""
        account = exchange.account
        line = {
            "time": round(exchange.at, 3),
            "method": exchange.request.method,
            "path": exchange.request.path[:MAX_PATH].decode("latin-1"),
            "status": exchange.status,
            "rule": account.rule,
            "reason": account.reason.token,
            "storing": account.storing.token if account.storing else None,
            "failed": account.failed.token if account.failed else None,
            "ms": round(exchange.seconds * 1000, 2),
            "bytes": exchange.sent,
            "peer": exchange.request.peer,
        }
        self._write(orjson.dumps(line))
