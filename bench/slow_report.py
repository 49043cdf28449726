"""The report on slow clients: two tables and plain data.

Must not know how the samples came about.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import chain
from math import isfinite
from statistics import median
from typing import Final

from bench.idlers import KINDS
from bench.slow import DEADLINE, Sample, Samples

_FELT: Final = "{:<14} {:>9} {:>9} {:>9} {:>7} {:>7}"
_ENDED: Final = "{:<14} {:>9} {:>9} {:>9} {:>7} {:>7}"

NOTE: Final = """\
p50, p99: of one client that asks for one stored answer again and again while the slow clients are
there; x: the median of the ratios to the rounds without, round by round. Below, after how many
seconds each kind was ended, over all rounds; late: those that were not, while we waited."""


def rows(samples: Samples) -> Iterator[str]:
    """Yield the lines of both tables."""
    yield _FELT.format("slow clients", "p50 µs", "p99 µs", "max µs", "x p50", "x p99")
    for way, own in samples.items():
        yield _FELT.format(way, *_felt(own, samples["none"]))
    yield ""
    yield _ENDED.format("kind", "deadline", "median s", "last s", "ended", "late")
    for kind in KINDS:
        rounds = chain.from_iterable(samples.values())
        times = sorted(chain.from_iterable(one.ended.get(kind, ()) for one in rounds))
        yield _ENDED.format(kind, f"{DEADLINE:.1f}", *_ended(times))


def _felt(own: list[Sample], alone: list[Sample]) -> list[str]:
    return [
        f"{median(one.p50_us for one in own):.0f}",
        f"{median(one.p99_us for one in own):.0f}",
        f"{median(one.max_us for one in own):.0f}",
        f"{_ratio(own, alone, lambda one: one.p50_us):.2f}",
        f"{_ratio(own, alone, lambda one: one.p99_us):.2f}",
    ]


def _ratio(own: list[Sample], alone: list[Sample], value: Callable[[Sample], float]) -> float:
    return median(value(a) / value(b) for a, b in zip(own, alone, strict=True))


def _ended(times: list[float]) -> list[str]:
    ended = [each for each in times if isfinite(each)]
    if not ended:
        return ["-", "-", "0", str(len(times))]
    return [
        f"{median(ended):.2f}",
        f"{ended[-1]:.2f}",
        str(len(ended)),
        str(len(times) - len(ended)),
    ]


def data(samples: Samples) -> list[dict[str, object]]:
    """Return every round as plain data."""
    return [
        {"slow_clients": way, "rounds": [asdict(one) for one in own]}
        for way, own in samples.items()
    ]
