"""Numbers, rules, settings and replicas, as they are now."""

from proxy import __version__
from proxy.admin.control import Redis
from proxy.policy.reasons import Reason
from tests.admin.desk import OTHER, Desk, Link, Log
from tests.engine.scripted import T, reply


async def test_the_numbers() -> None:
    desk = Desk()
    desk.play.script(reply(200, "Cache-Control: max-age=60"))
    await desk.play.get()
    desk.play.stats.record((await desk.play.get()).account, 0.1, 5)
    await desk.purge(tags=["a"], mode="soft")
    numbers = (await desk.get("/v1/stats")).json()
    assert numbers["requests"] == [{"rule": "default", "outcome": "hit", "count": 1}]
    assert numbers["reasons"] == {"fresh": 1}
    assert numbers["purges"] == [{"mode": "soft", "source": "admin", "count": 1}]
    assert (numbers["version"], numbers["phase"]) == (__version__, "ready")
    assert numbers["started"] == T
    assert numbers["latency"]["hit"]["count"] == 1
    assert 0.05 < numbers["latency"]["hit"]["p50"] <= 0.1
    assert numbers["upstream_seconds_saved"] == 0.0
    assert numbers["memory"]["keys"] == 1
    assert numbers["memory"]["bytes"] == desk.memory.bytes
    assert numbers["ledger"] == {
        "epoch": "epoch",
        "sequence": 1,
        "trust": "confirmed",
        "unconfirmed_for": 0.0,
    }


async def test_the_shared_store_is_told_of_where_there_is_one() -> None:
    assert (await Desk().get("/v1/stats")).json()["redis"] is None
    told = (await Desk(redis=Redis(Link(), Log())).get("/v1/stats")).json()["redis"]
    assert told == {
        "usable": False,
        "operations": 7,
        "failures": {"timeout": 2},
        "spared": 3,
        "latency": {"count": 0, "p50": None, "p90": None, "p99": None},
        "untold": 6,
        "rebases": 5,
        "reconnects": 1,
    }


async def test_every_reason_has_its_sentence() -> None:
    told = (await Desk().get("/v1/reasons")).json()
    assert told.keys() == {reason.value for reason in Reason}
    assert told["uri-miss"]["family"] == "forward"
    assert all(each["sentence"] for each in told.values())


async def test_the_rules_in_force() -> None:
    desk = Desk()
    desk.play.under(
        {
            "name": "product",
            "match": {"path": "/products/{id}"},
            "key": {"query": {"include": ["page", "all"]}, "headers": ["accept"]},
            "tags": ["product:{id}"],
        },
        {"name": "rest"},
    )
    product, rest = (await desk.get("/v1/rules")).json()["rules"]
    assert (product["name"], rest["name"]) == ("product", "rest")
    assert product["key"]["include"] == ["all", "page"]
    assert product["key"]["headers"] == ["accept"]
    assert product["terms"]["cache"] == "on"
    assert rest["place"] == "test:1"


async def test_the_settings() -> None:
    assert (await Desk().get("/v1/config")).json() == {"upstream": {"url": "http://api.test"}}


async def test_the_replicas() -> None:
    desk = Desk()
    desk.log.others = (OTHER,)
    told = (await desk.get("/v1/replicas")).json()
    assert [replica["name"] for replica in told["replicas"]] == ["pod-1", "pod-2"]
    assert told["replicas"][1] == {
        "name": "pod-2",
        "address": "10.0.0.2:8080",
        "applied": 0,
        "lag": 0,
        "seen": 0.25,
    }
    assert told["ledger"]["trust"] == "confirmed"
