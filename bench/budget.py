"""A budget: what is measured, what it may be at most, and what was found.

Must not know which budgets there are, nor how they are shown.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench.child import Cores
from bench.rounds import Plan

OWN: Final = "sidecache"

Figures = Mapping[str, Sequence[float]]
"""What was measured, `OWN` and what is beside it → its figure in each round."""

Meter = Callable[[Plan, Cores], Figures]
"""Measures; raises whatever went wrong."""


@dataclass(frozen=True)
class Bound:
    """What is allowed: so many `times` the figure `beside` it, and so much `more`.

    With no `times` it is told how many it was all the same.
    """

    times: float = 0
    beside: str = ""
    more: float = 0

    def text(self, unit: str) -> str:
        """Write it down."""
        times = self.beside if self.times == 1 else f"{self.times:g} x {self.beside}"
        more = f"{self.more:g} {unit}"
        return " + ".join([times] * bool(self.times) + [more] * bool(self.more))

    def limit(self, other: float) -> float:
        """Return what is allowed where the figure beside it is `other`."""
        return self.times * other + self.more


@dataclass(frozen=True)
class Budget:
    """What one case may cost.

    `how` says how it is measured, beyond what holds for all; `why` why it may fall short, for
    those who find that it does.
    """

    case: str
    unit: str
    meter: Meter
    bounds: Sequence[Bound]
    how: str
    why: str


@dataclass(frozen=True)
class Finding:
    """What was found for one bound, over the rounds: medians, and medians of paired ratios.

    `ratio` is to the figure `beside`, `used` is the share of what is allowed; those that have not
    been measured are None, and `missing` says why.
    """

    case: str
    at_most: str
    unit: str
    beside: str
    own: float | None = None
    other: float | None = None
    ratio: float | None = None
    used: float | None = None
    missing: str = ""

    @property
    def kept(self) -> bool | None:
        """Whether the budget is kept; None where that is not known."""
        return None if self.used is None else self.used <= 1


def findings(budget: Budget, figures: Figures) -> Iterator[Finding]:
    """Yield what was found for each bound."""
    for bound in budget.bounds:
        if bound.times and bound.beside not in figures:
            yield unmeasured(budget, bound, f"{bound.beside} is not installed")
        else:
            yield _found(budget, bound, figures)


def unmeasured(budget: Budget, bound: Bound, why: str) -> Finding:
    """Return that nothing was found."""
    return Finding(budget.case, bound.text(budget.unit), budget.unit, bound.beside, missing=why)


def _found(budget: Budget, bound: Bound, figures: Figures) -> Finding:
    own, others = figures[OWN], figures.get(bound.beside)
    pairs = list(zip(own, others or [0.0] * len(own), strict=True))
    return Finding(
        *(budget.case, bound.text(budget.unit), budget.unit, bound.beside if others else ""),
        own=median(own),
        other=median(others) if others else None,
        ratio=median(one / max(other, 1e-9) for one, other in pairs) if others else None,
        used=median(one / max(bound.limit(other), 1e-9) for one, other in pairs),
    )
