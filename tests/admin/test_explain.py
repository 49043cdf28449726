"""`/v1/explain`: the corridor's own judgement, shown."""

from dataclasses import replace
from typing import Any

import pytest
import yaml

from proxy.engine.snapshot import Snapshot
from proxy.rules.rule import BUILT_IN
from proxy.rules.ruleset import compile_rules
from proxy.rules.schema import RuleModel
from tests.admin.desk import Desk, problem
from tests.engine.scripted import ask, reply, settle

URL = "http://api.test/thing"


async def explained(desk: Desk, **params: object) -> dict[str, Any]:
    answer = await desk.get("/v1/explain", params={"url": URL, **params})
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_what_is_not_there_is_asked_for() -> None:
    story = await explained(Desk())
    assert story["request"] == {
        "method": "GET",
        "scheme": "http",
        "authority": "api.test",
        "target": "/thing",
    }
    assert story["rule"] == {"name": "default", "place": "test:0"}
    assert story["verdict"] == {
        "verdict": "absent",
        "reason": "uri-miss",
        "sentence": "Nothing usable is stored under the key.",
        "clause": "9111 §4",
        "next": "the upstream",
    }
    assert (story["memory"], story["shared"]) == ([], None)
    assert story["ledger"] == {"trust": "confirmed", "sequence": 0}


async def test_what_is_held_is_shown_and_the_chosen_one_marked() -> None:
    desk = Desk()
    for language in ("de", "fr"):
        desk.play.script(reply(200, "Cache-Control: max-age=60", "Vary: Accept-Language"))
        await desk.play.get(f"Accept-Language: {language}")
    story = await explained(desk, header="Accept-Language: de")
    assert story["verdict"]["reason"] == "fresh"
    assert story["verdict"]["next"] is None
    chosen = {entry["variant"]["accept-language"]: entry["chosen"] for entry in story["memory"]}
    assert chosen == {"de": True, "fr": False}


async def test_the_shared_tier_is_shown_too() -> None:
    desk = Desk(shared={})
    await desk.play.fill("Cache-Control: max-age=60")
    key = desk.play.key()
    desk.shared = {key.digest: desk.memory.peek(key.digest)}
    story = await explained(desk)
    assert [entry["age"] for entry in story["shared"]] == [0.0]


async def test_another_key_with_the_same_digest_is_not_shown() -> None:
    desk = Desk()
    await desk.play.fill("Cache-Control: max-age=60")
    [(_, entries)] = desk.memory.items()
    desk.memory.put(desk.play.key(target="/other").digest, entries)
    assert (await explained(desk, url="http://api.test/other"))["memory"] == []


@pytest.mark.parametrize(
    ("rule", "lines", "reason", "change"),
    [
        ({}, (), "no-lifetime", "ttl: 1m"),
        ({}, ("Cache-Control: no-store",), "no-store", None),
        ({"ttl": "1m"}, ("Set-Cookie: a=b",), "set-cookie", "set_cookie: strip"),
    ],
)
async def test_why_the_latest_answer_was_not_kept_is_told_with_the_change(
    rule: dict[str, str], lines: tuple[str, ...], reason: str, change: str | None
) -> None:
    desk = Desk()
    desk.play.under({"name": "thing", **rule})
    desk.play.script(reply(200, *lines))
    await desk.play.get()
    desk.clock.time += 7
    story = await explained(desk)
    assert (story["declined"]["reason"], story["declined"]["ago"]) == (reason, 7.0)
    assert story["advice"]["change"] == (change and f"- name: thing\n  {change}\n")


async def test_the_rule_that_is_advised_makes_a_hit_of_it() -> None:
    desk = Desk()
    builtin = compile_rules([RuleModel(name="default")], [BUILT_IN])
    desk.play.corridor.snapshot = Snapshot(builtin)
    desk.play.script(reply(200), reply(200))
    await desk.play.get()
    story = await explained(desk)
    [change] = yaml.safe_load(story["advice"]["change"])
    assert change["match"] == {"path": "/thing"}
    desk.play.under(change)
    await desk.play.get()
    assert (await desk.play.get()).how.startswith("hit")
    await settle()
    story = await explained(desk)
    assert (story["declined"], story["advice"]) == (None, None)


async def test_a_first_request_needs_no_advice() -> None:
    story = await explained(Desk())
    assert (story["declined"], story["advice"]) == (None, None)


async def test_a_path_alone_is_asked_for_where_something_is_held() -> None:
    desk = Desk()
    for host, target in [("a.test", "/a"), ("b.test:8080", "/thing"), ("a.test", "/b")]:
        desk.play.script(reply(200, "Cache-Control: max-age=60"))
        await desk.play.tell(ask(target=target, host=host))
    story = await explained(desk, url="/thing")
    assert (story["request"]["authority"], story["verdict"]["reason"]) == ("b.test:8080", "fresh")
    story = await explained(desk, url="/other")
    assert (story["request"]["authority"], story["verdict"]["reason"]) == ("a.test", "uri-miss")
    desk.play.script(reply(200, "Cache-Control: no-store"))
    await desk.play.tell(ask(target="/c", host="c.test"))
    story = await explained(desk, url="/c")
    assert (story["request"]["authority"], story["declined"]["reason"]) == ("c.test", "no-store")


async def test_a_path_alone_is_asked_for_by_the_scheme_under_which_it_is_held() -> None:
    desk = Desk()
    desk.play.script(reply(200, "Cache-Control: max-age=60"))
    await desk.play.tell(replace(ask(), scheme="https"))
    story = await explained(desk, url="/thing")
    assert (story["request"]["scheme"], story["verdict"]["reason"]) == ("https", "fresh")


@pytest.mark.parametrize(
    ("params", "authority", "method"),
    [
        ({"url": "/thing"}, "localhost", "GET"),
        ({"url": "/thing", "header": ["Host: api.test", "X: y"]}, "api.test", "GET"),
        ({"url": URL, "method": "put"}, "api.test", "PUT"),
    ],
)
async def test_a_request_is_read(params: dict[str, object], authority: str, method: str) -> None:
    request = (await explained(Desk(), **params))["request"]
    assert request == {
        "method": method,
        "scheme": "http",
        "authority": authority,
        "target": "/thing",
    }


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        ({}, "url: Field required"),
        ({"url": "thing"}, "a URL is like"),
        ({"url": URL, "method": "G T"}, "'G T' is no method"),
        ({"url": URL, "method": "CONNECT"}, "CONNECT is not served"),
        ({"url": URL, "header": "nothing"}, "'nothing': a field is like 'Name: value'"),
        ({"url": "/" + "a" * 9000}, "url: String should have at most 8192 characters"),
    ],
)
async def test_what_is_wrong_is_named(params: dict[str, str], detail: str) -> None:
    status, told = problem(await Desk().get("/v1/explain", params=params))
    assert status == 422
    assert told.startswith(detail)


async def test_looking_is_not_asking() -> None:
    desk = Desk()
    await explained(desk)
    assert desk.play.asked == 0


async def test_in_shadow_the_key_is_the_one_that_the_cache_would_use() -> None:
    desk = Desk()
    desk.play.under({"mode": "shadow", "key": {"query": {"include": ["page"]}}})
    story = (await desk.get("/v1/explain?url=/t%3Fpage=1%26to=x")).json()
    assert story["verdict"]["reason"] == "shadow"
    assert story["request"]["target"] == "/t?page=1&to=x"
    assert {"name": "target", "value": "/t?page=1"} in story["key"]["parts"]
