"""The origin: every answer is the number of commits that its thing has seen.

A thing has several faces: `/steady/7`, `/swift/7` and so on show the same number, are kept in
different ways, and carry the tag `thing-7`. The number is read when a request arrives and told a
while later, so that a purge can overtake an answer on its way. Nothing here knows the proxy.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from types import TracebackType
from typing import Final, Self

FACES: Final = {
    "steady": ("Cache-Control: max-age=3600",),
    "swift": ("Cache-Control: max-age=1, stale-while-revalidate=600, stale-if-error=600",),
    "varied": ("Cache-Control: max-age=3600", "Vary: Accept-Language"),
    "private": ("Cache-Control: private, max-age=60",),
}
"""What the answers say of how they may be kept, by the first segment of the path."""

_LONGEST: Final = 0.03


class Origin:
    """A server on a free port, in the loop of the test.

    `numbers` are the commits by thing; `asked` the requests by target, `most` how many of them
    there were at once. An answer takes up to some milliseconds, by chance.
    """

    def __init__(self, random: Random) -> None:
        self.numbers: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._random = random
        self._linger: float | None = None
        self._now: Counter[str] = Counter()
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def steady(self, linger: float) -> None:
        """Take so many seconds for every answer from now on."""
        self._linger = linger

    def commit(self, thing: str) -> int:
        """Change a thing and return its new number."""
        self.numbers[thing] += 1
        return self.numbers[thing]

    def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request after the other until the peer leaves."""
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                while True:
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(await self._answer(head.decode("latin-1")))
                    await writer.drain()
        finally:
            writer.close()

    async def _answer(self, head: str) -> bytes:
        target = head.split(" ", 2)[1]
        _, face, thing = target.split("/", 2)
        number = str(self.numbers[thing])
        with self._counted(target):
            by_chance = _LONGEST * self._random.random()
            await asyncio.sleep(by_chance if self._linger is None else self._linger)
        fields = (f'ETag: "{number}"', f"Surrogate-Key: thing-{thing} things", *FACES[face])
        if f'if-none-match: "{number}"' in head.lower():
            return _message("304 Not Modified", *fields)
        return _message("200 OK", f"Content-Length: {len(number)}", *fields) + number.encode()

    @contextmanager
    def _counted(self, target: str) -> Iterator[None]:
        self.asked[target] += 1
        self._now[target] += 1
        self.most[target] = max(self.most[target], self._now[target])
        try:
            yield
        finally:
            self._now[target] -= 1


def _message(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in ("HTTP/1.1 " + lines[0], *lines[1:], "")).encode()
