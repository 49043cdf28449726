"""Connected: work for a client goes on as long as that client is there.

Our own protocol says when a client leaves, and the task that answers is stopped where it stands.
Another server has to be asked, by a task beside it. This module must not know what the work is.
"""

import asyncio
from collections.abc import Awaitable, Callable

from proxy.edge.extensions import DEPARTURE, offers
from proxy.edge.requests import Receive, RequestBody, Scope, departure

Hear = Callable[[Callable[[], None] | None], None]
"""Has somebody hear once when the client leaves, or nobody any more."""


async def while_connected(
    work: Awaitable[None], scope: Scope, receive: Receive, body: RequestBody | None
) -> None:
    """Run `work` to its end, or stop it when the client has left.

    Where a watch has to ask, it waits for the body's end: until then whoever reads that is told.
    """
    hear: Hear | None = offers(scope, DEPARTURE).get("hear")
    if hear is None:
        await _beside_a_watch(work, receive, body)
    else:
        await _until_told(work, hear)


async def _until_told(work: Awaitable[None], hear: Hear) -> None:
    task, left = asyncio.current_task(), False

    def leave() -> None:
        nonlocal left
        if task is not None:
            left = True
            task.cancel()

    hear(leave)
    try:
        await work
    except asyncio.CancelledError:
        if task is None or not left or task.uncancel():
            raise
    finally:
        hear(None)


async def _beside_a_watch(
    work: Awaitable[None], receive: Receive, body: RequestBody | None
) -> None:
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(departure(receive, body))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        if not working.done():
            working.cancel()
    await asyncio.gather(working, leaving, return_exceptions=True)
    if not working.cancelled():
        working.result()
