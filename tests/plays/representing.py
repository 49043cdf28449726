"""A place for plays about representations: one resource at an origin, the proxy before it."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.plays.decoding import CODINGS, decoded
from tests.plays.house import House, house
from tests.plays.origin import Origin, Resource, written
from tests.plays.rawclient import Response

NOW: Final = float(int(time.time()))
DAY: Final = 86_400.0
EACH: Final = ("identity", *CODINGS)


def text(size: int, seed: int = 0) -> bytes:
    """Return JSON that shrinks as an API's does, cut to a size."""
    chance = Random(size + seed)  # noqa: S311 - the same every time
    rows = [{"id": n, "name": f"thing {chance.getrandbits(20)}"} for n in range(size // 30 + 1)]
    return json.dumps(rows).encode()[:size]


def noise(size: int) -> bytes:
    """Return what does not shrink."""
    return Random(size).randbytes(size)  # noqa: S311 - the same every time


SMALL: Final = text(3_000)
LARGE: Final = text(200_000)


def resource(
    body: bytes = SMALL,
    *lines: str,
    etag: str | None = '"v1"',
    modified: float | None = NOW - DAY,
    media: str | None = "application/json",
    control: str = "max-age=86400",
    counted: bool = True,
    heeds: bool = True,
) -> Resource:
    """Return a resource with whatever a good API says of it."""
    typed = () if media is None else (f"Content-Type: {media}",)
    own = (f"Date: {written(NOW)}", f"Cache-Control: {control}", *typed, *lines)
    return Resource(body, own, etag, modified, counted, heeds)


@dataclass(frozen=True)
class Place:
    """The origin and the proxy before it; what is asked for is `/thing`."""

    origin: Origin
    proxy: House

    def has(self, resource: Resource) -> None:
        """Put something else at the origin."""
        self.origin.resources["/thing"] = resource

    async def get(self, *lines: str, method: str = "GET") -> Response:
        """Ask for the thing."""
        return await self.proxy.ask("/thing", *lines, method=method)

    async def filled(self) -> None:
        """Have the thing stored, by a client that says nothing of codings."""
        assert (await self.get()).status in {200, 404}
        assert hit(await self.get())

    async def all(self) -> dict[str, Response]:
        """Return the thing in every coding."""
        return {coding: await self.get(taking(coding)) for coding in EACH}

    @property
    def made(self) -> int:
        """How many bodies have been coded."""
        return sum(self.proxy.service.coder.stats.encoded.values())

    @property
    def heard(self) -> list[tuple[bytes | None, ...]]:
        """What the origin was asked: ranges and conditions."""
        names = ("range", "if-range", "if-none-match", "if-modified-since")
        return [tuple(each.first(name) for name in names) for each in self.origin.heard]


@asynccontextmanager
async def place(thing: Resource | None = None, **rule: object) -> AsyncIterator[Place]:
    """Run the proxy before an origin with one thing, under a rule."""
    rules = [{"name": "thing", **rule}]
    async with Origin() as origin, house(origin.url, rules=rules, **CALM) as proxy:
        here = Place(origin, proxy)
        if thing is not None:
            here.has(thing)
        yield here
        assert not origin.unscripted
        for heard in origin.heard:
            assert b"-sc." not in heard.head, heard.head


CALM: Final = {"log": {"access": "off"}, "upstream": {"timeouts": {"connect": 15}}}
"""Settings for many requests on a busy machine."""


def taking(coding: str) -> str:
    """Return the line of a client that takes a coding."""
    return f"Accept-Encoding: {coding}"


def hit(answer: Response) -> bool:
    """Tell whether an answer came from what is stored."""
    return answer.told.startswith("sidecache; hit")


def told(answer: Response, *names: str) -> tuple[str | None, ...]:
    """Return the values of fields."""
    values = (answer.first(name) for name in names)
    return tuple(None if value is None else value.decode() for value in values)


def tag(answer: Response) -> str:
    """Return an answer's tag, which it must have."""
    value = answer.first("etag")
    assert value is not None, answer.lines
    return value.decode()


def read(answer: Response) -> bytes:
    """Return the body of an answer out of its coding."""
    (coding,) = answer.all("content-encoding") or [b"identity"]
    return decoded(coding.decode(), answer.body)


def content(answer: Response) -> tuple[int, str | None, bytes]:
    """Return status and coding of an answer, and its body out of that."""
    (coding,) = told(answer, "content-encoding")
    return answer.status, coding, read(answer)


async def resumed(here: Place, first: Response, held: bytes, *lines: str) -> bytes:
    """Return a download from where it broke off, as a download manager would ask for it."""
    answer = await here.get(*lines, f"Range: bytes={len(held)}-", f"If-Range: {tag(first)}")
    if answer.status == 200:
        return answer.body
    assert answer.status == 206
    assert tag(answer) == tag(first)
    assert told(answer, "content-range") == (
        f"bytes {len(held)}-{len(held) + len(answer.body) - 1}/{len(held) + len(answer.body)}",
    )
    return held + answer.body
