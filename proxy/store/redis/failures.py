"""Failures: what an error of redis-py says of the server. Nothing here is done about it."""

import re
from enum import Enum
from typing import Final, TypeVar

from redis import exceptions as redis

T = TypeVar("T")

FOREIGN: Final = (
    *(redis.RedisError, redis.RedisClusterException),
    *(OSError, UnicodeError),  # the socket's (time-outs too), and of host names
    RuntimeError,  # uvloop's word for a write on a transport that has just been closed
)
"""All that redis-py lets through."""


class Failure(Enum):
    """Why a call had no answer that is of use."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    REFUSED = "refused"
    """The server takes no such call as it is now: loading, demoted, full, or strict."""
    COMMAND = "command"
    """This one command was wrong; the server is well."""
    SATURATED = "saturated"
    """All connections were busy until the deadline."""


_KINDS: Final = (
    (redis.BusyLoadingError, Failure.REFUSED),
    (redis.AuthenticationError, Failure.REFUSED),
    (redis.ReadOnlyError, Failure.REFUSED),
    (redis.OutOfMemoryError, Failure.REFUSED),
    (redis.NoPermissionError, Failure.REFUSED),
    (redis.ClusterDownError, Failure.REFUSED),
    (redis.TimeoutError, Failure.TIMEOUT),
    (TimeoutError, Failure.TIMEOUT),
    (redis.ResponseError, Failure.COMMAND),
    (redis.DataError, Failure.COMMAND),
)
_REFUSALS: Final = re.compile(
    r"(?:^|-)(?:READONLY|LOADING|OOM|MASTERDOWN|CLUSTERDOWN|NOAUTH|NOPERM|MISCONF|BUSY|NOREPLICAS)\b"
)
"""The same said of a call within a script, or by codes that redis-py has no class for."""


def classify(error: BaseException) -> Failure:
    """Tell what an error says of the server."""
    kind = next((kind for shape, kind in _KINDS if isinstance(error, shape)), Failure.CONNECTION)
    if kind is Failure.COMMAND and _REFUSALS.search(str(error)):
        return Failure.REFUSED
    return kind


def answer(reply: T | Exception) -> T | None:
    """Return one reply of several; None for a command that was wrong by itself.

    Raises the error where it says something of the server.
    """
    if not isinstance(reply, Exception):
        return reply
    if classify(reply) is not Failure.COMMAND:
        raise reply
    return None


def said(error: BaseException) -> str:
    """Return an error as a line for people, without the command, which may hold what is kept."""
    text = str(error).partition("\n")[0].rpartition("of pipeline caused error: ")[2]
    return f"{type(error).__name__}: {text}".removesuffix(": ")
