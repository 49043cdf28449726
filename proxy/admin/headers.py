"""Headers: what every answer of the admin listener tells browsers not to do with it.

This module must not know what is answered.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        *("script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"),
        *("base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"),
        *("require-trusted-types-for 'script'", "trusted-types 'none'"),
    )
)
"""Content-Security-Policy: nothing from anywhere else, nothing inline, no text that becomes code.
`form-action` keeps what is typed into a form out of URLs, should the script fail."""

_HEADERS: Final = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cache-control": b"no-store",
}


class Headers:
    """An ASGI application whose answers have these headers, unless they have them already."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Pass everything on; see the class."""

        async def completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _completed(message["headers"])
            await send(message)

        await self._app(scope, receive, completed)


def _completed(lines: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    own = {name.lower() for name, _ in lines}
    return [*lines, *(line for line in _HEADERS.items() if line[0] not in own)]
