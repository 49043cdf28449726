"""Extensions: what our protocol lets an application do that ASGI has no words for.

    scope["extensions"]["sidecache.informational"]["write"](status, lines)
        writes an interim response (102, 103, …) at once, before the answer's head. `lines` are
        pairs of lower-case name and value. It never waits and never raises: what cannot be sent,
        comes after the head or is for an HTTP/1.0 client is dropped.

    scope["extensions"]["sidecache.tunnel"]["open"](protocol, lines)
        answers a request for another protocol with 101 and returns the way to the client, a
        `proxy.engine.ports.Tunnel`; HTTP has then ended on the connection. Raises `ClientGone`.

    scope["extensions"]["sidecache.departure"]["hear"](callback)
        calls back when the client leaves before its answer is complete, at once if it has; None
        takes that back.

A server without them serves as well; the interim responses are dropped there. This module must
not know how they are written.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

from proxy.edge.requests import Scope
from proxy.engine.ports import Tunnel
from proxy.http.hops import end_to_end
from proxy.http.message import Head, Line

INFORMATIONAL: Final = "sidecache.informational"
"""The extension for interim responses (9110 §15.2)."""

TUNNEL: Final = "sidecache.tunnel"
"""The extension for other protocols (9110 §7.8)."""


DEPARTURE: Final = "sidecache.departure"
"""The extension for clients that leave."""


class WriteInterim(Protocol):
    """Writes an interim response, or drops it."""

    def __call__(self, status: int, lines: Iterable[Line], /) -> None:
        """See `edge.protocol`."""


class Informer:
    """Passes interim responses on to one client until its answer begins."""

    def __init__(self, write: WriteInterim) -> None:
        self._write = write
        self.over = False

    def __call__(self, head: Head) -> None:
        """Pass an interim response on, without what is between two hops (9110 §7.6.1)."""
        if not self.over:
            fields = end_to_end(head.fields)
            self._write(head.status, [(name.lower(), value) for name, value in fields])


def informer(scope: Scope) -> Informer | None:
    """Return what passes interim responses on; None where the server cannot."""
    offered: Callable[..., Any] | None = offers(scope, INFORMATIONAL).get("write")
    return None if offered is None else Informer(offered)


OpenTunnel = Callable[[bytes, Iterable[Line]], Tunnel]
"""Answers with 101 and returns the way to the client."""


def tunnel_opener(scope: Scope) -> OpenTunnel | None:
    """Return what opens a tunnel to the client; None where the server cannot."""
    return offers(scope, TUNNEL).get("open")


def offers(scope: Scope, name: str) -> dict[str, Any]:
    """Return what a server offers under the name of an extension."""
    found: dict[str, Any] = (scope.get("extensions") or {}).get(name, {})
    return found
