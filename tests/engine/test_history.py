"""History: what was counted from tick to tick, within bounds."""

import pytest

from proxy.engine.answer import Account
from proxy.engine.history import INTERVAL, MOST_RULES, OTHERS, POINTS, History
from proxy.engine.stats import BUCKETS, Stats
from proxy.policy.reasons import Reason

START = 1_000.0


def asked(stats: Stats, times: int = 1, rule: str = "a", reason: Reason = Reason.FRESH) -> None:
    for _ in range(times):
        stats.record(Account(rule, reason, spared=0.5), seconds=0.002, body_bytes=10)


def test_before_the_first_tick_there_is_one_interval() -> None:
    stats = Stats()
    history = History(stats, START)
    asked(stats, 3)
    window = history.window(START + 2, 3_600)
    assert window.times == [START, START + 2]
    assert window.series("outcomes", "hit") == [3]


def ticked(*counts: int) -> tuple[History, Stats]:
    """Return a history in whose intervals so many hits were counted."""
    stats = Stats()
    history = History(stats, START)
    for at, count in enumerate(counts, 1):
        asked(stats, count)
        history.tick(START + at * INTERVAL)
    return history, stats


def test_intervals_follow_each_other_up_to_now() -> None:
    history, stats = ticked(2, 0, 5)
    asked(stats, 1)
    window = history.window(START + 36, 3_600)
    assert window.times == [START, START + 10, START + 20, START + 30, START + 36]
    assert window.series("outcomes", "hit") == [2, 0, 5, 1]


def test_a_last_interval_that_is_short_is_a_part_of_the_one_before() -> None:
    history, stats = ticked(2, 0, 5)
    asked(stats, 1)
    window = history.window(START + 34.9, 3_600)
    assert window.times == [START, START + 10, START + 20, START + 34.9]
    assert window.series("outcomes", "hit") == [2, 0, 6]


@pytest.mark.parametrize(
    ("seconds", "first"), [(3_600, 0), (36, 0), (35, 0), (26, 10), (25, 10), (16, 20), (6, 30)]
)
def test_a_window_reaches_back_as_far_as_was_asked_or_more(seconds: float, first: float) -> None:
    history, _ = ticked(1, 1, 1)
    assert history.window(START + 36, seconds).times[0] == START + first


def test_what_is_older_than_the_points_is_forgotten() -> None:
    history, _ = ticked(*[1] * (POINTS + 5))
    window = history.window(START + (POINTS + 5) * INTERVAL, 1e9)
    assert window.times[0] == START + 5 * INTERVAL
    assert window.series("outcomes", "hit") == [1] * POINTS
    assert window.total("outcomes", "hit") == POINTS


def test_what_was_first_counted_later_was_zero_before() -> None:
    history, stats = ticked(1)
    asked(stats, 2, rule="b", reason=Reason.URI_MISS)
    window = history.window(START + 20, 3_600)
    assert window.series("requests", "b", "miss") == [0, 2]
    assert window.series("requests", "a", "hit") == [1, 0]
    assert window.series("requests", "nobody", "hit") == [0, 0]
    assert window.total("requests", "nobody", "hit") == 0


def test_everything_is_counted_within_the_window_alone() -> None:
    history, stats = ticked(7)
    asked(stats, 2)
    stats.record(
        Account("b", Reason.URI_MISS, storing=Reason.MAX_AGE, collapsed=True), 99.0, body_bytes=3
    )
    window = history.window(START + 20, 10)
    assert dict(window.totals("requests")) == {("a", "hit"): 2, ("b", "miss"): 1}
    assert dict(window.totals("reasons")) == {("fresh",): 2, ("uri-miss",): 1}
    assert dict(window.totals("body_bytes")) == {("hit",): 20, ("miss",): 3}
    assert dict(window.totals("latency")) == {("hit", 2): 2, ("miss", len(BUCKETS)): 1}
    assert window.total("collapsed") == 1
    assert window.total("upstream_seconds_saved") == 1.0


def test_the_rules_that_have_counters_of_their_own_are_bounded() -> None:
    stats = Stats()
    history = History(stats, START)
    for number in range(MOST_RULES + 10):
        asked(stats, rule=f"rule-{number}")
    window = history.window(START + 10, 10)
    counts = dict(window.totals("requests"))
    assert len(counts) == MOST_RULES + 1
    assert counts[OTHERS, "hit"] == 10
    assert window.total("outcomes", "hit") == MOST_RULES + 10
    asked(stats, rule="rule-5")
    asked(stats, rule=f"rule-{MOST_RULES + 5}")
    again = dict(history.window(START + 11, 10).totals("requests"))
    assert (again["rule-5", "hit"], again[OTHERS, "hit"]) == (2, 11)


def test_reading_changes_nothing() -> None:
    history, stats = ticked(1, 2)
    asked(stats, 3, rule="new")
    first, second = (history.window(START + 27, 3_600) for _ in range(2))
    assert first.times == second.times
    assert first.series("outcomes", "hit") == second.series("outcomes", "hit") == [1, 2, 3]
