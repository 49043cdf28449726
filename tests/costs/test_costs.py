"""What a request costs, counted: tasks, system calls, commands of Redis, memory that it leaves.

Each number is what it is now, and may only become less: an answer that shall cost a task more has
to be worth it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Final

import pytest

from bench.origin import Answers, Origin
from tests.costs.counting import TRACES, circles, counted, growth
from tests.plays.house import House, house
from tests.plays.rawclient import RawClient, request
from tests.plays.scripted import PATIENCE
from tests.redis.servers import RedisServer

TIMES: Final = 100
AT_ONCE: Final = 32

WIRE: Final = {"read": 1, "write": 1}
TASK: Final = {**WIRE, "Cycle.run_asgi": 1}
"""An answer that is at hand: nothing but the task that uvicorn makes of a request."""
LOOKED_UP: Final = {**TASK, "Lookups._fetch": 1, "Link._run": 1, "mget": 1}
FETCHED: Final = {**TASK, "Fetcher.fetch": 1}
LEASED: Final = {"Link._run": 3, "Writes._run": 1, "set": 2, "get": 2, "exists": 1, "unlink": 1}
"""A fetch for all replicas: a look-up, a lease, and the answer written in its place."""


@dataclass(frozen=True)
class Case:
    """What is asked, and how often each thing may happen for it; what is not named, never.

    With `anew` the target is another one each time; with `shared` there is a Redis, and nothing is
    kept in memory.
    """

    target: str
    costs: Mapping[str, int]
    lines: tuple[str, ...] = ()
    hit: bool = True
    anew: bool = False
    shared: bool = False


CASES: Final = {
    "memory hit": Case("/hit/1", WIRE),
    "304 from memory": Case("/hit/1", WIRE, ('If-None-Match: "hit"',)),
    "memory hit by the other door": Case("/hit/1", TASK, ("Cache-Control: max-age=100",)),
    "Redis hit": Case("/hit/1", LOOKED_UP, shared=True),
    "pass-through": Case("/no-store/1", TASK, hit=False),
    "miss": Case("/miss/", FETCHED, hit=False, anew=True),
    "miss with Redis": Case(
        "/miss/", {**LOOKED_UP, **FETCHED, **LEASED}, hit=False, anew=True, shared=True
    ),
}
"""Case → its costs."""


@dataclass
class Scene:
    """A proxy, and one connection to it."""

    case: Case
    client: RawClient
    proxy: House
    numbers: "count[int]" = field(default_factory=count)

    async def ask(self) -> None:
        """Ask so many times, and wait until nothing is under way."""
        for _ in range(TIMES):
            target = self.case.target + (str(next(self.numbers)) if self.case.anew else "")
            await self.client.send(request(target, *self.case.lines))
            answer = await self.client.read()
            assert ("; hit" in answer.told) == self.case.hit
        await settled(self.proxy)


async def settled(proxy: House) -> None:
    """Wait until nothing is under way, and the shared store, if there is one, is in reach."""
    await proxy.quiet()
    shared = proxy.service.stores.shared
    async with asyncio.timeout(PATIENCE):
        while shared and not (shared.link.usable and shared.log.joined):  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.001)
        while shared and shared.entries.waiting:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.001)


@asynccontextmanager
async def opened(case: Case, redis: RedisServer) -> AsyncIterator[Scene]:
    """Open a scene in which everything has been learned that is learned from requests."""
    store: dict[str, object] = {}
    if case.shared:
        redis.run("FLUSHALL")
        store = {"memory": {"max_bytes": 0}, "redis": {"url": redis.url, "timeout": "10s"}}
    loop, answers = asyncio.get_running_loop(), Answers()
    async with AsyncExitStack() as stack:
        upstream = await loop.create_server(lambda: Origin(answers), "127.0.0.1", 0)
        stack.callback(upstream.close)
        url = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
        proxy = await stack.enter_async_context(house(url, log={"access": False}, store=store))
        await settled(proxy)
        if case.hit:
            await proxy.ask(case.target)
            await settled(proxy)
        scene = Scene(case, await stack.enter_async_context(proxy.connect()), proxy)
        await scene.ask()
        yield scene


@pytest.mark.parametrize("name", CASES)
async def test_a_request_costs_no_more(name: str, valkey: RedisServer) -> None:
    case = CASES[name]
    with counted() as counts:
        async with opened(case, valkey) as scene:
            counts.clear()
            before = commands(valkey)
            await scene.ask()
            spent = counts + commands(valkey) - before
    most = Counter({what: number * TIMES for what, number in case.costs.items()})
    assert spent <= most, f"more than {case.costs}: {spent - most} in {TIMES} requests"
    assert spent["read"] == TIMES


def commands(redis: RedisServer) -> Counter[str]:
    """Return how often a server has carried out what is only done for requests."""
    return Counter({name: redis.calls(name) for name in ("mget", "get", "set", "exists", "unlink")})


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.anew])
async def test_nothing_is_left_behind(name: str, valkey: RedisServer) -> None:
    async with opened(CASES[name], valkey) as scene:
        assert await growth(scene.ask) < TRACES


@pytest.mark.parametrize("name", CASES)
async def test_nothing_goes_in_circles(name: str, valkey: RedisServer) -> None:
    """What a request leaves is freed as it ends: the collector has nothing to do for it."""
    async with opened(CASES[name], valkey) as scene:
        assert await circles(scene.ask) < TIMES


async def test_lookups_at_once_travel_together(valkey: RedisServer) -> None:
    """Those of one turn of the loop are one round trip; all come in a turn or a few."""
    async with opened(CASES["Redis hit"], valkey) as scene, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(scene.proxy.connect()) for _ in range(AT_ONCE)]
        for number in range(AT_ONCE):
            await scene.proxy.ask(f"/hit/at-once-{number}")
        await settled(scene.proxy)
        before = valkey.calls("mget")
        sends = [one.send(request(f"/hit/at-once-{at}")) for at, one in enumerate(clients)]
        await asyncio.gather(*sends)
        answers = [await one.read() for one in clients]
        assert all("; hit" in answer.told for answer in answers)
        assert valkey.calls("mget") - before <= AT_ONCE / 8
