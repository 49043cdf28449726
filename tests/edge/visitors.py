"""Visitors: clients who behave and clients who do not, by chance, and who judge what they get.

What is wrong is noted, not raised, so that a test can tell all of it.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

from tests.edge.mischief import Fault, etag, fault_of, named
from tests.plays.rawclient import Cut, RawClient, Response, connected, request
from tests.plays.scripted import End, chunk, chunked

_FAILED: Final = frozenset({502, 503, 504})
_FAULTS: Final = tuple(fault for fault in Fault if fault not in {Fault.NONE, Fault.BIG})
_BROKEN: Final = (
    b"GET /well/1 HTTP/1.1\r\nHost api.test\r\n\r\n",
    b"GET /well/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"\x00\x01 what is this\r\n\r\n",
    request("/well/1", "Content-Length: 5", "Content-Length: 6", method="POST", body=b"hello"),
    request("/well/1", "Content-Length: 5", "Transfer-Encoding: chunked", method="POST"),
    request("/well/1", "Transfer-Encoding: chunked", method="POST") + b"zz\r\n",
)


@dataclass(frozen=True)
class Wish:
    """What is asked for."""

    target: str
    method: str = "GET"
    lines: tuple[str, ...] = ()
    body: bytes = b""
    part: tuple[int, int] | None = None

    @property
    def fault(self) -> Fault:
        return fault_of(self.target)

    @property
    def whole(self) -> bytes:
        return named(self.target.encode() + self.body)

    @property
    def wire(self) -> bytes:
        sent = chunked(self.body) if self.lines == ("Transfer-Encoding: chunked",) else self.body
        return request(self.target, *self.lines, method=self.method, body=sent)


@dataclass
class Notes:
    """What became of it all."""

    kinds: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def cut(self, wish: Wish) -> None:
        """Take note of an answer that broke off in its body."""
        self.kinds["cut"] += 1
        if wish.fault is Fault.NONE:
            self.wrong.append(f"{wish.method} {wish.target}: cut")

    def answered(self, wish: Wish, answer: Response) -> None:
        """Take note of a complete answer."""
        self.kinds[str(answer.status)] += 1
        if not _right(wish, answer):
            told = (answer.status, len(answer.body), len(wish.whole), answer.body[:200])
            cause = answer.all("cache-status")
            self.wrong.append(f"{wish.method} {wish.target} {wish.lines}: {told} {cause}")


def _right(wish: Wish, answer: Response) -> bool:
    """Tell whether it is what was asked for, or an honest failure."""
    match answer.status:
        case 200 if wish.method == "HEAD":
            return answer.first("content-length") in {None, b"%d" % len(wish.whole)}
        case 200:
            return answer.body == wish.whole
        case 206:
            return _is_part(wish, answer)
        case 304:
            return f"If-None-Match: {etag(wish.target.encode())}" in wish.lines
        case 413:
            early = wish.fault is Fault.EARLY and wish.method == "POST"
            return early and answer.body == named(wish.target.encode())
        case status:
            return wish.fault is not Fault.NONE and status in _FAILED


def _is_part(wish: Wish, answer: Response) -> bool:
    if wish.part is None:
        return False
    first, last = wish.part
    told = f"bytes {first}-{last}/{len(wish.whole)}".encode()
    return answer.first("content-range") == told and answer.body == wish.whole[first : last + 1]


def _go(client: RawClient, how: End) -> None:
    with suppress(AttributeError):  # uvloop has no socket any more where the proxy was faster
        client.end(how)


class Visitor:
    """One after the other, connections to the proxy on which a chance decides what happens."""

    def __init__(self, port: int, seed: str, notes: Notes) -> None:
        self._port = port
        self._chance = Random(seed)  # noqa: S311 - the same every time
        self._notes = notes
        self._deeds = {
            self._get: 40,
            self._conditional: 8,
            self._range: 8,
            self._head: 8,
            self._post: 12,
            self._pipeline: 8,
            self._leave: 6,
            self._leave_an_upload: 5,
            self._say_nonsense: 5,
        }

    async def run(self, turns: Iterator[int]) -> None:
        """Come again until there are no more turns, each good for one request."""
        goes_on = True
        while goes_on:
            async with connected(self._port) as client:
                goes_on = await self._stay(client, turns)

    async def _stay(self, client: RawClient, turns: Iterator[int]) -> bool:
        """Use a connection for as long as it lives; False once there are no more turns."""
        for _ in turns:
            (deed,) = self._chance.choices(list(self._deeds), list(self._deeds.values()))
            if not await deed(client):
                return True
        return False

    def _target(self) -> str:
        if self._chance.random() < 0.4:
            return f"/{Fault.NONE.value}/{self._chance.randrange(40)}"
        return f"/{self._chance.choice(_FAULTS).value}/{self._chance.randrange(60)}"

    # Those who behave; each tells whether the connection lives

    async def _get(self, client: RawClient) -> bool:
        return await self._ask(client, Wish(self._target()))

    async def _conditional(self, client: RawClient) -> bool:
        target = self._target()
        tag = self._chance.choice([etag(target.encode()), '"other"'])
        return await self._ask(client, Wish(target, lines=(f"If-None-Match: {tag}",)))

    async def _range(self, client: RawClient) -> bool:
        first = self._chance.randrange(30)
        last = first + self._chance.randrange(30)
        line = f"Range: bytes={first}-{last}"
        return await self._ask(client, Wish(self._target(), lines=(line,), part=(first, last)))

    async def _head(self, client: RawClient) -> bool:
        return await self._ask(client, Wish(self._target(), "HEAD"))

    async def _post(self, client: RawClient) -> bool:
        body = b"%d" % self._chance.randrange(10**9) * self._chance.choice([1, 1000, 20_000])
        framing = (f"Content-Length: {len(body)}", "Transfer-Encoding: chunked")
        wish = Wish(self._target(), "POST", (self._chance.choice(framing),), body)
        return await self._ask(client, wish)

    async def _pipeline(self, client: RawClient) -> bool:
        wishes = Wish(self._target()), Wish(self._target())
        await client.send(wishes[0].wire + wishes[1].wire)
        return await self._hear(client, wishes[0]) and await self._hear(client, wishes[1])

    async def _ask(self, client: RawClient, wish: Wish) -> bool:
        with suppress(ConnectionError):  # it may be answered before it is complete
            await client.send(wish.wire)
        return await self._hear(client, wish)

    async def _hear(self, client: RawClient, wish: Wish) -> bool:
        try:
            answer = await client.head(wish.method)
        except (Cut, ConnectionError, TimeoutError) as error:
            self._notes.kinds["nothing"] += 1
            self._notes.wrong.append(f"{wish.method} {wish.target}: no answer: {error!r}")
            return False
        try:
            await answer.rest()
        except Cut:
            self._notes.cut(wish)
            return False
        self._notes.answered(wish, answer)
        return answer.first("connection") != b"close"

    # Those who do not

    async def _leave(self, client: RawClient) -> bool:
        """Go in the middle of an answer."""
        self._notes.kinds["left"] += 1
        with suppress(Cut, ConnectionError):
            await client.send(request(self._target()))
            if self._chance.random() < 0.8:
                answer = await client.head()
                await answer.piece()
        _go(client, self._chance.choice(list(End)))
        return False

    async def _leave_an_upload(self, client: RawClient) -> bool:
        self._notes.kinds["left an upload"] += 1
        sent = chunk(b"x" * self._chance.choice([1, 50_000])) + b"5\r\nhe"
        with suppress(ConnectionError):
            head = request(self._target(), "Transfer-Encoding: chunked", method="POST")
            await client.send(head, sent)
        await asyncio.sleep(self._chance.random() / 100)
        _go(client, End.RESET)
        return False

    async def _say_nonsense(self, client: RawClient) -> bool:
        nonsense = self._chance.choice(_BROKEN)
        answer = await client.ask(nonsense)
        self._notes.kinds[f"{answer.status} to nonsense"] += 1
        if answer.status not in {400, 502} or await client.ended():
            self._notes.wrong.append(f"{nonsense!r}: {answer.status}")
        return False
