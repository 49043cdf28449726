"""The rim: what both engines share between the engine's port and httpx's vocabulary.

Foreign errors become ours here. This module must not know what a response means to the cache.
"""

from typing import Final

import httpx

from proxy.engine.ports import Outbound
from proxy.errors import (
    RequestError,
    SidecacheError,
    UpstreamBroken,
    UpstreamBusy,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy.http.message import Fields

ERRORS: Final[tuple[tuple[type[Exception], type[SidecacheError]], ...]] = (
    (httpx.PoolTimeout, UpstreamBusy),
    (httpx.TimeoutException, UpstreamTimeout),
    (httpx.ConnectError, UpstreamUnreachable),
    (httpx.LocalProtocolError, RequestError),
    (httpx.TransportError, UpstreamBroken),
)
"""Foreign error → ours, the first that fits."""

FOREIGN: Final = (httpx.HTTPError, httpx.StreamError)

_ANSWERED: Final = frozenset({b"expect"})


def ours(error: Exception) -> SidecacheError:
    """Return our error for one of httpx's."""
    kind = next((ours for foreign, ours in ERRORS if isinstance(error, foreign)), UpstreamBroken)
    text = str(error)
    if isinstance(error, httpx.ProtocolError):
        text = text.partition(": ")[0]  # behind it the parser quotes what came, secrets too
    return kind(text or type(error).__name__)


def fields_of(outbound: Outbound) -> Fields:
    """Return a request's fields with its framing, and without what is answered at the edge."""
    fields = outbound.request.fields.without(_ANSWERED)
    if outbound.body is not None and b"content-length" not in fields:
        return fields.plus((b"Transfer-Encoding", b"chunked"))
    return fields
