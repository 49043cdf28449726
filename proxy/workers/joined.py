"""Joined: the admin application of a proxy that is several workers, over that of one of them.

Whichever worker an operator's connection reaches answers for all: what differs by worker is asked
of each and joined, all else is the same in every one. This module must not know what is
behind any answer.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from proxy.http import problem
from proxy.workers import joining
from proxy.workers.counts import left_behind
from proxy.workers.exposition import joined
from proxy.workers.peers import METRICS, Peers, Question, Reply, Silence

PROBING: Final = 1.0
"""Seconds that a worker may take to tell how it is."""

ASKING: Final = 30.0
"""Seconds that a worker may take for anything else: the settings may be large."""

PROFILING: Final = 90.0
"""Seconds that a worker may take for a profile, which is of a minute at most."""

_PASSED_ON: Final = ("host", "authorization", "content-type", "accept")
_OK: Final = 200
_QUARANTINE: Final = "/v1/quarantine"
_ENDED: Final = frozenset({204, 404})
"""Of a quarantine: that it is over, or was none."""
_DECIMAL: Final = re.compile(r"[0-9]{1,16}")
_CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

Handler = Callable[[Request], Awaitable[ASGIApp | None]]
Joining = Callable[[joining.Each], joining.Json]
Replies = Mapping[int, Reply | Silence]


class Joined:
    """Answers for all workers; `own` is the application of the one that it runs in."""

    def __init__(self, own: ASGIApp, peers: Peers, folder: Path) -> None:
        self._own = own
        self._peers = peers
        self._folder = folder
        self._handlers: Mapping[tuple[str, str], Handler] = {
            ("GET", "/livez"): self._alive,
            ("GET", "/readyz"): self._all_of("ready"),
            ("GET", "/startupz"): self._all_of("started"),
            ("GET", METRICS): self._metrics,
            ("GET", "/v1/stats"): self._joint(joining.stats),
            ("GET", "/v1/history"): self._joint(joining.history),
            ("GET", "/v1/advice"): self._joint(joining.advice),
            ("GET", _QUARANTINE): self._joint(joining.quarantined),
            ("GET", "/v1/explain"): self._joint(joining.explained),
            ("GET", "/v1/entries"): self._entries,
            ("POST", "/v1/config/reload"): self._joint(joining.reloaded, complete=True),
            ("POST", "/v1/purge"): self._counted,
            ("POST", "/v1/profile"): self._of_one,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        handler = self._handler(scope.get("method", ""), scope.get("path", ""))
        if handler is None:
            await self._own(scope, receive, send)
            return
        response = await handler(Request(scope, receive))
        await (response or self._own)(scope, receive, send)

    def _handler(self, method: str, path: str) -> Handler | None:
        if method == "DELETE" and path.startswith(f"{_QUARANTINE}/"):
            return self._ended
        return self._handlers.get((method, path))

    # What is said of all

    async def _alive(self, request: Request) -> Response:
        """Tell whether none is stuck; one that has died is replaced without anybody's help."""
        replies = await self._peers.all(_question(request), PROBING)
        return _status("alive", _stuck(replies))

    def _all_of(self, word: str) -> Handler:
        async def answer(request: Request) -> Response:
            replies = await self._peers.all(_question(request), PROBING)
            return _status(word, [n for n, reply in replies.items() if not _ok(reply)])

        return answer

    async def _metrics(self, request: Request) -> Response:
        """Join the metrics of all; of one that is silent, its counters as they were last told."""
        replies = await self._peers.all(_question(request), ASKING)
        texts = [
            reply.body if isinstance(reply, Reply) else left_behind(self._folder, number)
            for number, reply in replies.items()
        ]
        return Response(joined(texts), headers={"content-type": _CONTENT_TYPE})

    def _joint(self, join: Joining, *, complete: bool = False) -> Handler:
        """Return what joins the documents of all who answer; `complete` if none may be stuck."""

        async def answer(request: Request) -> Response | None:
            replies = await self._peers.all(_question(request), ASKING)
            return _joint(replies, join, complete=complete)

        return answer

    async def _ended(self, request: Request) -> Response | None:
        """End a quarantine wherever it is: with what one says who ended it, or else any."""
        replies = await self._peers.all(_question(request), ASKING)
        answers = [reply for reply in replies.values() if isinstance(reply, Reply)]
        answers.sort(key=lambda reply: reply.status)
        if not answers:
            return None
        stuck = _stuck(replies)
        return _incomplete(stuck) if stuck and answers[0].status in _ENDED else _passed(answers[0])

    # What is asked for in parts

    async def _entries(self, request: Request) -> ASGIApp | None:
        """List what the workers hold, one after the other."""
        asked = request.query_params
        cursor, limit = asked.get("cursor", "0"), asked.get("limit", "100")
        if not (_DECIMAL.fullmatch(cursor) and _DECIMAL.fullmatch(limit)):
            return None  # whoever answers says what is wrong with it
        if "key" in asked:
            return await self._joint(lambda each: joining.under_key(each, int(limit)))(request)
        at, number = divmod(int(cursor), self._peers.size)
        target = str(URL(_target(request)).include_query_params(cursor=at))
        reply = await self._peers.one(number, _question(request, target), ASKING)
        if isinstance(reply, Silence):
            return _json(joining.page({"entries": [], "cursor": None}, number, self._peers.size))
        if not reply.is_ok:
            return _passed(reply)
        return _json(joining.page(orjson.loads(reply.body), number, self._peers.size))

    async def _of_one(self, request: Request) -> Response | None:
        """Have the worker answer that is named; without a name, or one of nobody, the own one."""
        named = request.query_params.get("worker", "")
        if not _DECIMAL.fullmatch(named) or int(named) >= self._peers.size:
            return None
        reply = await self._peers.one(int(named), _question(request), PROFILING)
        if isinstance(reply, Reply):
            return _passed(reply)
        return _unavailable(f"Worker {int(named)} does not answer: it is {reply.value}.")

    async def _counted(self, request: Request) -> ASGIApp:
        """Count what a purge would void in all memories; a purge itself reaches all by the log.

        The own application is asked first: it reads a body of nobody whom it does not let in.
        """
        overheard = _Overheard(request.receive)
        await self._own(request.scope, overheard.receive, overheard.send)
        if overheard.status != _OK or not _is_dry(overheard.body):
            return overheard
        question = _question(request, body=bytes(overheard.body))
        return _joint(await self._peers.all(question, ASKING), joining.matching) or overheard


