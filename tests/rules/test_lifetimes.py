"""That a change of a lifetime which is advised has its effect, whoever gave the lifetime."""

from typing import Any

import pytest
import yaml

from proxy.policy.stored import Stored
from proxy.policy.terms import Terms
from proxy.rules import lifetimes
from proxy.rules.schema import RuleModel, terms_of
from proxy.rules.units import LONGEST
from tests.policy.cases import at, stored

LM = f"Last-Modified: {at(-1000)}"
ETAG = 'ETag: "a"'


def terms(written: dict[str, Any]) -> Terms:
    return terms_of(RuleModel.model_validate({"name": "product"} | written))


def applied(written: dict[str, Any], lines: tuple[str, ...]) -> dict[str, Any]:
    """Return a rule with lines that were advised in it; all of it can be read."""
    changed = written | yaml.safe_load("\n".join(lines))
    RuleModel.model_validate({"name": "product"} | changed)
    return dict(changed)


LONGER: list[tuple[dict[str, Any], int, tuple[str, ...], dict[str, Any]]] = [
    ({"ttl": "5m"}, 200, (), {"ttl": "10m"}),
    ({"ttl": "5m", "jitter": "50%"}, 200, (), {"ttl": "10m"}),
    ({"ttl": "5m"}, 200, ("Cache-Control: max-age=10",), {"min_ttl": "20s"}),
    ({"ttl": "5m"}, 200, ("Cache-Control: s-maxage=10, max-age=5",), {"min_ttl": "20s"}),
    ({}, 200, (f"Expires: {at(7)}",), {"min_ttl": "14s"}),
    ({}, 200, ("Cache-Control: max-age=0",), {"min_ttl": "1m"}),
    ({}, 200, ("Expires: 0",), {"min_ttl": "1m"}),
    ({"min_ttl": "45s"}, 200, ("Cache-Control: max-age=10",), {"min_ttl": "90s"}),
    ({"ttl": "5m", "min_ttl": "10m"}, 200, (), {"ttl": "20m"}),
    (
        {"max_ttl": "15s"},
        200,
        ("Cache-Control: max-age=3600",),
        {"min_ttl": "30s", "max_ttl": "30s"},
    ),
    ({"ttl": "1h", "max_ttl": "15s"}, 200, (), {"ttl": "30s", "max_ttl": "30s"}),
    ({"cache": "override", "ttl": "5m"}, 200, ("Cache-Control: max-age=10",), {"ttl": "10m"}),
    ({}, 200, (LM,), {"ttl": "200s"}),
    ({"heuristic_max": "1500ms"}, 200, (LM,), {"ttl": "3s"}),
    ({}, 404, ("Cache-Control: public", LM), {"ttl_by_status": {404: "200s"}}),
    ({}, 200, (ETAG,), {"ttl": "1m"}),
    ({}, 404, ("Cache-Control: public", ETAG), {"ttl_by_status": {404: "1m"}}),
    (
        {"ttl": "5m", "ttl_by_status": {404: "10s", 410: "5s"}},
        404,
        (),
        {"ttl_by_status": {404: "20s", 410: "5s"}},
    ),
    ({"ttl_by_status": {200: "10s"}}, 200, (), {"ttl_by_status": {200: "20s"}}),
    ({"ttl": "30d"}, 200, ("Cache-Control: max-age=2147483648",), {"min_ttl": "2147483648s"}),
    (
        {"ttl": "5m"},
        200,
        ("Cache-Control: no-cache, max-age=10", ETAG),
        {"cache": "override", "ttl": "20s"},
    ),
]


@pytest.mark.parametrize(("written", "status", "said", "change"), LONGER)
def test_it_lives_longer(
    written: dict[str, Any], status: int, said: tuple[str, ...], change: dict[str, Any]
) -> None:
    before = stored(*said, status=status, terms=terms(written))
    lines = lifetimes.longer(terms(written), before)
    assert yaml.safe_load("\n".join(lines)) == change
    after = stored(*said, status=status, terms=terms(applied(written, lines)))
    longest = before.lifetime.seconds == LONGEST
    assert after.lifetime.seconds > before.lifetime.seconds or longest
    assert not after.directives.no_cache


SHORTER: list[tuple[dict[str, Any], int, tuple[str, ...], dict[str, Any]]] = [
    ({"ttl": "5m"}, 200, (), {"ttl": "150s"}),
    ({"ttl": "5m"}, 200, ("Cache-Control: max-age=10",), {"max_ttl": "5s"}),
    ({"ttl": "1s"}, 200, (), {"ttl": "500ms"}),
    ({"max_ttl": "1h"}, 200, ("Cache-Control: max-age=7200",), {"max_ttl": "30m"}),
    ({"ttl": "1h", "max_ttl": "30m"}, 200, (), {"ttl": "15m"}),
    ({"ttl": "5m", "min_ttl": "4m"}, 200, (), {"ttl": "150s", "min_ttl": "150s"}),
    (
        {"min_ttl": "1m"},
        200,
        ("Cache-Control: max-age=10",),
        {"min_ttl": "30s", "max_ttl": "30s"},
    ),
    ({}, 200, (LM,), {"max_ttl": "50s"}),
    ({"ttl_by_status": {404: "10s"}}, 404, (), {"ttl_by_status": {404: "5s"}}),
]


@pytest.mark.parametrize(("written", "status", "said", "change"), SHORTER)
def test_it_lives_less_long(
    written: dict[str, Any], status: int, said: tuple[str, ...], change: dict[str, Any]
) -> None:
    before = stored(*said, status=status, terms=terms(written))
    lines = lifetimes.shorter(terms(written), before)
    assert yaml.safe_load("\n".join(lines)) == change
    after = stored(*said, status=status, terms=terms(applied(written, lines)))
    assert after.lifetime.seconds < before.lifetime.seconds


@pytest.mark.parametrize("said", ["max-age=0", "no-cache, max-age=10"])
def test_what_is_validated_each_time_cannot_live_less_long(said: str) -> None:
    one: Stored = stored(f"Cache-Control: {said}", ETAG)
    assert lifetimes.shorter(Terms(), one) == ()
