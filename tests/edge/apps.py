"""Applications to be served by a connection without a socket."""

import asyncio

from proxy.edge.refusals import App
from proxy.edge.requests import Message, Receive, Scope, Send

SMALL: list[Message] = [
    {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]},
    {"type": "http.response.body", "body": b"hello"},
]
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


def saying(*messages: Message) -> App:
    """Return an application that says these messages."""

    async def app(_: Scope, __: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def start(*lines: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": list(lines)}


def part(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def hello(_: Scope, __: Receive, send: Send) -> None:
    """Answer at once, whatever is asked."""
    for message in SMALL:
        await send(message)


async def silent(_: Scope, receive: Receive, __: Send) -> None:
    """Never answer."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def echo(_: Scope, receive: Receive, send: Send) -> None:
    """Read the body to its end and send it back."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    await send(start((b"content-length", b"%d" % len(body))))
    await send(part(body))


class Held:
    """Answers once it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.scopes: list[Scope] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await self.go.wait()
        await hello(scope, receive, send)
