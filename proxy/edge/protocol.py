"""The protocol: what uvicorn's HTTP/1.1 class would lose on the way to ASGI.

It keeps the target byte for byte (ASGI drops a bare `?`) and takes the request's fields as they
stand at the end of the head, so that chunked trailers cannot pose as fields (9110 §6.5.1).
"""

from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

TARGET: Final = "sidecache.target"
"""The scope key of the raw request target, bytes."""

_VERSIONS: Final = frozenset({"1.0", "1.1"})


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with the raw target in the scope."""

    def on_headers_complete(self) -> None:
        """Hand the finished head on; what is raised here is answered with 400."""
        if self.parser.get_http_version() not in _VERSIONS:
            raise ValueError("neither HTTP/1.0 nor HTTP/1.1")
        head = tuple(self.headers)
        super().on_headers_complete()
        scope = cast(dict[str, Any], self.scope)
        scope["headers"] = head
        scope[TARGET] = self.url
