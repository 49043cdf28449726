"""Breaker: whether it is worth asking, learnt from the answers. It must not know whom is asked."""

from enum import Enum
from typing import Final

LIMIT: Final = 3
"""Failures in a row after which nobody asks any more."""


class State(Enum):
    """`CLOSED` lets calls through; `OPEN` none but the probe."""

    CLOSED = "closed"
    OPEN = "open"


class Breaker:
    """Open until the first success, and again after `limit` failures in a row."""

    def __init__(self, limit: int = LIMIT) -> None:
        self.state = State.OPEN
        self.opened = 0
        self._limit = limit
        self._failures = 0

    def succeeded(self) -> None:
        """Note an answer: failures count in a row only."""
        self._failures = 0

    def failed(self) -> bool:
        """Note a failure; True when it is the one that opens the breaker."""
        self._failures += 1
        if self.state is State.OPEN or self._failures < self._limit:
            return False
        self.state = State.OPEN
        self.opened += 1
        return True

    def close(self) -> None:
        """Let calls through: the probe was answered."""
        self.state = State.CLOSED
        self._failures = 0
