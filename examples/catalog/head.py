"""HEAD for every GET (RFC 9110, section 9.3.2): the same fields, no content.

Knows no resource; the route runs as for GET until it would send its first byte of content.
"""

from dataclasses import dataclass

import anyio
from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class HeadAsGet:
    """Middleware: answer HEAD with the head of the answer to GET."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one ASGI connection on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        # A stream of a gigabyte must not run to its end for nobody.
        with anyio.CancelScope() as rest:

            async def headless(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                else:
                    await send({"type": "http.response.body"})
                    rest.cancel()

            await self.app({**scope, "method": "GET"}, receive, headless)
