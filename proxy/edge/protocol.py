"""The protocol: what uvicorn's HTTP/1.1 class would lose on the way to ASGI.

It keeps the target byte for byte (ASGI drops a bare `?`) and takes the request's fields as they
stand at the end of the head, so that chunked trailers cannot pose as fields (9110 §6.5.1). It
knows which request is being answered, so that this one hears of the connection's end, and nothing
is written into its answer. No head grows without end.
"""

from typing import Any, Final, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

TARGET: Final = "sidecache.target"
"""The scope key of the raw request target, bytes."""

MAX_HEAD: Final = 65_536
"""Bytes of a request's head; of its trailers, as many again."""

_VERSIONS: Final = frozenset({"1.0", "1.1"})


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol on httptools, with the raw target in the scope."""

    _answering: RequestResponseCycle | None = None
    _unparsed = 0
    _fields = 0

    def data_received(self, data: bytes) -> None:
        """Parse what came; a head of which no end is in sight is refused."""
        self._unparsed += len(data)
        super().data_received(data)
        if self._unparsed > MAX_HEAD and not self.transport.is_closing():
            self.send_400_response("The request's head is too large.")

    def on_body(self, body: bytes) -> None:
        """Hand a piece of the body on: what came is not a head that never ends."""
        self._unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request; the next head counts from here."""
        self._unparsed = self._fields = 0
        super().on_message_complete()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field; what is raised here is answered with 400."""
        self._fields += len(name) + len(value)
        if self._fields > MAX_HEAD:
            raise ValueError("more fields than a head may have")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the finished head on; what is raised here is answered with 400."""
        if self.parser.get_http_version() not in _VERSIONS:
            raise ValueError("neither HTTP/1.0 nor HTTP/1.1")
        self._unparsed = self._fields = 0
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
