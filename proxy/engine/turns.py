"""Turns: a long walk that lets others have their turn.

This module must not know what is walked over.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from typing import Final, TypeVar

SLICE: Final = 100
"""Steps of a walk before others have their turn."""

T = TypeVar("T")


async def by_turns(things: Iterable[T]) -> AsyncGenerator[T]:
    """Yield things; whoever stops before the end closes it."""
    for at, thing in enumerate(things, 1):
        yield thing
        if at % SLICE == 0:
            await asyncio.sleep(0)
