"""`/v1/purge` and its receipts, over a real ledger and a scripted log."""

import pytest

from proxy.engine.purge import Mode, Place, Purge
from proxy.engine.purging import Wait
from proxy.rules import labels, patterns
from proxy.store.memory import MemoryStore
from tests.admin.desk import OTHER, PURGE, Desk, problem
from tests.engine.scripted import reply


async def test_a_purge_that_all_have_applied_is_complete() -> None:
    desk = Desk()
    answer = await desk.post("/v1/purge", token=PURGE, json={"tags": ["product:42"]})
    receipt = answer.json()
    assert answer.status_code == 200
    assert (receipt["state"], receipt["mode"], receipt["missing"]) == ("complete", "hard", [])
    assert (receipt["selected"], receipt["left_out"]) == (["product:42"], 0)
    assert receipt["sequence"] == 1
    assert receipt["accepted"] == "2023-11-14T22:13:20.000+00:00"
    assert receipt["replicas"] == [
        {"name": "pod-1", "address": "10.0.0.1:8080", "state": "confirmed"}
    ]
    assert (await desk.get(f"/v1/purges/{receipt['id']}")).json() == receipt


async def test_a_purge_removes_what_has_the_tag() -> None:
    desk = Desk()
    desk.play.under({"tags": ["thing"]})
    desk.play.script(reply(200, "Cache-Control: max-age=60"))
    await desk.play.get()
    assert desk.play.kept()
    assert (await desk.purge(tags=["other"])).json()["state"] == "complete"
    assert desk.play.kept()
    await desk.purge(tags=["thing"])
    assert not desk.play.kept()


async def test_one_who_has_not_confirmed_is_named_and_the_receipt_can_be_asked_for() -> None:
    desk = Desk()
    desk.log.others = (OTHER,)
    answer = await desk.purge(tags=["a"], timeout=0)
    receipt = answer.json()
    assert answer.status_code == 202
    assert (receipt["state"], receipt["missing"]) == ("pending", ["pod-2"])
    assert answer.headers["location"] == f"/v1/purges/{receipt['id']}"
    desk.log.catch_up()
    later = (await desk.get(answer.headers["location"])).json()
    assert (later["state"], later["missing"]) == ("complete", [])


async def test_wait_local_does_not_wait() -> None:
    desk = Desk()
    desk.log.others = (OTHER,)
    assert (await desk.purge(tags=["a"], wait="local", timeout=60)).status_code == 202


async def test_without_the_log_it_holds_here_and_that_is_no_success() -> None:
    desk = Desk()
    await desk.play.fill("Cache-Control: max-age=60")
    desk.log.reachable = False
    status, detail = problem(await desk.purge(everything=True))
    assert status == 503
    assert "here and nowhere else" in detail
    assert not desk.play.kept()
    assert problem(await desk.get("/v1/replicas"))[0] == 503


async def test_a_receipt_that_cannot_be_looked_up_is_a_problem() -> None:
    desk = Desk()
    desk.log.others = (OTHER,)
    name = (await desk.purge(tags=["a"], wait="local")).json()["id"]
    desk.log.reachable = False
    assert problem(await desk.get(f"/v1/purges/{name}"))[0] == 503
    assert problem(await desk.get("/v1/purges/unheard-of"))[0] == 404


async def test_the_latest_receipts_come_first() -> None:
    desk = Desk()
    for name in ("a", "b"):
        await desk.purge(tags=[name])
    listed = (await desk.get("/v1/purges")).json()["purges"]
    assert [receipt["selected"] for receipt in listed] == [["b"], ["a"]]
    few = (await desk.get("/v1/purges", params={"limit": 1})).json()["purges"]
    assert few == listed[:1]
    assert problem(await desk.get("/v1/purges", params={"limit": 101}))[0] == 422


async def test_everything_that_can_be_named() -> None:
    desk = Desk()
    answer = await desk.purge(
        tags=["a", "a"],
        urls=["/x", "https://Shop.example:443/y"],
        prefixes=["shop.example/p/"],
        wildcards=["/*.jpg"],
        rule="default",
        everything=True,
        mode="soft",
    )
    assert answer.json()["selected"] == [
        *("a", "url", "rule:default", "everything", "shop.example/p/*", "/*.jpg")
    ]
    [purge] = desk.log.published
    assert purge.mode is Mode.SOFT
    assert purge.patterns == (patterns.prefix(b"shop.example/p/"), patterns.wildcard(b"/*.jpg"))
    assert purge.tags == (
        labels.tag(b"a"),
        labels.target_tag(b"/x"),
        labels.uri_tag(b"http", b"shop.example", b"/y"),
        labels.uri_tag(b"https", b"shop.example", b"/y"),
        labels.rule_tag("default"),
        labels.EVERYTHING,
    )


async def test_what_is_too_much_for_the_log_goes_in_parts() -> None:
    desk = Desk()
    urls = [f"http://a/{number}" for number in range(600)]
    answer = await desk.purge(urls=urls, prefixes=["/p"])
    assert [(len(p.tags), len(p.patterns)) for p in desk.log.published] == [(1000, 1), (200, 0)]
    assert answer.json()["sequence"] == 2
    desk.log.reachable = False
    await desk.purge(urls=urls)
    assert [len(purge.tags) for purge in desk.log.published[2:]] == [1000, 200]


