"""Waits: how long each phase of a request may take, as httpx's `timeout` extension tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Self


@dataclass(frozen=True, slots=True)
class Waits:
    """Seconds a phase may take; `inf` where there is no limit.

    `read` of httpx's four stands for both `first_byte` and `between_bytes` where these are not
    given. `total` is from the request's beginning to its response's end, `tunnel` the time without
    a byte either way after a change of protocol.
    """

    pool: float = inf
    connect: float = inf
    write: float = inf
    first_byte: float = inf
    between_bytes: float = inf
    total: float = inf
    tunnel: float = inf

    @classmethod
    def of(cls, timeout: Mapping[str, float | None]) -> Self:
        """Read the extension; what is missing or None has no limit."""
        seconds = {name: wait for name, wait in timeout.items() if wait is not None}
        read = seconds.pop("read", inf)
        return cls(**{"first_byte": read, "between_bytes": read, **seconds})
