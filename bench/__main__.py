"""`python -m bench` measures the budgets of speed; with a suite, what that is about.

Knows the command line, signals and exit codes; nothing of how things are measured.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from bench import (
    budget_report,
    build,
    coding,
    coding_report,
    cpu,
    edge,
    machine,
    purge,
    purge_report,
    report,
    slow,
    slow_report,
    upstream,
)
from bench.budget_report import RESULTS
from bench.budgets import measured
from bench.cases import SUITES
from bench.child import Cores, end_all, require
from bench.errors import BenchError
from bench.rounds import Plan, measure
from bench.servers import contenders

Cases = list[dict[str, object]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a suite; return the exit code: 1 for a failure, 2 for a missing tool, 130 if stopped."""
    options = _parser().parse_args(arguments)
    if not options.interpreted:
        build.enter(sys.argv[1:] if arguments is None else arguments)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        is_table = options.suite == _BUDGETS
        seconds = options.seconds or (3.0 if is_table else 5.0)
        file = options.json or (RESULTS if is_table else None)
        _run(options.suite, Plan(options.rounds, seconds), file)
    except KeyboardInterrupt:
        return 130
    except (BenchError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return error.status if isinstance(error, BenchError) else BenchError.status
    finally:
        end_all()
    return 0


def _stop(*_: object) -> None:
    """Unwind once; a second signal must not cut the ending of the children short."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _run(suite: str, plan: Plan, file: Path | None) -> None:
    cpu.require_proc()
    if suite not in _OWN_LOAD:
        require("wrk")
    cores = Cores.here()
    facts = machine.facts(cores)
    cases = _OTHERS[suite](plan, cores) if suite in _OTHERS else _requests(suite, plan, cores)
    if file:
        told = facts | {"rounds": plan.rounds, "seconds": plan.seconds, "cases": cases}
        file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if failed := [str(case["case"]) for case in cases if case.get("failed")]:
        raise BenchError(f"some cases failed: {', '.join(failed)}")


def _requests(suite: str, plan: Plan, cores: Cores) -> Cases:
    _regret_nginx()
    print(report.header(), flush=True)
    cases = []
    for case in SUITES[suite]:
        samples = measure(case, plan, cores)
        print(*report.rows(case.name, samples), sep="\n", flush=True)
        cases.append(report.data(case.name, samples))
    print(f"\n{report.NOTE}")
    return cases


def _regret_nginx() -> None:
    if not contenders(["nginx"]):
        print("bench: nginx is not installed; Sidecache is measured alone", file=sys.stderr)


def _budgets(plan: Plan, cores: Cores) -> Cases:
    print(budget_report.header(), flush=True)
    cases = []
    for outcome in measured(plan, cores):
        print(*budget_report.rows(outcome.findings), sep="\n", flush=True)
        cases.append(budget_report.data(outcome))
    print(f"\n{budget_report.NOTE}")
    return cases


def _purges(plan: Plan, cores: Cores) -> Cases:
    samples = purge.measure(plan, cores)
    print(purge_report.header(), *purge_report.rows(samples), sep="\n")
    print(f"\n{purge_report.NOTE}")
    return purge_report.data(samples)


def _codings(plan: Plan, cores: Cores) -> Cases:
    _regret_nginx()
    samples = coding.measure(plan, cores)
    print(*coding_report.rows(samples), sep="\n")
    print(f"\n{coding_report.NOTE}")
    return coding_report.data(samples)


def _engines(plan: Plan, cores: Cores) -> Cases:
    samples = upstream.measure(plan, cores)
    print(*upstream.rows(samples), sep="\n")
    print(f"\n{upstream.NOTE}")
    return upstream.data(samples)


def _slow(plan: Plan, cores: Cores) -> Cases:
    samples = slow.measure(plan, cores)
    print(*slow_report.rows(samples), sep="\n")
    print(f"\n{slow_report.NOTE}")
    return slow_report.data(samples)


def _edge(plan: Plan, cores: Cores) -> Cases:
    sample = edge.measure(plan, cores)
    print(*edge.rows(sample), sep="\n")
    print(f"\n{edge.NOTE}")
    return edge.data(sample)


_OWN_LOAD: Final = frozenset({"upstream", "slow", "edge"})
"""Suites that bring the load themselves, where the others need wrk."""

_BUDGETS: Final = "budgets"
_OTHERS: Final[Mapping[str, Callable[[Plan, Cores], Cases]]] = {
    _BUDGETS: _budgets,
    "purge": _purges,
    "coding": _codings,
    "upstream": _engines,
    "slow": _slow,
    "edge": _edge,
}
"""Suites that are not made of requests alone, by name."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    suites = (*_OTHERS, *SUITES)
    parser.add_argument("suite", nargs="?", default=_BUDGETS, choices=suites, help="which cases")
    parser.add_argument("--rounds", type=_between(int, 1, 1000), default=5, metavar="N")
    parser.add_argument("--seconds", type=_between(float, 0.2, 3600), metavar="S")
    parser.add_argument(
        "--interpreted", action="store_true", help="measure the source as it is, not compiled"
    )
    parser.add_argument("--json", type=_new_file, metavar="FILE", help="write all figures there")
    return parser


def _between(kind: type[int | float], least: float, most: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {least} and {most}")
        return value

    convert.__name__ = kind.__name__  # for argparse's own message
    return convert


def _new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is not a file in an existing folder")
    return path


if __name__ == "__main__":
    sys.exit(main())
