"""Everything at once: faults of the upstream, of clients and of the slow; nothing gets mixed up.

`MIXED_REQUESTS=20000` makes it longer.
"""

import asyncio
import json
import logging
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any, Final

import httpx
import pytest

from tests.edge.idlers import EDGE, Idlers
from tests.edge.mischief import Fault, Mischief, named
from tests.edge.visitors import Notes, Visitor
from tests.fleet.traffic import percentile
from tests.loops import new_event_loop
from tests.plays.house import House, house
from tests.plays.process import Serving, serving
from tests.plays.rawclient import RawClient, connected, request

REQUESTS: Final = int(os.environ.get("MIXED_REQUESTS", "2000"))
SEED: Final = int(os.environ.get("MIXED_SEED", "1"))
VISITORS: Final = 24
SLOW: Final = 25
"""Of each kind."""
KEPT: Final = 8
PATIENCE: Final = 15.0
SETTINGS: Final[dict[str, Any]] = {
    "upstream": {
        "max_keepalive": KEPT,
        "failures": 100,
        "retries": "100%",
        "timeouts": {"connect": "20s"},  # the upstream is in the loop of a busy test
    },
    "edge": EDGE,
    "log": {"access": "off"},
    "rules": [
        {"name": "late", "match": {"path": "/late/**"}, "timeouts": {"first_byte": "300ms"}},
    ],
}
PROBED: Final = "/well/probed"


@dataclass
class Probe:
    """One client that asks for the same kept answer all the time."""

    port: int
    waits: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Ask until cancelled."""
        async with connected(self.port) as client:
            while True:
                await self._ask(client)
                await asyncio.sleep(0.005)

    async def _ask(self, client: RawClient) -> None:
        began = monotonic()
        answer = await client.ask(request(PROBED))
        self.waits.append(monotonic() - began)
        if answer.status != 200 or answer.body != named(PROBED.encode()):
            self.wrong.append(f"{answer.status} {answer.body[:100]!r}")

    def __str__(self) -> str:
        low, high = (1000 * percentile(self.waits, share) for share in (0.5, 0.99))
        return f"p50 {low:.2f} ms, p99 {high:.2f} ms (n={len(self.waits)})"


@asynccontextmanager
async def probing(port: int) -> AsyncIterator[Probe]:
    """Probe for as long as the block takes."""
    probe = Probe(port)
    task = asyncio.create_task(probe.run())
    try:
        yield probe
        assert not task.done(), task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def turmoil(port: int, upstream: Mischief) -> None:
    """Let all come at once, tell how it went, and see that nothing was wrong."""
    notes, idlers, began = Notes(), Idlers(port, upstream), monotonic()
    async with probing(port) as quiet:
        await asyncio.sleep(1)
    async with probing(port) as probe, asyncio.TaskGroup() as group:
        chance = Random(SEED)  # noqa: S311 - the same every time
        group.create_task(idlers.come(SLOW, chance, within=REQUESTS / 2000))
        turns = iter(range(REQUESTS))
        for number in range(VISITORS):
            group.create_task(Visitor(port, f"{SEED}-{number}", notes).run(turns))
    print(f"\n{REQUESTS} requests, {monotonic() - began:.1f} s: {_told(notes.kinds)}")
    print(f"faults: {_told(upstream.shown)}")
    for kind, seconds in idlers.ended.items():
        print(f"{kind}: {len(seconds)} ended in {min(seconds):.2f} to {max(seconds):.2f} s")
    print(f"probe without: {quiet}; with: {probe}")
    wrong = quiet.wrong + probe.wrong + notes.wrong + idlers.wrong
    assert not wrong, "\n".join(wrong)
    assert upstream.shown.keys() == {fault.value for fault in Fault}
    assert all(len(ended) == SLOW for ended in idlers.ended.values())


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{count} x {what}" for what, count in counts.most_common())


async def calm(port: int, upstream: Mischief) -> None:
    """See that all is well afterwards."""
    async with asyncio.TaskGroup() as group:
        for number in range(KEPT):
            group.create_task(behave(port, number))
    await until(lambda: len(upstream.tasks) <= KEPT)


async def behave(port: int, number: int) -> None:
    """Ask for what nobody has asked for, and see that it is answered."""
    async with connected(port) as client:
        for turn in range(200 // KEPT):
            target = f"/well/after-{number}-{turn}"
            answer = await client.ask(request(target))
            assert (answer.status, answer.body) == (200, named(target.encode()))


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what comes soon."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.01)


async def in_flight(metrics: Callable[[], Awaitable[httpx.Response]]) -> list[str]:
    """Return what the metrics say of requests under way."""
    lines = (await metrics()).text.splitlines()
    names = ("sidecache_in_flight ", "sidecache_upstream_in_flight ", "sidecache_upstream_waiting ")
    return [line for line in lines if line.startswith(names)]


IDLE: Final = [
    "sidecache_in_flight 0.0",
    "sidecache_upstream_in_flight 0.0",
    "sidecache_upstream_waiting 0.0",
]


def played(play: Coroutine[Any, Any, None]) -> None:
    """Run a play on the event loop of production."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(play)


def test_nothing_is_mixed_up_and_nothing_stays_behind(caplog: pytest.LogCaptureFixture) -> None:
    """In this process, where tasks can be counted."""

    async def play() -> None:
        async with Mischief(SEED) as upstream:
            async with house(upstream.url, **SETTINGS) as place:
                before = others(upstream)
                await turmoil(place.port, upstream)
                await place.quiet()
                await calm(place.port, upstream)
                await until(lambda: others(upstream) <= before)
                await settled(place)
            await until(lambda: not upstream.tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    played(play())
    assert [record.getMessage() for record in caplog.records if is_bad(record)] == []


def others(upstream: Mischief) -> set[asyncio.Task[Any]]:
    """Return the tasks that belong to the proxy."""
    return asyncio.all_tasks() - upstream.tasks - {asyncio.current_task()}


async def settled(place: House) -> None:
    """See that the proxy counts nothing that is under way."""
    transport = httpx.ASGITransport(place.service.admin)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as operator:
        assert sorted(await in_flight(lambda: operator.get("/metrics"))) == sorted(IDLE)


def is_bad(record: logging.LogRecord) -> bool:
    """Tell whether something was not foreseen; that an answer was cut is no such thing."""
    return record.exc_info is not None or record.name == "asyncio"


def test_nothing_is_mixed_up_by_the_program(tmp_path: Path) -> None:
    """In a process of its own, which tells what it has to tell."""
    config = tmp_path / "sidecache.yaml"

    async def play() -> None:
        async with Mischief(SEED) as upstream:
            over = {**SETTINGS["upstream"], "url": upstream.url}
            config.write_text(json.dumps({**SETTINGS, "upstream": over}))
            with serving("--config", str(config)) as program:
                await turmoil(program.port, upstream)
                await calm(program.port, upstream)
                await idle(program)
                out, err = await asyncio.to_thread(program.stop)
        unforeseen = [line for line in (out + err).splitlines() if "Traceback" in line]
        assert not unforeseen, "\n".join(unforeseen)

    played(play())


async def idle(program: Serving) -> None:
    """See that the program counts nothing that is under way."""
    async with httpx.AsyncClient(base_url=program.admin) as operator, asyncio.timeout(PATIENCE):
        while sorted(await in_flight(lambda: operator.get("/metrics"))) != sorted(IDLE):  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.05)
