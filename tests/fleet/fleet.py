"""The fleet: several proxies, each a process, that share one Redis; and their doors.

How they are started, asked and stopped; nothing of what they are asked for.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import httpx
import orjson

from tests.plays.process import Serving, serving
from tests.plays.rawclient import Response, connected, request

TOKEN: Final = "a-token-for-the-fleet"  # noqa: S105 - of this test's own processes
PATIENCE: Final = 30.0
"""Seconds after which a wait for what is certain to come has failed."""

_VARIABLES: Final = {
    "SIDECACHE_ADMIN_TOKEN": TOKEN,
    "SIDECACHE_LOG__ACCESS": "off",
    "SIDECACHE_UPSTREAM__TIMEOUTS__CONNECT": "20s",  # the origin is in the loop of a busy test
}
_SAMPLE: Final = re.compile(r"^(\w+(?:\{.*\})?) (\S+)$", re.MULTILINE)


@dataclass(frozen=True)
class Member:
    """One proxy of the fleet, and its admin API in the hands of an operator."""

    serving: Serving
    operator: httpx.AsyncClient

    @property
    def port(self) -> int:
        """Where clients are served."""
        return self.serving.port

    async def get(self, target: str, *lines: str) -> Response:
        """Send one request on a connection of its own."""
        async with connected(self.port) as client:
            return await client.ask(request(target, *lines, "Connection: close"))

    async def purge(self, *tags: str, within: float = 5.0, **others: Any) -> httpx.Response:  # noqa: ANN401 - JSON
        """Purge by tags, and wait for all unless told otherwise."""
        body = {"tags": tags, "timeout": within, **others}
        return await self.operator.post("/v1/purge", json=body)

    async def metrics(self) -> Mapping[str, float]:
        """Return every sample that Prometheus would be told, by name and labels."""
        text = (await self.operator.get("/metrics")).text
        return {name: float(value) for name, value in _SAMPLE.findall(text)}

    async def count(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        found = [v for n, v in (await self.metrics()).items() if n.partition("{")[0] == name]
        assert found, name
        return sum(found)


@asynccontextmanager
async def fleet(
    origin: str, redis: Sequence[str], *flags: str, variables: Mapping[str, str] = {}
) -> AsyncIterator[tuple[Member, ...]]:
    """Run one proxy for each way to Redis until the block ends; then each has to end in order."""
    own = {**_VARIABLES, **variables}
    before = ("--upstream", origin, *flags)
    async with AsyncExitStack() as clients:
        with ExitStack() as stack:
            start = (serving(*before, "--redis", url, variables=own) for url in redis)
            running = await asyncio.gather(
                *(asyncio.to_thread(stack.enter_context, each) for each in start)
            )
            members = tuple(Member(each, _operator(each)) for each in running)
            for member in members:
                await clients.enter_async_context(member.operator)
            yield members
            await _ended(members)


async def _ended(members: Sequence[Member]) -> None:
    """End every member as an operator would; none may have complained."""
    for out, err in await asyncio.gather(
        *(asyncio.to_thread(member.serving.stop) for member in members)
    ):
        assert err == ""
        assert [line for line in out.splitlines() if _grave(line)] == []


async def joined(members: Sequence[Member]) -> None:
    """Wait until a purge by any member is confirmed by all."""
    told: list[str] = []
    for member in members:
        await until(partial(_knows, member, len(members), told), "a complete fleet", told)


async def until(
    condition: Callable[[], Awaitable[object]], what: str, told: Sequence[str] = ()
) -> None:
    """Wait until the awaited condition is true; what it was `told` last is in the complaint."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not await condition():  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"in vain waited for: {what}; {told[-1:]}") from None


async def _knows(member: Member, size: int, told: list[str]) -> bool:
    answer = await member.purge("nobody", within=1.0)
    told.append(f"{answer.status_code} {answer.text}")
    return answer.status_code == 200 and len(answer.json()["replicas"]) == size


def _operator(each: Serving) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=each.admin,
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=PATIENCE,
        limits=httpx.Limits(keepalive_expiry=2.0),  # before the server ends what is idle
    )


def _grave(line: str) -> bool:
    """Tell whether a line of the log is of something that must not happen: an error, a trace."""
    return orjson.loads(line).get("level") in {"error", "critical"}
