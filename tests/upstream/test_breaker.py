"""The breaker, the balance, the retry budget and a check's mind: pure, on a clock of the test's."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.upstream.balance import choose
from proxy.upstream.breaker import Breaker, BreakerTerms, State
from proxy.upstream.health import Mind
from proxy.upstream.retry import SECONDS, RetryBudget, RetryTerms

TERMS = BreakerTerms(failures=3, calm=1.0, shortest=1.0, longest=4.0)
UNIT = st.floats(0, 1, exclude_max=True)


def opened(draw: float = 0.0) -> Breaker:
    breaker = Breaker(TERMS)
    assert [breaker.failed(0.0, draw, probe=False) for _ in range(3)] == [False, False, True]
    return breaker


def test_it_opens_after_some_failures_in_a_row() -> None:
    breaker = opened()
    assert breaker.state is State.OPEN
    assert not breaker.allows(0.49)
    assert breaker.allows(0.5)


def test_failures_count_in_a_row_only() -> None:
    breaker = Breaker(TERMS)
    for _ in range(10):
        assert not breaker.failed(0.0, 0.0, probe=False)
        assert not breaker.failed(0.0, 0.0, probe=False)
        breaker.succeeded(-5.0)
    assert breaker.state is State.CLOSED


def test_it_stays_closed_while_something_succeeds() -> None:
    """A burst of requests that time out on one bad route does not shut out all the others."""
    breaker = Breaker(TERMS)
    breaker.succeeded(10.0)
    assert not any(breaker.failed(10.9, 0.0, probe=False) for _ in range(100))
    assert breaker.failed(11.0, 0.0, probe=False)


def test_a_refusal_opens_it_at_once_where_others_are_well() -> None:
    assert Breaker(TERMS).failed(0.0, 0.0, probe=False, at_once=True)


def test_one_request_tries_and_the_others_wait_for_it() -> None:
    breaker = opened()
    assert breaker.enter()
    assert breaker.state is State.PROBING
    assert not breaker.allows(100.0)
    breaker.succeeded(100.0)
    assert breaker.allows(100.0)
    assert not breaker.enter()


def test_a_probe_that_fails_doubles_the_pause() -> None:
    breaker, now, pauses = opened(draw=0.999999), 1.0, []
    for _ in range(4):
        assert breaker.enter()
        assert breaker.failed(now, 0.999999, probe=True)
        pause = next(p / 10 for p in range(100) if breaker.allows(now + p / 10))
        pauses.append(pause)
        now += pause
    assert pauses == [2.0, 4.0, 4.0, 4.0]


def test_a_probe_that_taught_nothing_leaves_the_way_free_for_another() -> None:
    breaker = opened()
    assert breaker.enter()
    breaker.abandoned(probe=False)
    assert not breaker.allows(1.0)
    breaker.abandoned(probe=True)
    assert breaker.allows(1.0)


def test_what_began_before_says_nothing_new() -> None:
    breaker = opened()
    assert not breaker.failed(0.4, 0.0, probe=False)
    assert breaker.allows(0.5)
    breaker.enter()
    assert not breaker.failed(0.6, 0.0, probe=False)
    assert breaker.state is State.PROBING


OUTCOMES = st.lists(
    st.tuples(st.floats(0, 5), UNIT, st.sampled_from(["well", "ill", "gone"])), max_size=60
)


@given(OUTCOMES)
def test_it_never_shuts_for_good_and_lets_one_try_at_a_time(
    outcomes: list[tuple[float, float, str]],
) -> None:
    breaker, now = Breaker(TERMS), 0.0
    for wait, draw, outcome in outcomes:
        now += wait
        if not breaker.allows(now):
            assert breaker.state is State.OPEN
            assert breaker.allows(now + TERMS.longest)
            continue
        probe = breaker.enter()
        assert probe is (breaker.state is State.PROBING)
        if probe:
            assert not breaker.allows(now)
        match outcome:
            case "well":
                breaker.succeeded(now)
                assert breaker.state is State.CLOSED
            case "ill":
                breaker.failed(now, draw, probe=probe)
                assert breaker.state is State.OPEN or not probe
            case _:
                breaker.abandoned(probe=probe)
        assert breaker.state is not State.PROBING


@given(st.lists(st.integers(0, 100), min_size=1, max_size=20), UNIT, UNIT)
def test_the_less_loaded_of_two_is_chosen(loads: list[int], first: float, second: float) -> None:
    chosen = choose(loads, first, second)
    assert 0 <= chosen < len(loads)
    assert loads[chosen] <= loads[int(first * len(loads))]
    if len(loads) > 1 and loads.count(max(loads)) == 1:
        assert loads[chosen] != max(loads)


def test_two_that_are_alike_get_as_much() -> None:
    steps = [at / 100 for at in range(100)]
    chosen = [choose([1, 1], first, second) for first in steps for second in steps]
    assert chosen.count(0) == chosen.count(1)


@given(
    st.lists(st.tuples(st.floats(0, 2), st.integers(0, 20), st.booleans()), max_size=100),
    st.floats(0, 0.5),
    st.floats(0, 3),
)
def test_retries_stay_within_their_share(
    turns: list[tuple[float, int, bool]], share: float, floor: float
) -> None:
    budget, now, requests, retries = RetryBudget(RetryTerms(share, floor)), 0.0, 0, 0
    for wait, count, wanted in turns:
        now += wait
        requests += count
        for _ in range(count):
            budget.requested()
        retries += wanted and budget.withdraw(now)
    assert retries <= share * requests + floor * (now + SECONDS) + 1e-6


def test_a_few_retries_can_always_be_afforded() -> None:
    budget = RetryBudget(RetryTerms(share=0.0, floor=1.0))
    assert [budget.withdraw(0.0) for _ in range(11)] == [True] * 10 + [False]
    assert budget.withdraw(1.0)
    assert not budget.withdraw(1.5)


def test_what_is_saved_has_a_limit() -> None:
    budget = RetryBudget(RetryTerms(share=0.1, floor=0.0))
    for _ in range(1_000_000):
        budget.requested()
    assert sum(budget.withdraw(0.0) for _ in range(1000)) == 10


@given(st.lists(st.booleans()), st.integers(1, 4))
def test_a_mind_is_changed_by_a_row_of_answers(answers: list[bool], row: int) -> None:
    mind, seen = Mind(row), [True] * row
    for answer in answers:
        before = mind.well
        seen.append(answer)
        after = mind.saw(well=answer)
        if after is not before:
            assert seen[-row:] == [after] * row
        elif seen[-row:] == [not before] * row:
            raise AssertionError("it should have been changed")
