"""The protocol: what uvicorn's HTTP/1.1 class would lose on the way to ASGI.

It keeps the target byte for byte (ASGI drops a bare `?`) and takes the request's fields as they
stand at the end of the head, so that chunked trailers cannot pose as fields (9110 §6.5.1). It
knows which request is being answered, so that this one hears of the connection's end, and nothing
is written into its answer.
"""

from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

TARGET: Final = "sidecache.target"
"""The scope key of the raw request target, bytes."""

_VERSIONS: Final = frozenset({"1.0", "1.1"})


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with the raw target in the scope."""

    _answering: RequestResponseCycle | None = None

    def on_headers_complete(self) -> None:
        """Hand the finished head on; what is raised here is answered with 400."""
        if self.parser.get_http_version() not in _VERSIONS:
            raise ValueError("neither HTTP/1.0 nor HTTP/1.1")
        head = tuple(self.headers)
        super().on_headers_complete()
        scope = cast(dict[str, Any], self.scope)
        scope["headers"] = head
        scope[TARGET] = self.url

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever is being answered; uvicorn tells only the request that came last."""
        super().connection_lost(exc)
        self._forsake()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, in order (9112 §9.3.2): never into another request's answer."""
        cycle = self._answering
        if cycle is None or cycle.response_complete or self._awaits_body(cycle):
            super().send_400_response(msg)
        self._forsake()
        self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # noqa: ANN401 - ASGI
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _awaits_body(self, cycle: RequestResponseCycle) -> bool:
        """Tell whether what cannot be read is the body of this request, still unanswered."""
        return cycle is self.cycle and cycle.more_body and not cycle.response_started

    def _forsake(self) -> None:
        cycle = self._answering
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
