"""The report on budgets: a table in columns or in Markdown, and plain data that can be read back.

Must not know how the findings came about.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from bench.budget import Finding
from bench.budgets import Outcome

RESULTS: Final = Path(__file__).with_name("results.json")
"""Where what was measured last is kept; docs/performance.md is made of it."""

TITLES: Final = ("case", "at most", "Sidecache", "beside it", "x", "of it", "kept")

NOTE: Final = """\
µs: CPU time of the server's processes a request, user and system. x: the median of the ratios to
what is beside it, round by round; of it: the same to what is allowed, so 100 % is just kept."""

_ROW: Final = "{:<32} {:<23} {:>10} {:>18} {:>6} {:>6}  {}"
_DIGITS: Final[Mapping[str, int]] = {"µs": 1, "ms": 2, "s": 2, "MB": 0}
_KEPT: Final[Mapping[bool | None, str]] = {True: "yes", False: "no", None: "not measured"}


def cells(finding: Finding) -> Iterator[str]:
    """Yield what stands in each column."""
    yield finding.case
    yield finding.at_most
    yield _figure(finding.own, finding.unit)
    yield f"{finding.beside} {_figure(finding.other, finding.unit)}".strip()
    yield "" if finding.ratio is None else f"{finding.ratio:.2f}"
    yield "" if finding.used is None else f"{finding.used:.0%}"
    yield _KEPT[finding.kept]


def _figure(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:,.{_DIGITS[unit]}f} {unit}"


def header() -> str:
    """Return the first line of the table."""
    return _ROW.format(*TITLES)


def rows(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of one budget, with what went wrong."""
    last = ""
    for finding in findings:
        first, *others = cells(finding)
        missing = f": {finding.missing}" if finding.missing else ""
        yield _ROW.format("" if first == last else first, *others) + missing
        last = first


def markdown(findings: Iterable[Finding]) -> Iterator[str]:
    """Yield the lines of the table in Markdown."""
    yield f"| {' | '.join(TITLES)} |"
    yield "|---|---|--:|--:|--:|--:|---|"
    for finding in findings:
        yield f"| {' | '.join(cells(finding))} |"


def data(outcome: Outcome) -> dict[str, object]:
    """Return one budget as plain data, every round of it."""
    return {
        "case": outcome.budget.case,
        "findings": [{**vars(one), "kept": one.kept} for one in outcome.findings],
        "rounds": {name: list(own) for name, own in outcome.figures.items()},
        "failed": outcome.failed,
    }


def read(case: Mapping[str, Any]) -> list[Finding]:
    """Return the findings out of such data."""
    fields = Finding.__dataclass_fields__
    return [Finding(**{name: one[name] for name in fields}) for one in case["findings"]]
