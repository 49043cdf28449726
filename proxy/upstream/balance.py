"""Balance: which of several gets the next request. Chance is an argument."""

from collections.abc import Sequence


def choose(loads: Sequence[int], first: float, second: float) -> int:
    """Return the place of the less loaded of two that are drawn at random (Mitzenmacher 2001).

    `loads` is not empty; `first` and `second` are in [0, 1). Better than at random, and unlike the
    least loaded of all never the same for everyone who has the same news.
    """
    one = int(first * len(loads))
    if len(loads) == 1:
        return one
    other = int(second * (len(loads) - 1))
    other += other >= one
    return one if loads[one] <= loads[other] else other
