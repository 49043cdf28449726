"""The retry budget: how many requests may be sent a second time. Time is an argument."""

from dataclasses import dataclass
from typing import Final

SECONDS: Final = 10.0
"""How long what was not spent is saved."""


@dataclass(frozen=True, slots=True)
class RetryTerms:
    """At most this share of requests, and beyond it a few each second, saved up for ten."""

    share: float = 0.1
    floor: float = 1.0


class RetryBudget:
    """A purse: every request puts a share in, time puts the floor in, a retry costs one."""

    __slots__ = ("_at", "_purse", "_terms")

    def __init__(self, terms: RetryTerms) -> None:
        self._terms = terms
        self._at: float | None = None
        self._purse = terms.floor * SECONDS

    def requested(self) -> None:
        """Note a request."""
        self._purse += self._terms.share

    def withdraw(self, now: float) -> bool:
        """Pay for a retry; False where it cannot be afforded."""
        most = self._terms.floor * SECONDS + 100 * self._terms.share
        earned = self._terms.floor * (now - self._at if self._at is not None else 0.0)
        self._at = now
        self._purse = min(self._purse + earned, most)
        if self._purse < 1:
            return False
        self._purse -= 1
        return True
