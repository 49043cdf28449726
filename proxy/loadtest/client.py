"""The client: sends requests by the pool that the proxy itself uses, and notes what comes.

Every request waits for its answer before the next is sent, so that a server that is slow is asked
less. Nothing is sent again. This module must not know what is compared with what.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import blake2b
from itertools import count

from proxy.engine.ports import Outbound
from proxy.errors import SidecacheError
from proxy.http.message import Head
from proxy.loadtest.comparing import KEPT, Given
from proxy.loadtest.sample import Sample
from proxy.loadtest.targets import Target
from proxy.policy.terms import Timeouts
from proxy.upstream.build import Plan, gateway
from proxy.upstream.gateway import Gateway
from proxy.upstream.pool import Keep

_TIMEOUTS = Timeouts(first_byte=30.0, between_bytes=30.0, total=60.0)


class Client:
    """Connections to the origins of some targets, at most as many as are asked at once."""

    def __init__(self, gateways: dict[str, Gateway]) -> None:
        self._gateways = gateways

    async def given(self, target: Target) -> Given:
        """Ask once and return the answer; raises `SidecacheError`."""
        digest, start, size = blake2b(digest_size=16), bytearray(), 0
        head, chunks = await self._send(target)
        async for chunk in chunks:
            digest.update(chunk)
            size += len(chunk)
            start += chunk[: KEPT - len(start)]
        kind = (head.fields.first(b"content-type") or b"").decode("latin-1")
        return Given(head.status, kind, size, digest.digest(), bytes(start))

    async def round(self, targets: Sequence[Target], concurrency: int, seconds: float) -> Sample:
        """Ask for targets in turn, so many at once, until time is up or all is lost."""
        sample, turn = Sample(), count()
        began, used = time.monotonic(), time.process_time()
        until = began + seconds

        async def one_after_another() -> None:
            while time.monotonic() < until and not sample.hopeless:
                await self._noted(targets[next(turn) % len(targets)], sample)

        await asyncio.gather(*(one_after_another() for _ in range(concurrency)))
        sample.seconds = time.monotonic() - began
        sample.busy = time.process_time() - used
        return sample

    async def _noted(self, target: Target, sample: Sample) -> None:
        began, size = time.perf_counter(), 0
        try:
            head, chunks = await self._send(target)
            async for chunk in chunks:
                size += len(chunk)
        except SidecacheError as error:
            sample.failed(error.title)
            return
        took = time.perf_counter() - began
        sample.answered(head.status, took, size, head.fields.joined(b"cache-status"))

    async def _send(self, target: Target) -> tuple[Head, AsyncIterator[bytes]]:
        outbound = Outbound(target.request, None, _TIMEOUTS)
        inbound = await self._gateways[target.origin].send(outbound)
        return inbound.head, inbound.chunks()


@asynccontextmanager
async def client(targets: Sequence[Target], concurrency: int) -> AsyncIterator[Client]:
    """Have a client for these targets until the block ends."""
    plan = Plan(most=concurrency, queue=concurrency, keep=Keep(idle=concurrency))
    async with AsyncExitStack() as stack:
        gateways = {}
        for origin in dict.fromkeys(target.origin for target in targets):
            gateways[origin] = gateway([origin], plan)
            stack.push_async_callback(gateways[origin].aclose)
        yield Client(gateways)
