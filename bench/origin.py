"""The origin: an upstream that costs next to nothing, a process of its own.

The first segment of the path decides the answer. It must not know who asks, and it reads no
more of a request than it needs: GET without a body is all that it understands.
"""

import asyncio
import json
import socket
import sys
from collections.abc import Mapping
from email.utils import formatdate
from time import monotonic
from typing import Final, cast

from bench.bodies import SIZES, body

BODY: Final = b"x" * 1024
LARGE: Final = bytes(8 * 1024 * 1024)
"""More than all that is between the origin and a client can hold."""
_ROOM: Final = 65_536
"""Bytes of it that the origin's side of that may hold, since they cost whoever else runs there."""
SMALL: Final = body(1024)[:1024]
"""A KiB of JSON, but for its end."""
BIG: Final = 5_000_000
"""About how many bytes the largest answer has."""
PAUSE: Final = 0.01
"""Seconds between the halves of an answer in two."""

_OCTETS: Final = b"Content-Type: application/octet-stream\r\n"
_TEXT: Final = b"Content-Type: application/json\r\n"
_JSON: Final = _TEXT + b"Cache-Control: private\r\n"
_KEPT: Final = b"Cache-Control: max-age=3600\r\n"

_HALVES: Final = b"halves"
_KINDS: Final[Mapping[bytes, tuple[bytes, bytes]]] = {
    b"hit": (_OCTETS + _KEPT + b'ETag: "hit"\r\n', BODY),
    b"text": (_TEXT + _KEPT, SMALL),
    b"100k": (_OCTETS + _KEPT, b"x" * 100_000),
    b"miss": (_OCTETS + _KEPT, BODY),
    b"2k": (_OCTETS + _KEPT, BODY * 2),
    b"pass": (_OCTETS + b"Cache-Control: private\r\n", BODY),
    _HALVES: (_OCTETS + _KEPT, BODY * 2),
    b"no-store": (_OCTETS + b"Cache-Control: no-store\r\n", BODY),
    b"tagged": (_OCTETS + _KEPT + b"Surrogate-Key: bench\r\n", b"x"),
    **{b"json-%d" % size: (_JSON, body(size)) for size in SIZES.values()},
}
"""Fields and body by kind; of the tagged kind there will be many, none of the last is kept."""
_SINK: Final = b"sink"
"""A kind that is never answered, however long the request's body may be."""
_END: Final = b"\r\n\r\n"
_MAX_HEAD: Final = 65_536


def kind_of(head: bytes) -> bytes:
    """Return the first segment of the path: what kind of answer is wanted."""
    return head.partition(b" /")[2].partition(b"/")[0]


def target_of(head: bytes) -> bytes:
    """Return the target of a request."""
    return head.split(b" ", 2)[1]


def rendered(status: bytes, fields: bytes, content: bytes) -> bytes:
    """Return a whole response with a Date of now."""
    return heading(status, fields, len(content)) + content


def heading(status: bytes, fields: bytes, length: int) -> bytes:
    """Return the head of a response with a Date of now."""
    date = formatdate(usegmt=True).encode()
    head = b"HTTP/1.1 %b\r\nDate: %b\r\nContent-Length: %d\r\n" % (status, date, length)
    return head + fields + b"\r\n"


class Answers:
    """What is answered, and how often it was: `/requests/` tells the number so far.

    `/gone/` tells of each large answer that was given up when that was, on the system's clock.
    """

    def __init__(self) -> None:
        self.gone: dict[str, float] = {}
        self._count = 0
        self.renew()

    def renew(self) -> None:
        """Render the answers anew, once a second, for the Date in them."""
        self._ready = {kind: rendered(b"200 OK", *own) for kind, own in _KINDS.items()}

    def to(self, head: bytes) -> bytes:
        """Return the response to a request, without its body where that is the large one."""
        kind = kind_of(head)
        answer = self._ready.get(kind)
        if answer is None and kind == b"big":  # made when it is wanted: that takes a second
            answer = rendered(b"200 OK", _TEXT + _KEPT, body(BIG))
        if answer is not None:
            self._count += 1
            return answer
        if kind == _SINK:
            return b""
        if kind == b"large":
            return heading(b"200 OK", b"Cache-Control: private\r\n", len(LARGE))
        if kind == b"gone":
            told = json.dumps(self.gone).encode()
            return rendered(b"200 OK", b"Cache-Control: no-store\r\n", told)
        if kind == b"requests":
            return rendered(b"200 OK", b"Cache-Control: no-store\r\n", b"%d" % self._count)
        return rendered(b"404 Not Found", b"Cache-Control: no-store\r\n", b"")


class Origin(asyncio.Protocol):
    """One connection; requests may come in pieces or several at once."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._pending = b""
        self._large = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is not a subclass

    def data_received(self, data: bytes) -> None:
        """Answer every request whose head is complete."""
        *heads, self._pending = (self._pending + data).split(_END)
        for head in heads:
            self._answer(head)
        if len(self._pending) > _MAX_HEAD:
            self._transport.abort()

    def _answer(self, head: bytes) -> None:
        answer, kind = self._answers.to(head), kind_of(head)
        if kind == _HALVES:
            half = len(answer) - len(BODY)
            asyncio.get_running_loop().call_later(PAUSE, self._transport.write, answer[half:])
            answer = answer[:half]
        self._transport.write(answer)
        if kind == b"large":
            self._large = target_of(head)
            own = self._transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _ROOM)
            self._transport.write(LARGE)

    def connection_lost(self, _: Exception | None) -> None:
        """Note when a large answer ended: nobody reads one to its end."""
        if self._large:
            self._answers.gone[self._large.decode()] = monotonic()


async def serve(port: int) -> None:
    """Answer on the loopback until the process is ended."""
    answers = Answers()
    loop = asyncio.get_running_loop()
    await loop.create_server(lambda: Origin(answers), "127.0.0.1", port, backlog=1024)
    while True:
        await asyncio.sleep(1)
        answers.renew()


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve(int(sys.argv[1])))
