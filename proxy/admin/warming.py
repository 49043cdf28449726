"""Warming: URLs asked for through the corridor, as clients would, so that they are stored.

Nothing leaves for anywhere but the upstream. This module must not know who wants to be told.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import dataclass

from proxy.admin.control import Corridor
from proxy.admin.requests import request_of
from proxy.admin.sitemap import NotASitemap, Reader
from proxy.engine.answer import Account, Answer, cut
from proxy.engine.stats import outcome
from proxy.errors import RequestError, UpstreamError
from proxy.http.message import Request

_ERRORS = 400


@dataclass(frozen=True, slots=True)
class Warmed:
    """What became of one URL; `seconds` until its last byte."""

    url: str
    status: int
    outcome: str
    reason: str
    seconds: float

    @property
    def failed(self) -> bool:
        """Whether the URL gave no answer worth having."""
        return self.status >= _ERRORS or self.outcome == "error"


async def warmed(
    corridor: Corridor, urls: Iterable[str], *, host: str, concurrency: int
) -> AsyncGenerator[Warmed]:
    """Ask for each URL and yield what became of it, as they end; `host` is for paths alone.

    At most `concurrency` are under way at a time. When the caller stops, so do they.
    """
    waiting = iter(urls)
    running: set[asyncio.Task[Warmed]] = set()
    try:
        while True:
            while len(running) < concurrency and (url := next(waiting, None)) is not None:
                running.add(asyncio.create_task(_warm(corridor, url, host)))
            if not running:
                return
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                yield task.result()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def listed(corridor: Corridor, sitemap: Request) -> tuple[str, ...]:
    """Return the URLs in a sitemap of the upstream's; raises `NotASitemap`."""
    answer = await corridor.answer(corridor.visit(sitemap))
    reader = Reader()
    try:
        if answer.status >= _ERRORS:
            raise NotASitemap(f"the upstream answered {answer.status}")
        async for chunk in _body(answer):
            reader.feed(chunk)
    except UpstreamError as error:
        raise NotASitemap(str(error)) from error
    finally:
        if answer.stream is not None:
            await answer.stream.aclose()
    return reader.close()


async def _warm(corridor: Corridor, url: str, host: str) -> Warmed:
    loop = asyncio.get_running_loop()
    started = loop.time()
    try:
        visit = corridor.visit(request_of(url, host=host))
    except RequestError as error:
        return Warmed(url, error.status, "error", str(error), 0.0)
    answer = await corridor.answer(visit)
    account = await _drained(answer)
    reason = account.failed or account.storing or account.reason
    return Warmed(url, answer.status, outcome(account), reason.token, loop.time() - started)


async def _drained(answer: Answer) -> Account:
    """Read an answer to its end and return its account, however that came."""
    try:
        async for _ in _body(answer):
            pass
    except UpstreamError as error:
        return cut(answer.account, error)
    finally:
        if answer.stream is not None:
            await answer.stream.aclose()
    return answer.account


async def _body(answer: Answer) -> AsyncIterator[bytes]:
    if answer.stream is not None:
        async for chunk in answer.stream:
            yield chunk
    elif answer.body is not None:
        yield bytes(answer.body)
