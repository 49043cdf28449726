"""`/v1/entries`: what is held, page by page, and nothing secret."""

import httpx
import pytest

from proxy.store.memory import MemoryStore
from tests.admin.desk import Desk, problem
from tests.engine.scripted import reply


async def filled(count: int = 3) -> Desk:
    """Return a desk whose memory holds /0, /1, … each under a tag like `n:0`."""
    desk = Desk(memory=MemoryStore(10_000_000))
    desk.play.under({"match": {"path": "/{n}"}, "tags": ["n:{n}", "all"]})
    for number in range(count):
        desk.play.script(reply(200, "Cache-Control: max-age=60"))
        await desk.play.get(target=f"/{number}")
    return desk


def places(answer: httpx.Response) -> list[str]:
    return [entry["location"] for entry in answer.json()["entries"]]


async def test_an_entry_is_told_with_all_that_is_known_of_it() -> None:
    desk = await filled(1)
    desk.play.later(10)
    [entry] = (await desk.get("/v1/entries")).json()["entries"]
    assert entry == {
        "key": desk.play.key(target="/0").digest.hex(),
        "location": "api.test/0",
        "status": 200,
        "bytes": 5,
        "codings": {},
        "age": 10.0,
        "ttl": 50.0,
        "lifetime": 60.0,
        "lifetime_from": "max-age",
        "stale_while_revalidate": 0.0,
        "stale_if_error": 0.0,
        "variant": {},
        "tags": ["rule:rule-0", "host:api.test", "n:0", "all"],
        "born": {"epoch": "epoch", "sequence": 0},
        "standing": "valid",
    }


async def test_what_was_purged_says_so() -> None:
    desk = await filled(2)
    await desk.purge(tags=["n:0"])
    await desk.purge(tags=["n:1"], mode="soft")
    told = (await desk.get("/v1/entries")).json()["entries"]
    assert [entry["standing"] for entry in told] == ["purged", "soft-purged"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"tag": "n:1"}, ["api.test/1"]),
        ({"tag": "none"}, []),
        ({"prefix": "/2"}, ["api.test/2"]),
        ({"prefix": "api.test/"}, ["api.test/0", "api.test/1", "api.test/2"]),
        ({"prefix": "/1", "tag": "n:2"}, []),
    ],
)
async def test_they_can_be_chosen(query: dict[str, str], found: list[str]) -> None:
    assert places(await (await filled()).get("/v1/entries", params=query)) == found


async def test_a_key_leads_to_its_entries() -> None:
    desk = await filled()
    key = desk.play.key(target="/1").digest.hex()
    assert places(await desk.get("/v1/entries", params={"key": key})) == ["api.test/1"]
    assert places(await desk.get("/v1/entries", params={"key": key, "tag": "n:2"})) == []
    assert places(await desk.get("/v1/entries", params={"key": "00"})) == []


async def test_pages_follow_one_another() -> None:
    desk = await filled(5)
    seen, cursor = [], 0
    while cursor is not None:
        answer = await desk.get("/v1/entries", params={"limit": 2, "cursor": cursor})
        seen.append(places(answer))
        cursor = answer.json()["cursor"]
    assert seen == [["api.test/0", "api.test/1"], ["api.test/2", "api.test/3"], ["api.test/4"]]


async def test_credentials_that_select_a_variant_are_hidden() -> None:
    desk = Desk()
    desk.play.under({"credentials": "share"})
    desk.play.script(
        reply(200, "Cache-Control: max-age=60", "Vary: Cookie, Accept-Language, X-None")
    )
    await desk.play.get("Cookie: session=secret", "Accept-Language: de")
    answer = await desk.get("/v1/entries")
    assert answer.json()["entries"][0]["variant"] == {
        "accept-language": "de",
        "cookie": "(hidden)",
        "x-none": None,
    }
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        ("limit=0", "limit: Input should be greater than or equal to 1"),
        ("limit=1001", "limit: Input should be less than or equal to 1000"),
        ("cursor=-1", "cursor: "),
        ("cursor=x", "cursor: "),
        ("prefix=x", "prefix: a pattern is"),
        ("key=xyz", "key: a digest is hexadecimal"),
    ],
)
async def test_what_is_wrong_is_named(query: str, detail: str) -> None:
    status, told = problem(await Desk().get(f"/v1/entries?{query}"))
    assert status == 422
    assert told.startswith(detail)


async def test_a_long_look_lets_others_have_their_turn() -> None:
    desk = await filled(1)
    [(_, entries)] = desk.memory.items()
    for number in range(550):
        desk.memory.put(b"%d" % number, entries)
    assert len(desk.memory) > 500
    found = await desk.get("/v1/entries", params={"tag": "none"})
    assert found.json() == {"entries": [], "cursor": None}
