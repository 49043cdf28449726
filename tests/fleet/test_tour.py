"""The tour of a fleet, as a user takes it: two proxies, one Redis, the catalog, one command."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.fleet.fleet import TOKEN, Member, fleet, joined
from tests.fleet.origin import Origin
from tests.plays.process import environment, run
from tests.plays.rawclient import Response, connected, request
from tests.redis.servers import RedisServer

RULES = """
rules:
  - name: account
    match: {path: /me}
    cache: off
  - name: product
    match: {path: "/products/{id}", methods: [GET, HEAD]}
    ttl: 5m
    tags: ["product:{id}", products]
  - name: product-writes
    match: {path: "/products/{id}", methods: [PUT, PATCH, DELETE]}
    on_success: {purge: ["product:{id}", products]}
"""
DRAFT = {"name": "Walnut bed No. 2, revised", "category": "beds-hall", "price_cents": 79900}


@pytest.fixture
def catalog() -> Iterator[str]:
    command = [sys.executable, "-u", "-m", "examples.catalog", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
        process.terminate()


@pytest.fixture
async def pair(
    catalog: str, redis: RedisServer, tmp_path: Path
) -> AsyncIterator[tuple[Member, ...]]:
    rules = tmp_path / "sidecache.yaml"
    rules.write_text(RULES)
    async with fleet(catalog, [redis.url] * 2, "--config", str(rules)) as members:
        await joined(members)
        yield members


def serial(answer: Response) -> bytes | None:
    """Return the catalog's number of the request that an answer was made for."""
    assert answer.status == 200
    return answer.first("x-catalog-request")


async def sent(member: Member, method: str, target: str, document: object) -> Response:
    body = orjson.dumps(document)
    fields = (f"Content-Length: {len(body)}", "Content-Type: application/json", "Connection: close")
    async with connected(member.port) as client:
        return await client.ask(request(target, *fields, method=method, body=body), method)


async def command(member: Member, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `sidecache` with the operator's token."""
    return await asyncio.to_thread(
        run,
        *arguments,
        SIDECACHE_ADMIN_URL=member.serving.admin,
        SIDECACHE_ADMIN_TOKEN=TOKEN,
    )


async def test_what_one_has_fetched_the_other_serves_until_it_is_purged(
    pair: tuple[Member, ...],
) -> None:
    first, second = pair
    fetched = await first.get("/products/1")
    assert "fwd=uri-miss" in fetched.told
    for member in (second, second, first):
        assert serial(await member.get("/products/1")) == serial(fetched)

    done = await command(first, "purge", "--tag", "product:1", "--wait", "all")
    assert (done.returncode, done.stderr) == (0, "")

    anew = await second.get("/products/1")
    assert "; fwd=" in anew.told
    assert serial(anew) != serial(fetched)
    assert serial(await first.get("/products/1")) == serial(anew)


async def test_the_command_tells_every_replica(pair: tuple[Member, ...]) -> None:
    done = await command(pair[1], "purge", "--tag", "products", "--json")
    receipt: dict[str, Any] = orjson.loads(done.stdout)
    assert done.returncode == 0
    assert receipt["state"] == "complete"
    assert [each["state"] for each in receipt["replicas"]] == ["confirmed"] * 2


async def test_a_write_through_one_is_seen_through_both(pair: tuple[Member, ...]) -> None:
    first, second = pair
    for member in pair:
        await member.get("/products/2")
    written = await sent(first, "PUT", "/products/2", DRAFT)
    assert written.status == 200
    for member in (second, first):
        answer = await member.get("/products/2")
        assert orjson.loads(answer.body)["name"] == DRAFT["name"]


async def test_killing_redis_changes_no_answer(
    pair: tuple[Member, ...], redis: RedisServer
) -> None:
    targets = ("/products/1", "/products/3", "/products?page=2", "/categories", "/products/0", "/")
    before = [[await member.get(target) for target in targets] for member in pair]
    redis.kill()
    after = [[await member.get(target) for target in targets] for member in pair]
    for ours, theirs in zip(before, after, strict=True):
        assert [(a.status, a.body) for a in ours] == [(a.status, a.body) for a in theirs]
    done = await command(pair[0], "purge", "--tag", "product:1")
    assert done.returncode == 2  # it holds here: never a success that is none
    assert done.stderr.count("\n") == 1


@pytest.fixture
async def trio(redis: RedisServer, origin: Origin) -> AsyncIterator[tuple[Member, ...]]:
    # Whom Redis does not answer in time goes alone: here nobody may, however busy the machine is.
    patient = {"SIDECACHE_STORE__REDIS__TIMEOUT": "5s"}
    async with fleet(origin.url, [redis.url] * 3, variables=patient) as members:
        await joined(members)
        yield members


async def test_one_request_reaches_the_upstream_for_all_replicas(
    trio: tuple[Member, ...], origin: Origin
) -> None:
    origin.steady(0.5)
    answers = await asyncio.gather(*(trio[at % 3].get("/steady/1") for at in range(50)))
    assert {(answer.status, answer.body) for answer in answers} == {(200, b"0")}
    assert origin.asked["/steady/1"] == 1


async def test_what_is_for_one_caller_each_is_not_waited_for(
    trio: tuple[Member, ...], origin: Origin
) -> None:
    """Hit-for-pass: known to one replica it is known to all, and nobody queues."""
    assert (await trio[0].get("/private/1")).status == 200
    origin.steady(0.5)
    answers = await asyncio.gather(*(trio[at % 3].get("/private/1") for at in range(12)))
    assert {answer.status for answer in answers} == {200}
    assert origin.asked["/private/1"] == 13
    assert origin.most["/private/1"] == 12
