"""Peers: how the workers of one proxy ask each other what their operators ask them.

Each answers at a socket in a folder that is its supervisor's alone, by its own admin application:
so a question is judged, and its caller let in or not, as if it had been put there at first. This
module must not know what is asked, nor what becomes of the answers.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Final

import httpx
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

METRICS: Final = "/metrics"

_PEER: Final = "sidecache-peer"
"""The field that says whose question it is; believed on these sockets alone."""
_KEPT: Final = ("content-type", "www-authenticate", "retry-after", "sidecache-worker")
_OK: Final = 200


class Silence(Enum):
    """Why a worker does not answer."""

    AWAY = "away"
    """There is none in its place at the moment."""
    STUCK = "stuck"
    """It takes too long."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request as an operator put it; `peer` is the address that it came from."""

    method: str
    target: str
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker answers, with those of its fields that matter to whoever asked."""

    status: int
    fields: Mapping[str, str]
    body: bytes

    @property
    def is_ok(self) -> bool:
        """Whether the question was answered as it was meant."""
        return self.status == _OK


def bound(folder: Path, number: int) -> socket.socket:
    """Return the listening socket of a worker, instead of a former one's; raise `OSError`."""
    path = _path(folder, number)
    path.unlink(missing_ok=True)
    with ExitStack() as undone:
        listener = undone.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(path))
        path.chmod(0o600)
        listener.listen()
        undone.pop_all()
    return listener


class Peers:
    """All workers of one proxy, the one that asks among them."""

    def __init__(self, folder: Path, size: int) -> None:
        self.size = size
        ways = (httpx.AsyncHTTPTransport(uds=str(_path(folder, number))) for number in range(size))
        self._clients = [httpx.AsyncClient(transport=way, timeout=None) for way in ways]  # noqa: S113 - each question has its own

    async def all(self, question: Question, patience: float) -> dict[int, Reply | Silence]:
        """Ask every worker, and wait `patience` seconds at most."""
        numbers = range(self.size)
        replies = await asyncio.gather(*(self.one(n, question, patience) for n in numbers))
        return dict(enumerate(replies))

    async def one(self, number: int, question: Question, patience: float) -> Reply | Silence:
        """Ask one worker, and wait `patience` seconds at most."""
        url = f"http://worker{question.target}"
        fields = {**question.fields, _PEER: question.peer, "connection": "close"}
        headers = httpx.Headers(fields, encoding="latin-1")  # any byte that came in one
        client = self._clients[number]
        try:
            async with asyncio.timeout(patience):
                response = await client.request(
                    question.method, url, headers=headers, content=question.body
                )
        except TimeoutError:
            return Silence.STUCK
        except httpx.TransportError:
            return Silence.AWAY
        kept = {name: response.headers[name] for name in _KEPT if name in response.headers}
        return Reply(response.status_code, kept, response.content)


class Door:
    """A worker's admin application as its peers reach it: they say whose question it is.

    Its metrics are told as `metrics` has them.
    """

    def __init__(self, app: ASGIApp, metrics: Callable[[], bytes]) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a question on as its caller's."""
        if scope["path"] == METRICS:
            await Response(self._metrics())(scope, receive, send)
            return
        peer = dict(scope["headers"]).get(_PEER.encode(), b"").decode("latin-1")
        await self._app({**scope, "client": (peer, 0)}, receive, send)


def _path(folder: Path, number: int) -> Path:
    return folder / str(number)
