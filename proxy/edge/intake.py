"""Intake: the reading half of a connection: what the parser tells, counted and judged.

It keeps the target byte for byte (ASGI drops a bare `?`) and takes a request's fields as they
stand at the end of the head, so that chunked trailers cannot pose as fields (9110 §6.5.1). What is
too large or ambiguous is raised here. This module must not know how anything is answered.
"""

from abc import ABC, abstractmethod
from typing import Any, Final
from urllib.parse import unquote

import httptools
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.edge.limits import NO_LIMITS_SET, Edge
from proxy.edge.methods import unknown_method
from proxy.edge.requests import TARGET
from proxy.errors import (
    BodyTooLarge,
    ExpectationUnmet,
    HeadTooLarge,
    MethodUnknown,
    RequestError,
    TargetTooLong,
)
from proxy.http.target import split_absolute

_VERSIONS: Final = frozenset({"1.0", "1.1"})
_LINE_OVERHEAD: Final = 4
"""Bytes of a field line beside name and value."""
_CHUNK_OVERHEAD: Final = 16
"""Bytes of framing that a byte of chunked body may cost: a chunk of one byte costs five."""


class Behind(Exception):
    """Bytes behind the last request of a connection (9112 §9.6): nobody reads them."""


class Intake(HttpToolsProtocol, ABC):
    """uvicorn's protocol as far as it reads: limits and the form of requests."""

    limits: Edge = NO_LIMITS_SET
    scope: Any
    url = b""
    in_head = True
    """Whether what comes next is a head, or the first byte of one."""
    last = False
    """Whether the request that came last was the last one of the connection."""
    upgrading = False
    """Whether the request that came last asks for another protocol."""

    extensions: dict[str, dict[str, Any]] = {}  # noqa: RUF012 - replaced, never changed
    """What the scope offers beyond ASGI; see `edge.extensions`."""

    begun = 0
    """How many heads have begun."""
    done = False
    """Whether the request that came last has been answered by its head alone."""
    unparsed = 0
    """Bytes since the parser last told of anything; not 0 while a head has begun."""
    received = 0
    """Bytes of the current body as it came, framing and all."""
    _size = 0
    _count = 0
    _data = 0
    _codings: tuple[bytes, ...] = ()
    _expectations: tuple[bytes, ...] = ()
    _length: bytes | None = None

    def parse(self, data: bytes) -> bytes | None:
        """Parse a piece; return what follows a request for another protocol, else None.

        Raises `RequestError` where it cannot be taken, `Behind` where nothing more is read.
        """
        self.unparsed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            return data[upgrade.args[0] :]
        except httptools.HttpParserInvalidMethodError as error:
            if unknown_method(data):  # 9110 §9.1
                raise MethodUnknown("the request's method is not known here") from error
            raise RequestError("what came is not HTTP") from error
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, RequestError | Behind):
                raise error.__context__ from None
            if isinstance(error, httptools.HttpParserCallbackError):
                raise  # a fault of ours, and not of what came
            raise RequestError(f"what came is not HTTP/1.1: {error}") from error
        if self.unparsed or not self.in_head:
            self._bound(len(data))
        return None

    def _bound(self, size: int) -> None:
        """Refuse what goes on and on and never gets anywhere."""
        if self.unparsed > self.limits.max_head:
            raise HeadTooLarge("the head, a chunk's extension or a trailer never ends")
        if not self.in_head:
            self.received += size
            if self.received > self.limits.max_head + (1 + _CHUNK_OVERHEAD) * self._data:
                raise RequestError("the chunks have more framing than content")

    def on_message_begin(self) -> None:
        """Begin a request."""
        if self.last:
            raise Behind
        self.begun += 1
        self.url, self.headers, self.scope = b"", [], None
        self.unparsed = self.unparsed or 1
        self._codings = self._expectations = ()
        self._length = None

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        self.url += url
        if len(self.url) > self.limits.max_target:
            raise TargetTooLong(f"the target is longer than {self.limits.max_target} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a field of the head; one of the trailers is counted and dropped."""
        self._count += 1
        self._size += len(name) + len(value) + _LINE_OVERHEAD
        if self._count > self.limits.max_fields or self._size > self.limits.max_head:
            raise HeadTooLarge("more fields, or bytes in them, than a head may have")
        if self.in_head:
            name = name.lower()
            self.headers.append((name, value))
            if name in _NOTED:
                self._note(name, value)

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self._length = value
        elif name == b"transfer-encoding":
            self._codings += (value,)
        else:
            self._expectations += (value,)

    def on_headers_complete(self) -> None:
        """Take the finished head: answer it at once, or hand it on as a cycle."""
        method: bytes = self.parser.get_method()
        version: str = self.parser.get_http_version()
        if version == "1.1" and self.recalled(method):
            self.done = True
            return
        if version not in _VERSIONS:
            raise RequestError("neither HTTP/1.0 nor HTTP/1.1")
        scope = self.scope = self._scope(method, version)
        if method == b"CONNECT":
            raise RequestError("CONNECT is not served: this is not a forward proxy")
        if self._codings:
            self._check_codings(version)
        if int(self._length or 0) > self.limits.max_body:
            raise BodyTooLarge(f"the body is larger than {self.limits.max_body} bytes")
        expecting = bool(self._expectations) and self._expected(version)
        self._locate(scope)
        self.upgrading = self.parser.should_upgrade()
        keep_alive = version != "1.0" and self.parser.should_keep_alive() and not self.upgrading
        self.in_head = False
        self._size = self._count = self._data = self.unparsed = self.received = 0
        self.begin(scope, expecting=expecting, keep_alive=keep_alive)

    @abstractmethod
    def recalled(self, method: bytes) -> bool:
        """Answer a request by its head alone, before anything is made of it, if that can be."""

    def _scope(self, method: bytes, version: str) -> dict[str, Any]:
        return {
            "type": "http",
            "asgi": {"version": self.asgi_version, "spec_version": "2.3"},
            "http_version": version,
            "method": method.decode("ascii"),
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "root_path": self.root_path,
            "headers": tuple(self.headers),
            "state": self.app_state.copy(),
        }

    @abstractmethod
    def begin(self, scope: dict[str, Any], *, expecting: bool, keep_alive: bool) -> None:
        """Answer a request when its turn comes."""

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self.unparsed = 0
        self._data += len(body)
        if self._data > self.limits.max_body:
            raise BodyTooLarge(f"the body is larger than {self.limits.max_body} bytes")
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """End a request; the next head counts from here."""
        if self.upgrading and self.framed:
            return  # the parser stops at the head of one that asks for an upgrade: the body comes
        self.in_head = True
        self._size = self._count = self.unparsed = 0
        self.url, self.scope = b"", None
        if self.done:
            self.done = False
            return
        self.last = not self.cycle.keep_alive
        self.cycle.more_body = False
        self.cycle.message_event.set()

    @property
    def framed(self) -> bool:
        """Whether the head of the request that came last announces a body (9112 §6.3)."""
        return bool(self._codings) or bool((self._length or b"").strip(b"0"))

    def scope_of_rest(self) -> dict[str, Any]:
        """Return what can be said of a request that was not read to the end of its head."""
        url = self.url
        return {
            "type": "http",
            "http_version": "1.1",
            "method": self.parser.get_method().decode("ascii") if url else "-",
            "path": "",
            "headers": (),
            "client": self.client,
            "server": self.server,
            "scheme": self.scheme,
            **(self.scope or {}),
            TARGET: url,
        }

    def go_on_with_body(self) -> None:
        """Read the body of a request whose upgrade is not heeded (9110 §7.8).

        The parser takes such a request to end with its head; another one, which is told of no
        more than how the body is framed, reads on.
        """
        self.upgrading = False
        self.parser = httptools.HttpRequestParser(_Body(self))
        lines = [line for line in self.headers if line[0] in _FRAMING]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        self.parser.feed_data(b"POST / HTTP/1.1\r\n%s\r\n" % head)

    def _check_codings(self, version: str) -> None:
        """Let pass `chunked` alone; what is refused here the parser may refuse only later."""
        # "a server or client that receives an HTTP/1.0 message containing a Transfer-Encoding
        # header field MUST treat the message as if the framing is faulty" (9112 §6.1)
        if version == "1.0":
            raise RequestError("a transfer coding in HTTP/1.0")
        if [value.strip().lower() for value in self._codings] != [b"chunked"]:
            raise RequestError("a transfer coding other than chunked")

    def _expected(self, version: str) -> bool:
        """Tell whether the client waits to be asked for its body (9110 §10.1.1)."""
        if version == "1.0":  # "MUST ignore that expectation"
            return False
        if [value.strip().lower() for value in self._expectations] != [b"100-continue"]:
            raise ExpectationUnmet("nothing but 100-continue can be expected here")
        return self.framed

    def _locate(self, scope: dict[str, Any]) -> None:
        """Say in ASGI's words what is asked for; the raw target stands beside them."""
        scope[TARGET] = target = self.url
        if not target.startswith(b"/"):
            target = (split_absolute(target) or ("", b"", target))[2]
        path, _, query = target.partition(b"?")
        root = self.root_path
        scope["path"] = root + unquote(path.decode("latin-1"))
        scope["raw_path"] = root.encode("ascii") + path
        scope["query_string"] = query


_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_NOTED: Final = _FRAMING | {b"expect"}


class _Body:
    """What a parser that reads on in the middle of a request has to tell."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._begun = False
        self.on_body = intake.on_body
        self.on_message_complete = intake.on_message_complete

    def on_headers_complete(self) -> None:
        """Note that what comes now is the body, and behind it trailers."""
        self._begun = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a trailer."""
        if self._begun:
            self._intake.on_header(name, value)

    def on_message_begin(self) -> None:
        """Refuse to begin another request."""
        if self._begun:
            raise Behind
