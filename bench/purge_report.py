"""The report on purges: a table and plain data.

Must not know how the samples came about.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from statistics import median
from typing import Final

from bench.purge import WAYS, Sample, Samples

_ROW: Final = "{:<14} {:>10} {:>8} {:>8} {:>6} {:>9} {:>9} {:>9} {:>9} {:>6}"

NOTE: Final = """\
x: the median of the ratios to the fewest entries, round by round; 1 is flat. commands and Redis
µs: what the server of the store did a purge, the listening of all replicas included; proxy µs:
CPU time of the replica that is asked, user and system. All but the copies of one answer is real."""


def header() -> str:
    """Return the first line of the table."""
    titles = ("p50 ms", "p99 ms", "x", "purge/s", "commands", "Redis µs", "proxy µs", "x")
    return _ROW.format("purge", "entries", *titles)


def rows(samples: Samples) -> Iterator[str]:
    """Yield the lines of the table, way by way."""
    least = min(entries for entries, _ in samples)
    for way in WAYS:
        for (entries, name), own in samples.items():
            if name == way.name:
                first = "" if entries > least else name
                yield _ROW.format(first, f"{entries:,}", *_figures(own, samples[least, name]))


def _figures(own: Sequence[Sample], least: Sequence[Sample]) -> list[str]:
    return [
        f"{median(one.p50_us for one in own) / 1000:.2f}",
        f"{median(one.p99_us for one in own) / 1000:.2f}",
        f"{_ratio(own, least, lambda one: one.p50_us):.2f}",
        f"{median(one.requests / one.seconds for one in own):,.0f}",
        f"{median(one.commands / one.requests for one in own):.1f}",
        f"{median(one.redis_seconds / one.requests for one in own) * 1e6:.0f}",
        f"{median(one.proxy_seconds / one.requests for one in own) * 1e6:.0f}",
        f"{_ratio(own, least, lambda one: one.redis_seconds / one.requests):.2f}",
    ]


def _ratio(
    own: Sequence[Sample], least: Sequence[Sample], value: Callable[[Sample], float]
) -> float:
    pairs = zip(own, least, strict=True)
    return median(value(one) / max(value(beside), 1e-9) for one, beside in pairs)


def data(samples: Samples) -> list[dict[str, object]]:
    """Return every round as plain data."""
    return [
        {"entries": entries, "way": way, "rounds": [asdict(one) for one in own]}
        for (entries, way), own in samples.items()
    ]
