"""The upstream on stock httpx: a few pooled transports, messages passed byte for byte.

Foreign errors are mapped to ours here and nowhere else. This module must not know what a
response means to the cache.
"""

import re
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from typing import Any, Final, cast

import h11
import httpx
from anyio.streams.tls import TLSStream

from proxy.engine.ports import Outbound
from proxy.errors import UpstreamBroken, UpstreamUnreachable
from proxy.http.message import Fields, Head
from proxy.upstream.rim import fields_of, ours

_BODYLESS: Final = frozenset({204, 304})
_FINAL: Final = range(200, 600)
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_AT_ONCE: Final = 0.01
"""Seconds: httpcore gives up before it has looked where it is given none."""
SHARDS: Final = 16
_KEEPALIVE: Final = 4.0
"""Seconds an idle connection is kept: less than the 5 s after which common servers close."""


class HttpxUpstream:
    """An `Upstream` on httpx's transports; a request takes the least busy one.

    `url` is scheme, host and port; a request's own target and fields go out as they are.
    """

    def __init__(
        self,
        url: str,
        *,
        max_connections: int = 256,
        max_keepalive: int = 64,
        http2: bool = False,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._url = httpx.URL(url)
        count = 1 if http2 else min(SHARDS, max_connections)
        limits = [
            httpx.Limits(
                max_connections=_share(max_connections, count, at),
                max_keepalive_connections=_share(max_keepalive, count, at),
                keepalive_expiry=_KEEPALIVE,
            )
            for at in range(count)
        ]
        self._shards = [_Shard(limit, tls or _trusted(), http2=http2) for limit in limits]

    async def send(self, outbound: Outbound) -> "HttpxInbound":
        """Send a request and return the response once its head is here.

        A repeatable one is sent again, once, when a connection that had been used before ended
        without a response: the upstream closed it while it was idle (9112 §9.5).
        """
        connection = _Connection()
        try:
            return await self._attempt(outbound, connection)
        except UpstreamBroken as error:
            if not (outbound.repeatable and connection.reused and _is_end(error.__cause__)):
                raise
            broken = error
        try:
            return await self._attempt(outbound, _Connection())
        except UpstreamUnreachable:
            raise broken from None  # what was sent before may have been done

    async def aclose(self) -> None:
        """Close every connection."""
        for shard in self._shards:
            await shard.transport.aclose()

    async def _attempt(self, outbound: Outbound, connection: "_Connection") -> "HttpxInbound":
        waits = outbound.timeouts
        timeout = {
            "connect": waits.connect,
            "pool": waits.connect if outbound.patient else _AT_ONCE,
            "read": waits.first_byte,
            "write": waits.between_bytes,
        }
        extensions = {"timeout": timeout, "trace": connection.trace}
        request = _request_of(outbound, self._url, extensions)
        shard = min(self._shards, key=attrgetter("busy"))
        with shard.while_sending():
            response = await shard.transport.handle_async_request(request)
        timeout["read"] = waits.between_bytes  # httpcore looks it up anew for the body
        bodyless = request.method == "HEAD" or response.status_code in _BODYLESS
        inbound = HttpxInbound(response, shard, bodyless=bodyless)
        flaw = _flaw(response)
        if flaw is not None:
            await inbound.aclose()
            raise UpstreamBroken(flaw)
        return inbound


class _Shard:
    """One of several small pools, and how many requests are under way in it.

    For every request httpcore looks at all connections of a pool, several times over.
    """

    def __init__(self, limits: httpx.Limits, tls: ssl.SSLContext, *, http2: bool) -> None:
        self.transport = httpx.AsyncHTTPTransport(
            verify=tls, limits=limits, retries=0, trust_env=False, http2=http2
        )
        self.busy = 0

    @contextmanager
    def while_sending(self) -> Iterator[None]:
        """Count a request as under way, until its inbound is closed or it fails."""
        self.busy += 1
        try:
            yield
        except BaseException as error:
            self.busy -= 1
            if isinstance(error, httpx.HTTPError | httpx.StreamError):
                raise ours(error) from error
            raise


class HttpxInbound:
    """An `Inbound` on an httpx response."""

    def __init__(self, response: httpx.Response, shard: _Shard, *, bodyless: bool) -> None:
        self._response = response
        self._shard: _Shard | None = shard
        self._bodyless = bodyless
        version = response.extensions["http_version"].decode("ascii")
        self.head = Head(
            response.status_code, Fields(response.headers.raw), version.removeprefix("HTTP/")
        )

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body without its transfer coding and with its content coding."""
        stream = cast(httpx.AsyncByteStream, self._response.stream)
        try:
            async for chunk in stream:
                yield chunk
        except httpx.HTTPError as error:
            raise ours(error) from error
        finally:
            await self._close()

    async def aclose(self) -> None:
        """Give the connection back; up, where a body was not read to its end."""
        if self._bodyless and not self._response.is_closed:
            await anext(self.chunks(), b"")  # only what was read, if empty, frees a connection
        await self._close()

    async def _close(self) -> None:
        if self._shard is not None:
            self._shard.busy -= 1
            self._shard = None
        if not self._response.extensions["http_version"].startswith(b"HTTP/2"):
            _refuse_surplus(self._response.stream)
        await self._response.aclose()


class _Upload(httpx.AsyncByteStream):
    """A request's body, or none."""

    def __init__(self, body: AsyncIterator[bytes] | None) -> None:
        self._body = body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._body is not None:
            async for chunk in self._body:
                yield chunk


def _request_of(outbound: Outbound, url: httpx.URL, extensions: dict[str, Any]) -> httpx.Request:
    """Return httpx's request for ours; target, fields and method go out as they are."""
    request = httpx.Request(
        outbound.request.method,
        url,
        headers=fields_of(outbound).lines,
        stream=_Upload(outbound.body),
        extensions={"target": outbound.request.target, **extensions},
    )
    request.method = outbound.request.method  # httpx writes it in capitals, 9110 §9.1 does not
    return request


@cache
def _trusted() -> ssl.SSLContext:
    """Return the context that TLS is spoken in; made once, as reading the certificates is slow."""
    return httpx.create_ssl_context(trust_env=False)


class _Connection:
    """What httpcore's trace tells of the connection a request went out on."""

    def __init__(self) -> None:
        self.reused = True

    async def trace(self, event: str, _: Mapping[str, Any]) -> None:
        if event.startswith("connection.connect_"):
            self.reused = False


def _share(total: int, count: int, at: int) -> int:
    """Return what one of `count` gets of a total that is dealt out one by one."""
    return total // count + (at < total % count)


def _flaw(response: httpx.Response) -> str | None:
    """Return why a response that the library lets pass is not one, or None."""
    if response.status_code not in _FINAL:
        return f"{response.status_code} is not a final status"
    names = {name.lower() for name, _ in response.headers.raw}
    if {b"content-length", b"transfer-encoding"} <= names:
        return "both a length and a transfer coding"  # 9112 §6.3: an attempt to smuggle
    if any(_CONTROL.search(value) for _, value in response.headers.raw):
        return "a control character in a field"  # 9110 §5.5
    return None


def _is_end(error: BaseException | None) -> bool:
    """Tell whether a connection ended, rather than brought what is no response."""
    if isinstance(error, httpx.RemoteProtocolError):  # it has no type of its own
        return str(error).startswith("Server disconnected")
    return isinstance(error, httpx.NetworkError)


def _refuse_surplus(stream: Any) -> None:  # noqa: ANN401 - private parts of three libraries
    """Make httpcore close a connection on which more came than the response.

    It would take the surplus for the answer to the connection's next request, and a cache would
    keep it under that request's key. What is looked at is private; if it changes this fails for
    every response rather than looking away.
    """
    connection = stream._httpcore_stream._stream._connection  # noqa: SLF001 - see above
    machine = connection._h11_state  # noqa: SLF001 - see above
    if machine.their_state is h11.DONE and (
        machine.trailing_data[0] or _unread(connection._network_stream._stream)  # noqa: SLF001 - see above
    ):
        machine.send_failed()


def _unread(stream: Any) -> bool:  # noqa: ANN401 - see above
    """Tell whether bytes wait between parser and socket, where httpcore does not look for them."""
    if isinstance(stream, TLSStream):
        if stream._read_bio.pending:  # noqa: SLF001 - records that nobody has decrypted
            return True
        stream = stream.transport_stream
    return bool(stream._protocol.read_queue)  # noqa: SLF001 - see above