async def test_a_part_that_was_not_told_is_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.log.reachable = False
    publish = desk.log.publish

    async def at_first(purge: Purge) -> Place:
        try:
            return await publish(purge)
        finally:
            desk.log.reachable = True

    monkeypatch.setattr(desk.log, "publish", at_first)
    answer = await desk.purge(urls=[f"http://a/{number}" for number in range(600)])
    assert problem(answer)[0] == 503
    assert [len(purge.tags) for purge in desk.log.published] == [1000, 200]


async def test_a_receipt_names_the_first_and_counts_the_rest() -> None:
    names = [str(number) for number in range(130)]
    receipt = (await Desk().purge(tags=names)).json()
    assert (receipt["selected"], receipt["left_out"]) == (names[:100], 30)


async def test_what_cannot_be_told_one_by_one_is_refused_and_not_rounded_up() -> None:
    desk = Desk()
    rules: list[dict[str, object]] = [
        {"match": {"path": f"/{number}"}, "key": {"query": {"include": [f"p{number}"]}}}
        for number in range(10)
    ]
    desk.play.under(*rules, {})
    query = "&".join(f"p{number}=1" for number in range(10))
    urls = [f"http://a/{number}?{query}" for number in range(500)]
    status, detail = problem(await desk.purge(urls=urls))
    assert status == 422
    assert detail.startswith("urls: under these rules they have more than 10000 tags")
    assert desk.log.published == []
    assert (await desk.purge(urls=urls[:400])).status_code == 200


async def test_a_dry_run_counts_and_purges_nothing() -> None:
    desk = Desk()
    for target in ("/a", "/b"):
        desk.play.script(reply(200, "Cache-Control: max-age=60"))
        await desk.play.get(target=target)
    for body, count in (
        ({"everything": True}, 2),
        ({"urls": ["http://api.test/a"]}, 1),
        ({"prefixes": ["api.test/b"]}, 1),
        ({"tags": ["none"]}, 0),
    ):
        answer = await desk.purge(**body, dry_run=True)
        assert answer.json() == {
            "dry_run": True,
            "matching": count,
            "scope": "this replica's memory",
        }
    assert desk.log.published == []


async def test_a_large_memory_is_counted_in_slices() -> None:
    desk = Desk(memory=MemoryStore(10_000_000))
    await desk.play.fill("Cache-Control: max-age=60")
    [(_, entries)] = desk.memory.items()
    for number in range(600):
        desk.memory.put(b"%d" % number, entries)
    held = len(desk.memory)
    assert held > 500
    assert (await desk.purge(everything=True, dry_run=True)).json()["matching"] == held


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "name something: tags, urls, prefixes, wildcards, rule or everything"),
        ({"tag": ["a"]}, "tag: unknown field; did you mean 'tags'?"),
        ({"tags": "a"}, "tags: should be a list"),
        ({"tags": [""]}, "tags[0]: String should have at least 1 character"),
        ({"tags": ["x" * 1025]}, "tags[0]: String should have at most 1024 characters"),
        ({"tags": ["x"] * 1001}, "tags: Tuple should have at most 1000 items"),
        ({"urls": ["products"]}, "urls[0]: a URL is like 'http://host/path'"),
        ({"urls": ["/a#b"]}, "urls[0]: the target is empty, has a fragment"),
        ({"urls": ["ftp://a/"]}, "urls[0]: only http and https are cached"),
        ({"urls": ["http:///"]}, "urls[0]: Host is missing"),
        ({"prefixes": ["nothing"]}, "prefixes[0]: a pattern is '/path'"),
        ({"wildcards": ["/" + "a*" * 17]}, "wildcards[0]: a pattern has 2048 bytes and 16"),
        ({"prefixes": ["/"] * 40, "wildcards": ["/"] * 40}, "wildcards: with prefixes, at most 64"),
        ({"rule": "defualt"}, "rule: unknown rule; did you mean 'default'?"),
        ({"everything": True, "mode": "kill"}, "mode: "),
        ({"everything": True, "wait": "some"}, "wait: "),
        ({"everything": True, "timeout": "1h"}, "timeout: "),
        ({"everything": True, "timeout": "soon"}, "timeout: a duration is"),
    ],
)
async def test_what_is_wrong_is_named(body: dict[str, object], detail: str) -> None:
    desk = Desk()
    status, told = problem(await desk.purge(**body))
    assert status == 422
    assert told.startswith(detail)
    assert desk.log.published == []


@pytest.mark.parametrize(
    ("content", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
        (b'{"everything": true}', "text/plain", 415),
        (b"everything=true", "application/x-www-form-urlencoded", 415),
        (b" " * 1_048_577, "application/json", 413),
        (b'{"everything": true}', "Application/JSON; charset=utf-8", 200),
    ],
)
async def test_a_body_is_json_of_some_size(content: bytes, media_type: str, status: int) -> None:
    answer = await Desk().post("/v1/purge", content=content, headers={"Content-Type": media_type})
    assert answer.status_code == status


async def test_a_tag_that_is_no_text_is_escaped() -> None:
    desk = Desk()
    await desk.play.purging.purge(Purge((labels.tag(b"caf\xe9"),)), Wait.LOCAL, 0.0)
    [receipt] = (await desk.get("/v1/purges")).json()["purges"]
    assert receipt["selected"] == ["caf\\xe9"]
