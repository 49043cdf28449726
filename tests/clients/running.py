"""Programs that others have written, run to their end beside the proxy in this loop."""

import asyncio
from typing import Final

PATIENCE: Final = 60.0
"""Seconds after which a program that does not end has failed its test."""


async def run(*command: str, codes: frozenset[int] = frozenset({0})) -> str:
    """Run a program and return what it wrote to its standard output."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(PATIENCE):
            out, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.communicate()
        raise
    assert process.returncode in codes, errors.decode(errors="replace")
    return out.decode()