class _Overheard:
    """An answer that waits to be sent, and the body that it was given to."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._answer: list[Message] = []
        self.body = bytearray()

    @property
    def status(self) -> int:
        """The answer's status, 0 where there is no answer."""
        return int(self._answer[0]["status"]) if self._answer else 0

    async def receive(self) -> Message:
        """Receive what comes of the request."""
        message = await self._receive()
        self.body += message.get("body", b"")
        return message

    async def send(self, message: Message) -> None:
        """Keep what is sent."""
        self._answer.append(message)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        del scope, receive
        for message in self._answer:
            await send(message)


def _question(request: Request, target: str | None = None, body: bytes = b"") -> Question:
    target, sent = target or _target(request), request.headers
    fields = {name: sent[name].strip() for name in _PASSED_ON if name in sent}
    peer = request.client.host if request.client else ""
    return Question(request.method, target, fields, body, peer)


def _target(request: Request) -> str:
    """Return what was asked for as it was written; `request.url` is what Host makes of it."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def _is_dry(body: bytes | bytearray) -> bool:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return False
    return isinstance(document, dict) and document.get("dry_run") is True


def _joint(replies: Replies, join: Joining, *, complete: bool = False) -> Response | None:
    """Return what the workers say as one, or the first refusal; None where nobody answers."""
    answers = {n: reply for n, reply in replies.items() if isinstance(reply, Reply)}
    if not answers:
        return None
    refused = next((reply for reply in answers.values() if not reply.is_ok), None)
    if refused is not None:
        return _passed(refused)
    stuck = _stuck(replies)
    if complete and stuck:
        return _incomplete(stuck)
    return _json(join({number: orjson.loads(reply.body) for number, reply in answers.items()}))


def _stuck(replies: Replies) -> list[int]:
    return [number for number, reply in replies.items() if reply is Silence.STUCK]


def _incomplete(stuck: Sequence[int]) -> Response:
    """Say which workers may not have done it; those that are away begin without it."""
    return _unavailable(f"Workers that take too long: {list(stuck)}. The others have done it.")


def _unavailable(detail: str) -> Response:
    media_type, body = problem.render(503, "Unavailable", detail)
    return Response(body, 503, media_type=media_type.decode())


def _status(word: str, missing: Sequence[int]) -> Response:
    """Answer a probe; `missing` are the workers that are not what is asked."""
    if not missing:
        return _json({"status": word})
    return _json({"status": f"not {word}", "workers": list(missing)}, 503)


def _ok(reply: Reply | Silence) -> bool:
    return isinstance(reply, Reply) and reply.is_ok


def _json(document: joining.Json, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")


def _passed(reply: Reply) -> Response:
    return Response(reply.body, reply.status, reply.fields)
