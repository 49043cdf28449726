"""What traffic says of the rules, as operators are told."""

from typing import Any

import pytest
import yaml

from tests.admin.desk import Desk
from tests.engine.scripted import reply, settle


async def advised(desk: Desk) -> dict[str, Any]:
    [one] = (await desk.get("/v1/advice")).json()["rules"]
    return dict(one)


async def test_a_rule_without_requests() -> None:
    one = await advised(Desk())
    assert (one["rule"], one["place"], one["mode"]) == ("default", "test:0", "live")
    assert (one["requests"], one["hit_ratio"], one["quarantined"]) == (0, None, False)
    assert one["misses"] == one["advice"] == one["mismatches"] == []


async def test_hits_and_what_they_saved() -> None:
    desk = Desk()
    desk.play.script(reply(200, "Cache-Control: max-age=60"))
    for _ in range(4):
        desk.play.stats.record((await desk.play.get()).account, 0.1, 5)
    one = await advised(desk)
    assert (one["requests"], one["hits"], one["hit_ratio"]) == (4, 3, 0.75)
    assert one["bytes_saved"] == 15


async def test_misses_are_told_with_the_change_that_would_turn_them_into_hits() -> None:
    desk = Desk()
    desk.play.under({"name": "product"})
    desk.play.script(reply(200), reply(200), reply(200, "Cache-Control: private"))
    for _ in range(3):
        desk.play.stats.record((await desk.play.get()).account, 0.1, 5)
    one = await advised(desk)
    assert [(each["reason"], each["count"]) for each in one["misses"]] == [
        ("no-lifetime", 2),
        ("private", 1),
    ]
    first, second = one["advice"]
    assert (first["about"], first["change"]) == ("no-lifetime", "- name: product\n  ttl: 1m\n")
    assert (second["about"], second["change"]) == ("private", None)


@pytest.mark.parametrize("etag", [(), ('ETag: "1"',)])
async def test_a_lifetime_is_too_short_where_refetches_bring_the_same(
    etag: tuple[str, ...],
) -> None:
    desk = Desk()
    desk.play.under({"name": "product", "ttl": "10s"})
    for number in range(21):
        status = 304 if etag and number else 200
        desk.play.script(reply(status, *etag, body=b"" if status == 304 else b"same"))
        assert (await desk.play.get()).body == b"same"
        desk.play.later(11)
    await settle()
    one = await advised(desk)
    assert (one["refetched_same"], one["refetched_changed"]) == (20, 0)
    assert [each["change"] for each in one["advice"]] == ["- name: product\n  ttl: 20s\n"]


@pytest.mark.parametrize("control", ["max-age=10", "s-maxage=10", "max-age=10, must-revalidate"])
async def test_what_is_advised_against_the_upstreams_own_max_age_makes_hits(control: str) -> None:
    desk = Desk()
    rule = {"name": "product", "ttl": "5m"}
    desk.play.under(rule)
    for _ in range(21):
        await desk.play.fill(f"Cache-Control: {control}")
        desk.play.later(11)
    one = await advised(desk)
    assert one["refetched_same"] == 20
    [change] = yaml.safe_load(one["advice"][0]["change"])
    assert "ttl" not in change  # which the upstream's word outweighs
    desk.play.under(rule | change)
    await desk.play.fill(f"Cache-Control: {control}")
    desk.play.later(11)
    assert (await desk.play.get()).how.startswith("hit")


async def test_what_explain_advises_of_an_expired_answer_makes_a_hit_of_it() -> None:
    desk = Desk()
    desk.play.under({"name": "product"})
    await desk.play.fill("Cache-Control: s-maxage=10")
    desk.play.later(11)
    story = (await desk.get("/v1/explain?url=http://api.test/thing")).json()
    assert (story["verdict"]["reason"], "s-maxage" in story["advice"]["text"]) == ("stale", True)
    [change] = yaml.safe_load(story["advice"]["change"])
    desk.play.under(change)
    await desk.play.fill("Cache-Control: s-maxage=10")
    desk.play.later(11)
    assert (await desk.play.get()).how.startswith("hit")


async def test_a_lifetime_is_too_long_where_refetches_bring_others() -> None:
    desk = Desk()
    desk.play.under({"name": "product", "ttl": "10s", "stale_while_revalidate": "1m"})
    for number in range(22):
        desk.play.script(reply(200, body=b"%d" % number))
        await desk.play.get()
        await desk.play.corridor.tasks.aclose(1)
        desk.play.later(11)
    await settle()
    one = await advised(desk)
    assert (one["refetched_same"], one["refetched_changed"]) == (0, 21)
    assert [each["about"] for each in one["advice"]] == ["lifetime"]
