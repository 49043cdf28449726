"""Requests as ASGI brings them: a scope becomes a `Request`, `receive` becomes a body.

What is ambiguous is refused here (9112 §3.2, §7.1, §11). This module must not know answers.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, Self

from proxy.edge.limits import NO_LIMITS_SET, Edge
from proxy.errors import ClientGone, Misdirected, RequestError
from proxy.http.message import Fields, Request
from proxy.http.target import deceptive, request_target

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

TARGET: Final = "sidecache.target"
"""The scope key of the raw request target, bytes."""


def request_of(scope: Scope, edge: Edge = NO_LIMITS_SET) -> Request:
    """Return the request of an ASGI scope; raises `RequestError` where it is ambiguous."""
    # "excluding any leading or trailing whitespace": 9112 §5.1; parsers leave what trails
    fields = Fields([(name, value.strip(b" \t")) for name, value in scope["headers"]])
    hosts = fields.all(b"host")
    if len(hosts) > 1:
        raise RequestError("more than one Host field")
    method: str = scope["method"]
    raw: bytes = scope.get(TARGET) or _rebuilt(scope)
    authority, target = request_target(method, raw, hosts[0] if hosts else None)
    if edge.strict_targets and deceptive(target):
        raise RequestError("the path has dot segments, or an encoded NUL, CR or LF")
    if edge.hosts and not edge.serves(authority):
        raise Misdirected("this host is not served here")
    has_body = _has_body(fields, scope["http_version"])
    if has_body and b"upgrade" in fields and TARGET not in scope:
        # uvicorn's own protocol loses such a body; ours does not
        raise RequestError("a request with a body cannot ask for another protocol")
    client = scope.get("client")
    return Request(
        method=method,
        scheme=scope.get("scheme", "http"),
        authority=authority,
        target=_below(scope.get("root_path", "").encode(), target),
        fields=fields,
        has_body=has_body,
        version=scope["http_version"],
        peer=client[0] if client else None,
    )


def refused(scope: Scope) -> Request:
    """Return what can be said of a request that `request_of` did not take, for the log."""
    client = scope.get("client")
    raw = scope.get(TARGET) or _rebuilt(scope)
    peer = client[0] if client else None
    return Request(scope["method"], scope.get("scheme", "http"), b"", raw, peer=peer)


def _below(root: bytes, target: bytes) -> bytes:
    """Return what follows the point at which the application is mounted."""
    rest = target[len(root) :]
    if not target.startswith(root) or rest[:1] not in {b"", b"?", b"/"}:
        return target
    return rest if rest.startswith(b"/") else b"/" + rest


def _rebuilt(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return path + b"?" + query if query else path


def _has_body(fields: Fields, version: str) -> bool:
    coding = fields.all(b"transfer-encoding")
    if coding:
        # "a server or client that receives an HTTP/1.0 message containing a Transfer-Encoding
        # header field MUST treat the message as if the framing is faulty" (9112 §6.1)
        if version == "1.0":
            raise RequestError("a transfer coding in HTTP/1.0")
        if [value.lower() for value in coding] != [b"chunked"]:
            raise RequestError("a transfer coding other than chunked")
        return True
    return bool((fields.first(b"content-length") or b"").strip(b"0"))


class RequestBody:
    """The body of one request, read once, as fast as it is taken."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.finished = asyncio.Event()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while not self.finished.is_set():
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone("the client left before its request was complete")
            if not message.get("more_body", False):
                self.finished.set()
            chunk: bytes = message.get("body", b"")
            if chunk:
                return chunk
        raise StopAsyncIteration


async def departure(receive: Receive, body: RequestBody | None) -> None:
    """Return when the client has left, once its request is complete."""
    if body is not None:
        await body.finished.wait()
    while (await receive())["type"] != "http.disconnect":
        pass
