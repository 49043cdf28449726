"""A call: one request and what whoever sends it wants of that."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf

from proxy.http.message import Head
from proxy.upstream.request import Outgoing
from proxy.upstream.waits import Waits

Informed = Callable[[Head], None]


@dataclass(slots=True)
class Call:
    """One request and how often it may be tried.

    `repeatable` tells that it may be sent twice, `informed` hears of interim responses (9110
    §15.2), `deadline` is the loop's time at which all has to be over.
    """

    outgoing: Outgoing
    waits: Waits
    repeatable: bool = False
    informed: Informed | None = None
    deadline: float = inf
    delivered: bool = False
    """Whether its response is in the hands of whoever asked, who ends it from then on."""

    @property
    def may_repeat(self) -> bool:
        """Whether it may be sent again; a body is read once, and so never."""
        return self.repeatable and self.outgoing.body is None

    def begin(self, now: float) -> None:
        """Let its time run."""
        self.deadline = now + self.waits.total

    def left(self, now: float) -> float:
        """Return the seconds to connect in."""
        return min(self.waits.connect, max(0.0, self.deadline - now))
