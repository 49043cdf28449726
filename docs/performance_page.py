"""Writes docs/performance.md from what the bench has measured last, bench/results.json."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from bench.budget import Finding
from bench.budget_report import RESULTS, markdown, read
from bench.budgets import BUDGETS

_HEAD: Final = """# Performance

What a request costs, beside nginx `proxy_cache` and Varnish as Debian packages them. Machines
differ and so do days: what counts are the ratios, of servers that were measured by turns in one
run. This page is generated from `bench/results.json`.
"""

_READ: Final = """
**µs** are CPU time a request, user and system, of all processes of the server, read from the
system's own accounting; **x** is the ratio to what is beside it, **of it** the share that is used
of what is allowed, both the median of the rounds' own ratios.
"""

_CONDITIONS: Final = """
## How it is measured

Load is made by wrk over 64 keep-alive connections of the loopback, with bodies of 1 KiB unless the
case says otherwise. The server has one core, load and upstream have another. Before the first
round each server has a moment of the same load. All run as they come, but that nginx has one
worker, and that neither nginx nor Sidecache writes an access log. Sidecache is the
[compiled build](tuning.md#the-compiled-build), as in its image; `python -m bench --interpreted`
measures the source as it is.
"""

_AGAIN: Final = """
## Measure again

On Linux with wrk, and with nginx and varnish for the comparison; it takes about seven minutes, in
which the machine should have nothing else to do. The second command writes this page.

```sh
make bench
make docs
```
"""


def page() -> str:
    """Return the page."""
    return rendered(json.loads(RESULTS.read_text(encoding="utf-8")))


def rendered(results: Mapping[str, Any]) -> str:
    """Return the page of such results."""
    found = [finding for case in results["cases"] for finding in read(case)]
    table = "".join(f"{line}\n" for line in markdown(found))
    parts = (_HEAD, *_where(results), "\n", table, _READ, *_short(found), *_unmeasured(found))
    return "".join((*parts, _CONDITIONS, *_how(), _AGAIN))


def _where(results: Mapping[str, Any]) -> Iterator[str]:
    machine, versions = results["machine"], results["versions"]
    day, _, _ = results["date"].partition("T")
    cores, cpu, system = (machine[name] for name in ("cores", "cpu", "system"))
    yield f"\nMeasured on {day} on {cores} cores of {cpu}, {system},\n"
    yield f"with the {results['build']} build, in {results['rounds']} rounds"
    yield f" of {results['seconds']:g} s; the load average was {machine['load_average']:.1f}"
    yield " at the beginning.\n"
    told = ", ".join(f"{name} {number}" for name, number in versions.items() if number)
    yield f"Versions: {told}.\n"


def _short(found: Iterable[Finding]) -> Iterator[str]:
    missed = dict.fromkeys(one.case for one in found if one.kept is False)
    why = {budget.case: budget.why for budget in BUDGETS}
    if missed:
        yield "\n## What falls short, and why\n\n"
        yield from (f"- **{case}**: {why[case]}\n" for case in missed)


def _unmeasured(found: Iterable[Finding]) -> Iterator[str]:
    missing = [one for one in found if one.kept is None]
    if missing:
        yield "\n## What was not measured\n\n"
        yield from (f"- **{one.case}**, {one.at_most}: {one.missing}\n" for one in missing)


def _how() -> Iterator[str]:
    yield "\n"
    yield from (f"- **{budget.case}**: {budget.how}\n" for budget in BUDGETS)
