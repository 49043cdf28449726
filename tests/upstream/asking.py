"""What tests of the upstream ask with: an outbound request, its body, the body that comes back."""

from collections.abc import AsyncIterator, Callable

import pytest

from proxy.engine.ports import Inbound, Outbound, Upstream
from proxy.http.message import Fields, Head, Line, Request
from proxy.policy.terms import Timeouts
from tests.plays.scripted import response

SHORT = Timeouts(connect=0.1, first_byte=0.1, between_bytes=0.1)
NOT_MODIFIED = response("304 Not Modified", 'ETag: "one"')

Make = Callable[..., Upstream]
"""Makes an engine before a URL; `most` and `idle` are the connections open and kept."""


def outbound(
    *lines: Line,
    method: str = "GET",
    target: bytes = b"/",
    body: AsyncIterator[bytes] | None = None,
    times: Timeouts = Timeouts(),  # noqa: B008 - frozen
    repeatable: bool = False,
    informed: Callable[[Head], None] | None = None,
) -> Outbound:
    fields = Fields([(b"Host", b"api.test"), *lines])
    request = Request(method, "http", b"api.test", target, fields)
    return Outbound(request, body, times, repeatable, informed)


async def read(inbound: Inbound) -> bytes:
    return b"".join([chunk async for chunk in inbound.chunks()])


async def pieces(*chunks: bytes | Exception) -> AsyncIterator[bytes]:
    for chunk in chunks:
        if isinstance(chunk, Exception):
            raise chunk
        yield chunk


def stock_fails(reason: str) -> pytest.MarkDecorator:
    """Mark what stock httpx does not do: it must go on failing, or the mark goes."""
    failing = pytest.param("httpx", marks=pytest.mark.xfail(strict=True, reason=reason))
    return pytest.mark.parametrize("engine", ["own", failing], indirect=True)


own_alone = pytest.mark.parametrize("engine", ["own"], indirect=True)
"""Marks what stock httpx has no words for."""
