"""The upstream's engines: CPU a request, in this process alone, before the bench's origin.

Our own pool, stock httpx as `upstream.engine: httpx` uses it, one plain httpx transport, aiohttp,
and the same bytes over bare connections, by turns in every round and on the loop of production, so
that all see the same machine. Must not know the proxy around them.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Final, cast

import aiohttp
import httpx
import uvloop

from bench.child import Cores, Place
from bench.origin import Answers
from bench.rounds import Plan
from bench.servers import origin
from proxy.engine.ports import Outbound, Upstream
from proxy.http.message import Fields, Request
from proxy.policy.terms import Timeouts
from proxy.upstream.build import gateway
from proxy.upstream.httpx_pool import HttpxUpstream

IN_FLIGHT: Final = (1, 32)
_A_TURN: Final = 200
"""Requests between two looks at the clock, over all that are in flight."""
_FIELDS: Final = Fields(
    (
        *((b"Host", b"127.0.0.1"), (b"User-Agent", b"bench"), (b"Accept", b"*/*")),
        *((b"X-Forwarded-For", b"127.0.0.1"), (b"X-Forwarded-Proto", b"http")),
        (b"Via", b"1.1 sidecache"),
    )
)
_REQUEST: Final = Request("GET", "http", b"127.0.0.1", b"/pass/1", _FIELDS)
_HEAD: Final = b"\r\n".join([b"GET /pass/1 HTTP/1.1", *map(b": ".join, _FIELDS), b"", b""])
_SIZE: Final = len(Answers().to(_HEAD))
_PATIENCE: Final = 30.0
"""Seconds; a loop that is kept from its core for long has not lost its connection."""
_TIMEOUTS: Final = Timeouts(connect=_PATIENCE)
_ROW: Final = "{:<12} {:<16} {:>8} {:>7} {:>7}"
NOTE: Final = (
    "x: the median of the ratios to our own pool, round by round. CPU: user and system."
    "\nfloor: the same bytes over connections of the loop, with nothing read into them."
    "\nnet x: the same ratios of what is above the floor."
)

Ask = Callable[[], Awaitable[None]]
Samples = Mapping[tuple[int, str], Sequence[float]]
"""In flight and engine → microseconds of CPU a request, one a round."""


def measure(plan: Plan, cores: Cores) -> Samples:
    """Measure every engine in every round."""
    with (
        tempfile.TemporaryDirectory() as folder,
        origin(Place(Path(folder), cores.load)) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        return runner.run(_measured(server.port, plan))


async def _measured(port: int, plan: Plan) -> Samples:
    url, floor = f"http://127.0.0.1:{port}", Floor(port)
    samples: dict[tuple[int, str], list[float]] = {}
    own, sharded = gateway([url]), HttpxUpstream(url)
    async with (
        httpx.AsyncHTTPTransport() as plain,
        aiohttp.ClientSession(url, auto_decompress=False) as session,
    ):
        engines = {
            "floor": floor.ask,
            "own": lambda: _ask(own),
            "engine: httpx": lambda: _ask(sharded),
            "plain httpx": lambda: _plainly(plain, url),
            "aiohttp": lambda: _by_aiohttp(session),
        }
        for _ in range(plan.rounds):
            for in_flight in IN_FLIGHT:
                for name, ask in engines.items():
                    cost = await _cost(ask, in_flight, plan.seconds)
                    samples.setdefault((in_flight, name), []).append(cost)
        floor.close()
    await own.aclose()
    await sharded.aclose()
    return samples


async def _cost(ask: Ask, in_flight: int, seconds: float) -> float:
    """Return microseconds of CPU a request, over about so many seconds."""

    async def turn(count: int) -> None:
        for _ in range(count):
            await ask()

    each = max(1, _A_TURN // in_flight)
    await asyncio.gather(*(turn(each) for _ in range(in_flight)))
    began, used, asked = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began < seconds:
        await asyncio.gather(*(turn(each) for _ in range(in_flight)))
        asked += each * in_flight
    return (time.process_time() - used) / asked * 1e6


async def _ask(engine: Upstream) -> None:
    inbound = await engine.send(Outbound(_REQUEST, None, _TIMEOUTS, repeatable=True))
    async for _ in inbound.chunks():
        pass
    await inbound.aclose()


class Bare(asyncio.Protocol):
    """A connection that sends the request and waits for as many bytes as the answer has."""

    _left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way out."""
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def connection_lost(self, error: Exception | None) -> None:
        """Tell whoever waits that nothing comes any more."""
        if self._left > 0 and not self._answered.done():
            self._answered.set_exception(error or ConnectionResetError())

    def data_received(self, data: bytes) -> None:
        """Count what came; wake whoever waits once it is enough."""
        self._left -= len(data)
        if not self._left:
            self._answered.set_result(None)

    async def exchange(self) -> None:
        """Send the request and wait for its answer."""
        self._left = _SIZE
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport.write(_HEAD)
        await self._answered


class Floor:
    """What no client can go below: the same bytes both ways, and a place to wait."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Bare] = []

    async def ask(self) -> None:
        """Exchange once, on an idle connection or a new one."""
        if self._idle:
            connection = self._idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Bare, "127.0.0.1", self._port)
        await connection.exchange()
        self._idle.append(connection)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._idle:
            connection.transport.close()


async def _plainly(transport: httpx.AsyncHTTPTransport, url: str) -> None:
    extensions = {"timeout": dict.fromkeys(("connect", "read", "write", "pool"), _PATIENCE)}
    target = httpx.Request("GET", f"{url}/pass/1", headers=_FIELDS.lines, extensions=extensions)
    response = await transport.handle_async_request(target)
    await response.aread()
    await response.aclose()


async def _by_aiohttp(session: aiohttp.ClientSession) -> None:
    fields = [(name.decode(), value.decode()) for name, value in _FIELDS.lines]
    async with session.get("/pass/1", headers=fields) as response:
        await response.read()


def rows(samples: Samples) -> Iterator[str]:
    """Yield the lines of the table."""
    yield _ROW.format("in flight", "engine", "CPU µs", "x", "net x")
    for (in_flight, name), costs in samples.items():
        own, floor = samples[in_flight, "own"], samples[in_flight, "floor"]
        first = f"{in_flight}" if name == "floor" else ""
        ratio = median(a / b for a, b in zip(costs, own, strict=True))
        net = median((a - c) / (b - c) for a, b, c in zip(costs, own, floor, strict=True))
        yield _ROW.format(first, name, f"{median(costs):.0f}", f"{ratio:.2f}", f"{net:.2f}")


def data(samples: Samples) -> list[dict[str, object]]:
    """Return all figures."""
    return [
        {"in_flight": in_flight, "engine": name, "cpu_us": list(figures)}
        for (in_flight, name), figures in samples.items()
    ]
