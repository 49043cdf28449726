"""Answers: the account in the words of RFC 9211, and the proxy's own failures."""

import json
from typing import Any

import pytest

from proxy.engine.answer import Account, failure
from proxy.policy.reasons import Family, Reason

ACCOUNTS: dict[str, tuple[dict[str, Any], str]] = {
    "9211-2.1-hit": ({"reason": Reason.FRESH, "ttl": 7}, "hit; ttl=7; detail=fresh"),
    "9211-2.2-fwd": ({"reason": Reason.URI_MISS}, "fwd=uri-miss; detail=uri-miss"),
    "9211-2.3-fwd-status": (
        {"reason": Reason.STALE, "fwd_status": 304, "storing": Reason.MAX_AGE},
        "fwd=stale; fwd-status=304; stored; detail=stale",
    ),
    "9211-2.5-declined": (
        {"reason": Reason.URI_MISS, "storing": Reason.PRIVATE},
        "fwd=uri-miss; detail=private",
    ),
    "9211-2.6-collapsed": (
        {"reason": Reason.URI_MISS, "collapsed": True},
        "fwd=uri-miss; collapsed; detail=uri-miss",
    ),
    "9211-2.6-not-collapsed": (
        {"reason": Reason.URI_MISS, "collapsed": False},
        "fwd=uri-miss; collapsed=?0; detail=uri-miss",
    ),
    "9211-2.7-key": ({"reason": Reason.FRESH, "key": "k"}, 'hit; key="k"; detail=fresh'),
    "9211-2.8-failed": (
        {"reason": Reason.STALE, "failed": Reason.UPSTREAM_TIMEOUT, "storing": Reason.PRIVATE},
        "fwd=stale; detail=upstream-timeout",
    ),
}


@pytest.mark.parametrize(("given", "expected"), ACCOUNTS.values(), ids=list(ACCOUNTS))
def test_an_account_in_the_words_of_cache_status(given: dict[str, Any], expected: str) -> None:
    status = Account("rule", **given).cache_status()
    assert status.render("sidecache").decode() == f"sidecache; {expected}"


@pytest.mark.parametrize("reason", Reason)
def test_hit_and_fwd_exclude_each_other(reason: Reason) -> None:
    account = Account("rule", reason)
    assert account.hit is (reason.meaning.family is Family.HIT)
    assert not (account.cache_status().hit and account.cache_status().fwd)


def test_9457_a_failure_says_what_went_wrong() -> None:
    account = Account("rule", Reason.URI_MISS, failed=Reason.UPSTREAM_BROKEN)
    answer = failure(502, "Bad gateway", "it broke", account, "edge-1")
    assert isinstance(answer.body, bytes)
    body = json.loads(answer.body)
    assert (body["status"], body["title"], body["detail"]) == (502, "Bad gateway", "it broke")
    assert answer.fields.first(b"content-type") == b"application/problem+json"
    assert answer.fields.first(b"content-length") == b"%d" % len(answer.body)
    assert answer.fields.first(b"cache-control") == b"no-store"
    assert answer.fields.first(b"cache-status") == b"edge-1; fwd=uri-miss; detail=upstream-broken"
