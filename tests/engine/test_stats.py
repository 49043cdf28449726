"""Stats: what each kind of answer counts as."""

from dataclasses import fields

import pytest

from proxy.engine.answer import Account
from proxy.engine.stats import BUCKETS, Histogram, Stats, outcome, quantile
from proxy.policy.reasons import Reason

OUTCOMES = {
    "fresh": (Account("r", Reason.FRESH), "hit"),
    "stale": (Account("r", Reason.STALE_WHILE_REVALIDATE), "stale"),
    "stale-instead": (Account("r", Reason.STALE_IF_ERROR), "stale"),
    "miss": (Account("r", Reason.URI_MISS, storing=Reason.MAX_AGE), "miss"),
    "validated": (Account("r", Reason.STALE, fwd_status=304), "validated"),
    "bypass": (Account("r", Reason.RULE_OFF), "bypass"),
    "method": (Account("r", Reason.METHOD), "bypass"),
    "failed": (Account("r", Reason.URI_MISS, failed=Reason.UPSTREAM_TIMEOUT), "error"),
    "refused": (Account("r", Reason.ONLY_IF_CACHED, failed=Reason.ONLY_IF_CACHED), "error"),
}


@pytest.mark.parametrize(("account", "kind"), OUTCOMES.values(), ids=list(OUTCOMES))
def test_the_outcome_of_an_answer(account: Account, kind: str) -> None:
    assert outcome(account) == kind


def test_an_answer_is_counted_everywhere_it_belongs() -> None:
    stats = Stats()
    led = Account("rule", Reason.URI_MISS, storing=Reason.MAX_AGE)
    followed = Account("rule", Reason.URI_MISS, storing=Reason.MAX_AGE, collapsed=True)
    failed = Account("rule", Reason.STALE, failed=Reason.UPSTREAM_BROKEN)
    for account in (led, followed, failed):
        stats.record(account, seconds=0.002, body_bytes=100)
    assert stats.requests == {("rule", "miss"): 2, ("rule", "error"): 1}
    assert stats.reasons == {"uri-miss": 2, "upstream-broken": 1}
    assert stats.storing == {"max-age": 1}
    assert stats.collapsed == 1
    assert stats.body_bytes == {"miss": 200, "error": 100}
    assert stats.latency["miss"].sum == pytest.approx(0.004)


def test_what_hits_saved_is_counted() -> None:
    stats = Stats()
    for _ in range(2):
        stats.record(Account("rule", Reason.FRESH, spared=0.25), seconds=0.002, body_bytes=0)
    assert stats.upstream_seconds_saved == 0.5


def test_every_counter_has_its_sentence() -> None:
    assert all(field.metadata["help"].endswith(".") for field in fields(Stats))


@pytest.mark.parametrize(
    ("value", "bucket"), [(0.0, 0), (0.0005, 0), (0.0006, 1), (10.0, 13), (11.0, 14)]
)
def test_a_bucket_holds_what_is_not_above_its_bound(value: float, bucket: int) -> None:
    histogram = Histogram()
    histogram.observe(value)
    assert histogram.counts[:bucket] == [0] * bucket
    assert histogram.counts[bucket] == 1
    assert len(histogram.counts) == len(BUCKETS) + 1


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [
        ([], 0.5, None),
        ([0.0003] * 2, 0.5, 0.00025),  # halfway through the first bucket
        ([0.0003] * 2, 1.0, 0.0005),
        ([0.002, 0.003], 0.5, 0.0025),
        ([0.002, 0.003], 0.75, 0.00375),
        ([0.002] * 99 + [0.7], 0.99, 0.0025),
        ([0.002] * 99 + [0.7], 1.0, 1.0),
        ([99.0], 0.5, BUCKETS[-1]),
    ],
)
def test_a_quantile_lies_in_its_bucket(
    values: list[float], share: float, found: float | None
) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    assert quantile(histogram.counts, share) == (None if found is None else pytest.approx(found))
