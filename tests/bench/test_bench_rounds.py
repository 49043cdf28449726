"""A measurement says what was measured: an answer from the wrong place is an error."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench import rounds, servers
from bench.asked import Asked
from bench.cases import SUITES, Case
from bench.child import Cores, Place
from bench.errors import BenchError
from bench.probe import expect

needs_wrk = pytest.mark.skipif(not shutil.which("wrk"), reason="wrk is not installed")

BRIEF = rounds.Plan(rounds=1, seconds=0.3)


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put in the contender's place a relay that keeps nothing: the origin itself."""

    @contextmanager
    def direct(upstream: int, place: Place) -> Iterator[servers.Server]:
        with servers.origin(place) as server:
            yield servers.Server("bare", upstream, server.pid)

    monkeypatch.setattr(rounds, "CONTENDERS", {"bare": direct})
    monkeypatch.setattr(rounds, "contenders", lambda _: ["bare"])


@needs_wrk
@pytest.mark.usefixtures("bare")
def test_a_hit_from_the_upstream_is_an_error() -> None:
    with pytest.raises(BenchError, match=r"bare, case 'hit': \d+ of \d+ .*, expected none"):
        rounds.measure(Case("hit", "/hit/1"), BRIEF, Cores(None, None))


@needs_wrk
@pytest.mark.usefixtures("bare")
def test_a_pass_that_reaches_the_upstream_is_a_sample() -> None:
    case = Case("miss", "/miss/", unique=True, upstream=True)
    (sample,) = rounds.measure(case, BRIEF, Cores.here())["bare"]
    assert sample.requests > 0
    assert 0.2 < sample.seconds < 5


@needs_wrk
@pytest.mark.usefixtures("bare")
def test_failed_requests_are_an_error() -> None:
    case = Case("pass", "/none/", status=404, unique=True, upstream=True)
    with pytest.raises(BenchError, match=r"bare, case 'pass': of .* some failed: .* status"):
        rounds.measure(case, BRIEF, Cores(None, None))


def test_status_and_coding_are_those_of_the_case(tmp_path: Path) -> None:
    with servers.origin(Place(tmp_path, None)) as server:
        expect("origin", server.port, Asked("/hit/1"), 200)
        with pytest.raises(BenchError, match="origin: GET /hit/1 gave 200, expected 304"):
            expect("origin", server.port, Asked("/hit/1"), 304)
        with pytest.raises(BenchError, match="origin: GET /hit/1 came in '', not 'br'"):
            expect("origin", server.port, Asked("/hit/1"), 200, "br")
    with pytest.raises(BenchError, match="origin: GET /hit/1 failed: ConnectionRefused"):
        expect("origin", server.port, Asked("/hit/1"), 200)


def test_cases_have_names_of_their_own() -> None:
    names = [case.name for case in SUITES["all"]]
    assert len(set(names)) == len(names)
    assert set(SUITES["hit"]) <= set(SUITES["all"])
