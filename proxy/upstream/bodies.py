"""Bodies of requests on their way out, in their framing (9112 §6).

This module must not know heads or connections.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable

import httpx


class Body:
    """A request's body in its framing, read once: in chunks, or where it has one of its length.

    `whole` tells that all of it has been handed out. Reading it raises
    `httpx.LocalProtocolError` where it is not as long as it says.
    """

    __slots__ = ("_framed", "whole")

    def __init__(self, pieces: AsyncIterator[bytes], length: int | None) -> None:
        self.whole = False
        self._framed = self._in_chunks(pieces) if length is None else self._of(length, pieces)

    async def carry(self, take: Callable[[bytes], Awaitable[bool]]) -> None:
        """Have each piece taken in its turn, until one tells that no more is wanted."""
        try:
            async for piece in self._framed:
                if not await take(piece):
                    return
        finally:
            await self._framed.aclose()

    async def _in_chunks(self, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        async for piece in pieces:
            if piece:
                yield b"%x\r\n%s\r\n" % (len(piece), piece)
        self.whole = True
        yield b"0\r\n\r\n"

    async def _of(self, left: int, pieces: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield a body as long as it says; one that is not would shift what follows it."""
        async for piece in pieces:
            left -= len(piece)
            if left < 0:
                raise httpx.LocalProtocolError("the body is longer than it says")
            self.whole = not left
            yield piece
        if left:
            raise httpx.LocalProtocolError("the body is shorter than it says")
