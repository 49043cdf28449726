"""`/v1/history`: the latest hour, interval by interval."""

import pytest

from proxy.engine.answer import Account
from proxy.policy.reasons import Reason
from tests.admin.desk import Desk, problem
from tests.engine.scripted import T

HIT = Account("a", Reason.FRESH, spared=0.25)
MISS = Account("b", Reason.URI_MISS, storing=Reason.MAX_AGE)


def desk() -> Desk:
    """Return a desk at which one hit was followed, ten seconds later, by a hit and a miss."""
    here = Desk()
    here.play.stats.record(HIT, 0.002, 10)
    here.clock.time += 10
    here.history.tick(here.clock.now())
    here.play.stats.record(HIT, 0.002, 10)
    here.play.stats.record(MISS, 0.2, 30)
    here.clock.time += 7
    return here


async def test_all_of_it() -> None:
    assert (await desk().get("/v1/history")).json() == {
        "interval": 10.0,
        "rule": None,
        "times": [T, T + 10, T + 17],
        "outcomes": {"hit": [1, 1], "miss": [0, 1]},
        "window": {
            "seconds": 17.0,
            "requests": [
                {"rule": "a", "outcome": "hit", "count": 2},
                {"rule": "b", "outcome": "miss", "count": 1},
            ],
            "reasons": {"fresh": 2, "uri-miss": 1},
            "storing": {"max-age": 1},
            "body_bytes": {"hit": 20, "miss": 30},
            "collapsed": 0,
            "upstream_seconds_saved": 0.5,
            "latency": {
                "hit": {"count": 2, "p50": 0.00175, "p90": 0.00235, "p99": 0.002485},
                "miss": {"count": 1, "p50": 0.175, "p90": 0.235, "p99": 0.2485},
            },
        },
    }


async def test_as_far_back_as_is_asked_and_of_one_rule() -> None:
    told = (await desk().get("/v1/history", params={"seconds": 10, "rule": "a"})).json()
    assert (told["rule"], told["times"]) == ("a", [T, T + 10, T + 17])
    assert told["outcomes"] == {"hit": [1, 1], "miss": [0, 0]}
    later = desk()
    later.history.tick(later.clock.now())
    later.clock.time += 10
    told = (await later.get("/v1/history", params={"seconds": 10})).json()
    assert told["times"] == [T + 17, T + 27]
    assert told["outcomes"] == {}
    assert told["window"]["requests"] == []


@pytest.mark.parametrize(
    ("query", "named"),
    [("seconds=9", "seconds"), ("seconds=3601", "seconds"), (f"rule={'x' * 65}", "rule")],
)
async def test_bounds(query: str, named: str) -> None:
    status, detail = problem(await Desk().get(f"/v1/history?{query}"))
    assert status == 422
    assert detail.startswith(named)
