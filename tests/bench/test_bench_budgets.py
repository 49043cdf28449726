"""The budgets: what is held against what, how it is told, and a short run of each meter."""

import json
import shutil
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import budget_report, crowd, first_byte, ready, resident
from bench.asked import Asked
from bench.budget import Bound, Budget, Figures, Finding, findings
from bench.budgets import BUDGETS, Cost, Outcome, measured
from bench.cases import Case
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.load import Load
from bench.rounds import Plan
from docs import performance_page

needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")

BRIEF = Plan(rounds=1, seconds=0.3)
NOWHERE = Cores(None, None)
FIGURES = {
    "nginx": [10.0, 20.0, 40.0],
    "varnish": [40.0, 40.0, 40.0],
    "sidecache": [15.0, 20.0, 44.0],
}


def fixed(figures: Figures, *bounds: Bound, case: str = "hit") -> Budget:
    return Budget(case, "µs", lambda *_: figures, bounds, how="So.", why="Because.")


def failing(*_: object) -> Figures:
    raise BenchError("out of luck\nand patience")


NGINX, VARNISH = Bound(1.25, "nginx"), Bound(0.4, "varnish")
HIT = fixed(FIGURES, NGINX, VARNISH)
MISS = fixed(FIGURES, Bound(more=30, beside="nginx"), case="miss")
BROKEN = Budget("broken", "µs", failing, (NGINX,), how="So.", why="Because.")


@pytest.mark.parametrize(
    ("bound", "text", "limit"),
    [
        (Bound(1.25, "nginx"), "1.25 x nginx", 12.5),
        (Bound(more=200), "200 ms", 200),
        (Bound(more=200, beside="nginx"), "200 ms", 200),
        (Bound(1, "upstream", more=1), "upstream + 1 ms", 11),
        (Bound(1.6, "payload", more=60), "1.6 x payload + 60 ms", 76),
    ],
)
def test_bounds(bound: Bound, text: str, limit: float) -> None:
    assert bound.text("ms") == text
    assert bound.limit(10) == limit


def test_ratios_are_paired_before_the_median_is_taken() -> None:
    nginx, varnish = findings(HIT, FIGURES)
    assert (nginx.own, nginx.other) == (20, 20)
    assert nginx.ratio == pytest.approx(1.1)  # of 1.5, 1, 1.1
    assert nginx.used == pytest.approx(1.1 / 1.25)
    assert (nginx.kept, varnish.kept) == (True, False)


def test_what_is_not_installed_is_not_measured() -> None:
    nginx, varnish = findings(HIT, {name: FIGURES[name] for name in ("nginx", "sidecache")})
    assert nginx.kept
    assert (varnish.kept, varnish.missing) == (None, "varnish is not installed")


def test_a_bound_of_its_own_needs_nobody_beside_it() -> None:
    (found,) = findings(MISS, {"sidecache": [40.0]})
    assert (found.kept, found.beside, found.ratio) == (False, "", None)


def test_one_that_fails_costs_the_others_nothing() -> None:
    broken, hit = measured(BRIEF, NOWHERE, (BROKEN, HIT))
    assert broken.failed
    assert [one.missing for one in broken.findings] == ["failed: out of luck and patience"]
    assert [one.kept for one in hit.findings] == [True, False]


def test_table() -> None:
    outcomes = measured(BRIEF, NOWHERE, (HIT, MISS, BROKEN))
    lines = [budget_report.header()]
    lines += [line for one in outcomes for line in budget_report.rows(one.findings)]
    assert "\n".join(lines) == (
        "case                             at most                  Sidecache"
        "          beside it      x  of it  kept\n"
        "hit                              1.25 x nginx               20.0 µs"
        "      nginx 20.0 µs   1.10    88%  yes\n"
        "                                 0.4 x varnish              20.0 µs"
        "    varnish 40.0 µs   0.50   125%  no\n"
        "miss                             30 µs                      20.0 µs"
        "      nginx 20.0 µs   1.10    67%  yes\n"
        "broken                           1.25 x nginx                      "
        "              nginx                not measured: failed: out of luck and patience"
    )


def test_data_can_be_read_back() -> None:
    (outcome,) = measured(BRIEF, NOWHERE, (HIT,))
    told = json.loads(json.dumps(budget_report.data(outcome)))
    assert budget_report.read(told) == outcome.findings
    assert told["rounds"] == FIGURES
    assert [one["kept"] for one in told["findings"]] == [True, False]


