"""The report: two samples side by side, as lines and as JSON. How they came about is not known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from proxy.loadtest.sample import Sample

CLIENT_LIMIT: Final = 0.8
"""The share of a core from which on it is the client that is measured."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a trial: a sample a round for each side; `direct` is empty if it was not asked.

    `differing` has a line for each answer that was not the same, `changing` the URLs whose answers
    differ by themselves from one request to the next.
    """

    through: tuple[Sample, ...]
    direct: tuple[Sample, ...] = ()
    differing: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()

    @property
    def ratio(self) -> float | None:
        """How many times as many answers come through the proxy: the median of the rounds."""
        rounds = zip(self.through, self.direct, strict=False)
        ratios = [through.rate / direct.rate for through, direct in rounds if direct.rate]
        return median(ratios) if ratios else None

    @property
    def flawed(self) -> bool:
        """Whether an answer differed, or a request failed."""
        return bool(self.differing) or any(each.errors for each in (*self.through, *self.direct))


def whole(rounds: Sequence[Sample]) -> Sample:
    """Return all rounds as one."""
    total = Sample()
    for each in rounds:
        total.add(each)
    return total


_ROWS: Final[Mapping[str, Callable[[Sample], str]]] = {
    "requests": lambda s: f"{s.requests}",
    "requests/s": lambda s: f"{s.rate:.0f}" if s.rate >= 10 else f"{s.rate:.1f}",  # noqa: PLR2004 - two digits
    "p50": lambda s: _time(s.percentile(0.5)),
    "p99": lambda s: _time(s.percentile(0.99)),
    "hit ratio": lambda s: "-" if s.hit_ratio is None else f"{100 * s.hit_ratio:.1f} %",
    "bytes": lambda s: f"{s.body_bytes}",
    "errors": lambda s: f"{s.errors}",
    "client's CPU": lambda s: f"{100 * s.client_share:.0f} %",
}


def lines(report: Report) -> Iterator[str]:
    """Yield the report as lines of text."""
    through, direct = whole(report.through), whole(report.direct)
    both = bool(report.direct)
    yield f"{'':<14}{'through':>12}{'direct' if both else '':>12}".rstrip()
    for title, row in _ROWS.items():
        yield f"{title:<14}{row(through):>12}{row(direct) if both else '':>12}".rstrip()
    if report.ratio is not None:
        yield f"{'ratio':<14}{f'{report.ratio:.2f}':>12}   (median of {len(report.through)} rounds)"
    yield from _failures("through", through)
    yield from _failures("direct", direct)
    yield from (f"differs: {each}" for each in report.differing)
    yield from (f"changes by itself, not compared: {each}" for each in report.changing)
    if max(through.client_share, direct.client_share) > CLIENT_LIMIT:
        yield "The client itself was the limit: rates are what it can ask for, at least."


def plain(report: Report) -> dict[str, Any]:
    """Return the report as JSON has it; times in seconds."""
    sides = {"through": report.through, "direct": report.direct}
    return {
        **{name: _plain(whole(rounds)) if rounds else None for name, rounds in sides.items()},
        "rounds": [
            {name: each[at].rate for name, each in sides.items() if at < len(each)}
            for at in range(len(report.through))
        ],
        "ratio": report.ratio,
        "differing": list(report.differing),
        "changing": list(report.changing),
    }


def _plain(sample: Sample) -> dict[str, Any]:
    return {
        "requests": sample.requests,
        "rate": sample.rate,
        "p50": sample.percentile(0.5),
        "p99": sample.percentile(0.99),
        "hit_ratio": sample.hit_ratio,
        "bytes": sample.body_bytes,
        "errors": sample.errors,
        "failures": dict(sample.failures),
        "statuses": {str(status): count for status, count in sorted(sample.statuses.items())},
        "client_share": sample.client_share,
    }


def _failures(side: str, sample: Sample) -> Iterator[str]:
    for why, count in sample.failures.items():
        yield f"{side}: {count} not answered: {why}"
    for status, count in sorted(sample.statuses.items()):
        if status >= 400:  # noqa: PLR2004 - 4xx and 5xx
            yield f"{side}: {count} answered with {status}"


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.2f} ms"
