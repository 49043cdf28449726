"""`/v1/warm`: URLs asked for through the corridor, told line by line."""

import asyncio
from typing import Any

import orjson
import pytest

from proxy.admin.warming import warmed
from proxy.errors import UpstreamBroken, UpstreamUnreachable
from tests.admin.desk import PURGE, Desk, problem
from tests.engine.scripted import failing, reply, settle

FRESH = "Cache-Control: max-age=60"
SITEMAP = b"<urlset><url><loc>http://api.test/a</loc></url><url><loc>/b</loc></url></urlset>"


async def lines(desk: Desk, **body: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - any JSON
    answer = await desk.post("/v1/warm", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    told: list[dict[str, Any]] = [orjson.loads(line) for line in answer.text.splitlines()]
    return told


async def test_what_was_warmed_is_stored() -> None:
    desk = Desk()
    desk.play.script(reply(200, FRESH), reply(404))
    told = await lines(
        desk, urls=["http://api.test/thing", "/other", "/thing"], host="api.test", concurrency=1
    )
    assert [{key: line[key] for key in line if key != "ms"} for line in told] == [
        {
            "url": "http://api.test/thing",
            "status": 200,
            "outcome": "miss",
            "reason": "max-age",
        },
        {"url": "/other", "status": 404, "outcome": "miss", "reason": "status"},
        {"url": "/thing", "status": 200, "outcome": "hit", "reason": "fresh"},
        {"total": 3, "failed": 1, "outcomes": {"miss": 2, "hit": 1}},
    ]
    assert desk.play.kept()
    await desk.play.end()


async def test_what_fails_is_told_and_the_rest_goes_on() -> None:
    desk = Desk()
    desk.play.script(
        failing(UpstreamUnreachable("no way")),
        reply(200, FRESH, "Content-Length: 9", body=[b"half", UpstreamBroken("cut")]),
        reply(200, FRESH),
    )
    urls = ["http://api.test/1", "http://api.test/2", "nonsense", "http://api.test/3"]
    *told, summary = await lines(desk, urls=urls, concurrency=1)
    assert [(line["status"], line["outcome"]) for line in told] == [
        *((502, "error"), (200, "error"), (400, "error"), (200, "miss"))
    ]
    assert [line["reason"] for line in told[:2]] == ["upstream-unreachable", "upstream-broken"]
    assert summary == {"total": 4, "failed": 3, "outcomes": {"error": 3, "miss": 1}}


async def test_a_sitemap_comes_through_the_proxy() -> None:
    desk = Desk()
    desk.play.script(reply(200, FRESH, body=SITEMAP), reply(200, FRESH), reply(200, FRESH))
    *told, _ = await lines(
        desk, sitemap="http://api.test/sitemap.xml", host="api.test", concurrency=1
    )
    assert [line["url"] for line in told] == ["http://api.test/a", "/b"]
    desk.play.script(reply(200, FRESH))
    await lines(desk, sitemap="http://api.test/sitemap.xml", host="elsewhere.test")
    assert desk.play.asked == 4, "the sitemap itself was stored"


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (reply(404), "sitemap: the upstream answered 404"),
        (reply(200, body=b"<html/>"), "sitemap: the sitemap is a <html>"),
        (
            reply(200, "Content-Length: 9", body=[b"<urlset>", UpstreamBroken("cut")]),
            "sitemap: cut",
        ),
    ],
    ids=["status", "content", "cut"],
)
async def test_a_sitemap_that_is_none_is_a_problem(answer: Any, detail: str) -> None:  # noqa: ANN401 - a reply
    desk = Desk()
    desk.play.script(answer)
    told = problem(await desk.post("/v1/warm", json={"sitemap": "http://api.test/sitemap.xml"}))
    assert told[0] == 422
    assert told[1].startswith(detail)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({}, "give one of the two: urls or sitemap"),
        ({"urls": ["http://a/"], "sitemap": "http://a/"}, "give one of the two"),
        ({"urls": ["/a"]}, "host: is needed, since '/a' names no host"),
        ({"urls": ["http://a/"], "concurrency": 33}, "concurrency: "),
        ({"urls": ["http://a/"], "threads": 3}, "threads: unknown field"),
        ({"sitemap": "a"}, "sitemap: a URL is like"),
    ],
)
async def test_what_is_wrong_is_named(body: dict[str, object], detail: str) -> None:
    status, told = problem(await Desk().post("/v1/warm", json=body))
    assert status == 422
    assert told.startswith(detail)


async def test_to_warm_is_more_than_to_purge() -> None:
    answer = await Desk().post("/v1/warm", token=PURGE, json={"urls": ["http://a/"]})
    assert problem(answer)[0] == 403


async def test_no_more_than_so_many_are_under_way_and_none_once_the_caller_left() -> None:
    desk = Desk()
    hold = asyncio.Event()
    desk.play.script(*(reply(200, FRESH, waits=hold) for _ in range(3)))
    working = warmed(
        desk.play.corridor,
        [f"http://api.test/{number}" for number in range(9)],
        host="",
        concurrency=3,
    )
    first = asyncio.ensure_future(anext(working))
    await settle()
    assert desk.play.asked == 3
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await working.aclose()
    await settle()
    assert desk.play.asked == 3
    await desk.play.end()
