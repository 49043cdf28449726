"""The report: medians of the samples and of the paired ratios, as a table and as plain data.

Must not know how the samples came about.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Final

from bench.rounds import Sample, Samples


@dataclass(frozen=True)
class Metric:
    """A column: its key in the data, its title, its value of a sample, how that is written."""

    key: str
    title: str
    value: Callable[[Sample], float]
    form: str


METRICS: Final = (
    Metric("cpu_us", "CPU µs", lambda sample: sample.cpu_us, "{:.1f}"),
    Metric("requests_per_second", "req/s", lambda sample: sample.per_second, "{:,.0f}"),
    Metric("p50_ms", "p50 ms", lambda sample: sample.p50_us / 1000, "{:.2f}"),
    Metric("p99_ms", "p99 ms", lambda sample: sample.p99_us / 1000, "{:.2f}"),
)

NOTE: Final = """\
CPU µs: user and system time of the server's processes, a request. x: the median of the ratios to
nginx, round by round. spread: (most - least) / median of CPU µs over the rounds. busy: the share
of one core that the server used; well below 100 %, req/s and latency are not the server's own."""

_YARDSTICK: Final = "nginx"
_NAMES: Final = "{:<12} {:<10}"
_PAIR: Final = " {:>9} {:>6}"
_LAST: Final = " {:>7} {:>5}"


@dataclass(frozen=True)
class Summary:
    """One contender in one case: medians by metric, and ratios where there is a yardstick."""

    server: str
    medians: dict[str, float]
    ratios: dict[str, float] | None
    spread: float
    busy: float


def summaries(samples: Samples) -> list[Summary]:
    """Condense the samples of one case."""
    yardstick = samples.get(_YARDSTICK)
    return [
        Summary(
            server,
            {metric.key: median(map(metric.value, own)) for metric in METRICS},
            None if yardstick is None or server == _YARDSTICK else _ratios(own, yardstick),
            spread([sample.cpu_us for sample in own]),
            median(sample.busy for sample in own),
        )
        for server, own in samples.items()
    ]


def _ratios(own: Sequence[Sample], yardstick: Sequence[Sample]) -> dict[str, float]:
    pairs = list(zip(own, yardstick, strict=True))
    return {
        metric.key: median(
            metric.value(sample) / max(metric.value(beside), 1e-9) for sample, beside in pairs
        )
        for metric in METRICS
    }


def spread(values: Sequence[float]) -> float:
    """Return how far the values lie apart, as a share of their median."""
    middle = median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def header() -> str:
    """Return the first line of the table."""
    pairs = "".join(_PAIR.format(metric.title, "x") for metric in METRICS)
    return (_NAMES.format("case", "server") + pairs + _LAST.format("spread", "busy")).rstrip()


def rows(case: str, samples: Samples) -> Iterator[str]:
    """Yield the lines of one case."""
    for number, summary in enumerate(summaries(samples)):
        line = _NAMES.format("" if number else case, summary.server)
        for metric in METRICS:
            ratio = "" if summary.ratios is None else f"{summary.ratios[metric.key]:.2f}"
            line += _PAIR.format(metric.form.format(summary.medians[metric.key]), ratio)
        yield line + _LAST.format(f"{summary.spread:.0%}", f"{summary.busy:.0%}")


def data(case: str, samples: Samples) -> dict[str, object]:
    """Return one case as plain data, every round of it."""
    return {
        "case": case,
        "servers": [
            asdict(summary) | {"rounds": [asdict(sample) for sample in samples[summary.server]]}
            for summary in summaries(samples)
        ],
    }
