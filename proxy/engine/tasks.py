"""Tasks: work that outlives the request that began it, held until it ends."""

import asyncio
from typing import Any


class Tasks:
    """A set of running tasks; at the end they are cancelled and awaited."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._running)

    def hold(self, task: "asyncio.Task[Any]") -> None:
        """Keep a reference to a task until it is done, as asyncio asks of its callers."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def aclose(self, patience: float = 0.0) -> None:
        """Cancel what still runs, after `patience` seconds, and wait for it."""
        if patience and self._running:
            await asyncio.wait(self._running, timeout=patience)
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
