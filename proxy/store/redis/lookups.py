"""Lookups: what is asked for in one turn of the event loop travels in one round trip.

What the values mean is not known here.
"""

import asyncio
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any, Final

from redis.asyncio.cluster import RedisCluster

from proxy.engine.tasks import Tasks
from proxy.errors import StoreError
from proxy.store.redis.client import Client
from proxy.store.redis.failures import answer
from proxy.store.redis.link import Link

SIZE: Final = 64
"""Keys of a round trip: each value may be as large as the largest object, and all are in memory."""

_Answer = asyncio.Future[bytes | None]


class Lookups:
    """Values by key; what cannot be told in time is None."""

    def __init__(self, link: Link) -> None:
        self.batches = 0
        self._link = link
        self._asked: dict[bytes, list[_Answer]] = {}
        self._tasks = Tasks()

    async def get(self, keys: Iterable[bytes]) -> list[bytes | None]:
        """Return the values of keys, in their order.

        Who is cancelled meanwhile takes nothing from the others that wait for the same.
        """
        waiting = [self._ask(key) for key in keys]
        return [await answer for answer in waiting]

    def _ask(self, key: bytes) -> _Answer:
        loop = asyncio.get_running_loop()
        if not self._asked:
            loop.call_soon(self._send)
        answer: _Answer = loop.create_future()
        self._asked.setdefault(key, []).append(answer)
        return answer

    def _send(self) -> None:
        asked, self._asked = self._asked, {}
        rest = iter(asked.items())
        while batch := dict(islice(rest, SIZE)):
            self._tasks.hold(asyncio.create_task(self._fetch(batch)))

    async def _fetch(self, batch: dict[bytes, list[_Answer]]) -> None:
        keys = tuple(batch)
        values: Sequence[bytes | None] = (None,) * len(keys)
        self.batches += 1
        try:
            values = await self._link.call(lambda client: _values(client, keys))
        except StoreError:
            pass  # which the link has counted
        finally:
            for answers, value in zip(batch.values(), values, strict=True):
                for answer in answers:
                    if not answer.done():  # its asker was cancelled
                        answer.set_result(value)


async def _values(client: Client, keys: tuple[bytes, ...]) -> Sequence[bytes | None]:
    if not isinstance(client, RedisCluster):
        one: Any = client
        return list(await one.execute_command("MGET", *keys))
    pipeline: Any = client.pipeline()  # MGET is for keys of one slot
    for key in keys:
        pipeline.execute_command("GET", key)
    # a key of another type is nothing, as it is for MGET
    return [answer(reply) for reply in await pipeline.execute(raise_on_error=False)]
