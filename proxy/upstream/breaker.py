"""The breaker of one address: whether it is worth asking, learnt from how it went.

Closed until several requests in a row have failed; then open for a while, longer each time; then
one request may try. Time and chance are arguments. This module must not know whom is asked.
"""

from dataclasses import dataclass
from enum import Enum
from math import inf


class State(Enum):
    """`CLOSED` lets all through, `OPEN` none, `PROBING` none but the one that tries."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class BreakerTerms:
    """When it opens and for how long, in seconds: `shortest` at first, twice as long each time."""

    failures: int = 5
    calm: float = 1.0
    """Seconds without any success before it opens: who makes requests fail does not shut it."""
    shortest: float = 0.5
    longest: float = 4.0


class Breaker:
    """Learns from outcomes: each request that enters tells one of them, and if it was the probe."""

    __slots__ = ("_failures", "_span", "_terms", "_until", "_well", "state")

    def __init__(self, terms: BreakerTerms) -> None:
        self.state = State.CLOSED
        self._terms = terms
        self._failures = 0
        self._span = terms.shortest
        self._until = 0.0
        self._well = -inf

    def allows(self, now: float) -> bool:
        """Tell whether a request may enter."""
        if self.state is State.OPEN:
            return now >= self._until
        return self.state is State.CLOSED

    def enter(self) -> bool:
        """Begin a request that was allowed; True for the first one after a pause, the probe."""
        if self.state is State.OPEN:
            self.state = State.PROBING
            return True
        return False

    def succeeded(self, now: float) -> None:
        """Note an answer, whoever asked: it is well."""
        self._well = now
        self.state = State.CLOSED
        self._failures = 0
        self._span = self._terms.shortest

    def failed(self, now: float, draw: float, *, probe: bool, at_once: bool = False) -> bool:
        """Note a failure; True where it opens. `at_once` does not wait for a row of them.

        What fails while it is open and is not the probe began before that and says nothing new.
        The pause is drawn from the second half of its span, so that not all come at once.
        """
        if self.state is not State.CLOSED and not (probe and self.state is State.PROBING):
            return False
        self._failures += 1
        few = self._failures < self._terms.failures or now - self._well < self._terms.calm
        if few and not (probe or at_once):
            return False
        self.state = State.OPEN
        self._until = now + self._span * (0.5 + draw / 2)
        self._span = min(2 * self._span, self._terms.longest)
        return True

    def abandoned(self, *, probe: bool) -> None:
        """Note that a request ended and taught nothing; another may try in a probe's place."""
        if probe and self.state is State.PROBING:
            self.state = State.OPEN