def test_without_a_suite_the_budgets_are_measured_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results.json"
    monkeypatch.setattr(command, "RESULTS", results)
    monkeypatch.setattr(command, "require", lambda _: None)
    monkeypatch.setattr(command, "end_all", lambda: None)  # others have children in this process
    monkeypatch.setattr("signal.signal", lambda *_: None)
    budgets = fixed(FIGURES, NGINX), BROKEN
    monkeypatch.setattr(command, "measured", lambda plan, cores: measured(plan, cores, budgets))
    assert command.main(["--interpreted", "--rounds", "2"]) == 1
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[:4] == ["hit", "1.25", "x", "nginx"]
    assert err == "bench: some cases failed: broken\n"
    told = json.loads(results.read_text())
    assert [case["case"] for case in told["cases"]] == ["hit", "broken"]
    assert (told["rounds"], told["seconds"]) == (2, 3.0)
    page = performance_page.rendered(told)
    assert "| hit | 1.25 x nginx | 20.0 µs | nginx 20.0 µs | 1.10 | 88% | yes |\n" in page
    assert "- **broken**, 1.25 x nginx: failed: out of luck and patience\n" in page


def results(*found: Finding) -> dict[str, object]:
    machine = {"cores": 2, "cpu": "a core", "system": "Linux", "load_average": 0.5}
    outcome = Outcome(BUDGETS[0], found, {})
    head = {
        "build": "compiled",
        "date": "2026-01-02T03:04:05",
        "machine": machine,
        "versions": {"nginx": "1.22.1"},
    }
    return head | {"rounds": 5, "seconds": 3.0, "cases": [budget_report.data(outcome)]}


@pytest.mark.parametrize("used", [0.9, 1.1, None])
def test_why_is_told_where_a_budget_is_missed(used: float | None) -> None:
    case, why = BUDGETS[0].case, BUDGETS[0].why
    found = Finding(case, "1.25 x nginx", "µs", "nginx", 1.0, 1.0, 1.0, used)
    page = performance_page.rendered(results(found))
    assert (f"- **{case}**: {why}\n" in page) == (used == 1.1)
    assert ("## What falls short" in page) == (used == 1.1)
    assert ("## What was not measured" in page) == (used is None)


def test_budgets_have_names_and_reasons_of_their_own() -> None:
    assert len({budget.case for budget in BUDGETS}) == len(BUDGETS)
    assert all(budget.how.endswith(".") and budget.why.endswith(".") for budget in BUDGETS)


def test_the_last_results_are_of_these_budgets() -> None:
    told = json.loads(budget_report.RESULTS.read_text())
    found = [one for case in told["cases"] for one in budget_report.read(case)]
    stated = [(one.case, bound.text(one.unit)) for one in BUDGETS for bound in one.bounds]
    assert [(one.case, one.at_most) for one in found] == stated


@needs_wrk
def test_cost_is_own_beside_others() -> None:
    fields = ("Accept-Encoding: br",)
    servers = ("varnish", "sidecache")
    case = Case("br", "/text/1", fields=fields, coding="br", servers=servers, settling=0.3)
    figures = Cost(case)(BRIEF, NOWHERE)
    others = {"varnish"} if shutil.which("varnishd") else set()
    assert set(figures) == {"sidecache"} | others
    assert all(cost >= 0 for own in figures.values() for cost in own)


def test_first_bytes() -> None:
    figures = first_byte.measure(Plan(rounds=2, seconds=0.05), NOWHERE)
    assert {name: len(own) for name, own in figures.items()} == {"upstream": 2, "sidecache": 2}
    assert all(taken > 0 for own in figures.values() for taken in own)


def test_starts() -> None:
    (taken,) = ready.measure(BRIEF, NOWHERE)["sidecache"]
    assert taken > 0


@needs_wrk
def test_resident_memory() -> None:
    figures = resident.measure(BRIEF, NOWHERE, entries=50)
    assert figures["payload"][0] >= 50 * 2048 / 1e6
    assert figures["sidecache"][0] > figures["payload"][0]


@needs_wrk
def test_a_crowd() -> None:
    misses = Asked("/json-10000/", ("Accept-Encoding: br",), unique=True, every=100)
    figures = crowd.measure(BRIEF, NOWHERE, misses)
    assert {name: len(own) for name, own in figures.items()} == {"without": 1, "sidecache": 1}


def test_too_few_misses_are_another_load(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    reached = iter([5, 6])
    monkeypatch.setattr(crowd, "drive", lambda *_: Load(1_000, 1_000_000, 100, 200))
    monkeypatch.setattr(crowd, "origin_requests", lambda _: next(reached))
    place = Place(tmp_path, None)
    asking = crowd.Crowd(1, 2, Asked("/big/"), 1.0, {"hits": place, "misses": place})
    with pytest.raises(BenchError, match=r"only 0\.10% of the requests were large misses"):
        asking.beside(0)
