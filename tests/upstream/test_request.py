"""Requests as bytes: what is written, and what is refused before a byte of it leaves."""

from collections.abc import Iterable

import httpx
import pytest

from proxy.http.message import Fields, Line
from proxy.upstream.request import Outgoing
from tests.upstream.asking import pieces

HOST = (b"Host", b"a")


def outgoing(*lines: Line, method: str = "GET", target: bytes = b"/") -> Outgoing:
    return Outgoing(method, target, Fields((HOST, *lines)), pieces(b"body"))


def test_a_head_is_written_as_it_is() -> None:
    made = outgoing((b"X-a", b"\xe9 "), (b"x-A", b""), method="Get", target=b"//%7E?")
    assert made.head == b"Get //%7E? HTTP/1.1\r\nHost: a\r\nX-a: \xe9 \r\nx-A: \r\n\r\n"
    assert Outgoing("GET", b"*", Fields()).head == b"GET * HTTP/1.1\r\n\r\n"


@pytest.mark.parametrize(
    ("lines", "closing", "upgrade"),
    [
        ((), False, False),
        (((b"Connection", b"keep-alive"),), False, False),
        (((b"Connection", b"a, CLOSE"),), True, False),
        (((b"connection", b"close"), (b"Connection", b"Upgrade")), True, True),
    ],
)
def test_connection_options(lines: Iterable[Line], *, closing: bool, upgrade: bool) -> None:
    made = outgoing(*lines)
    assert (made.closing, made.upgrade) == (closing, upgrade)


@pytest.mark.parametrize(
    ("lines", "whole"),
    [
        ((), True),
        (((b"Content-Length", b"0"),), True),
        (((b"content-length", b"4"),), False),
        (((b"Transfer-Encoding", b"Chunked"),), False),
    ],
)
def test_what_has_a_body(lines: Iterable[Line], *, whole: bool) -> None:
    made = outgoing(*lines)
    assert (made.body is None) == whole


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "GÉT"])
def test_methods_that_are_none(method: str) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        outgoing(method=method)


@pytest.mark.parametrize("target", [b"", b"/ HTTP/1.1", b"/\r\nX: y", b"/\0", b"/\x7f"])
def test_targets_that_are_none(target: bytes) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        outgoing(target=target)


@pytest.mark.parametrize(
    "line",
    [
        *((name, b"1") for name in (b"", b"a b", b"a:", b"a\r\nb", b"\xe9")),
        *((b"a", value) for value in (b"\r", b"1\r\nb: 2", b"\n", b"\0", b"\x7f", b"\x1b")),
    ],
)
def test_lines_that_are_none(line: Line) -> None:
    for lines in ((line,), (line, HOST), (HOST, line)):
        with pytest.raises(httpx.LocalProtocolError):
            Outgoing("GET", b"/", Fields(lines))


@pytest.mark.parametrize(
    "lines",
    [
        ((b"Content-Length", b"4"), (b"Transfer-Encoding", b"chunked")),
        ((b"Content-Length", b"4"), (b"content-length", b"4")),
        ((b"Content-Length", b"+4"),),
        ((b"Content-Length", b"4, 4"),),
        ((b"Content-Length", b""),),
        ((b"Content-Length", b"1" * 20),),
        ((b"Transfer-Encoding", b"gzip"),),
        ((b"Transfer-Encoding", b"gzip, chunked"),),
        ((b"Transfer-Encoding", b"chunked"), (b"transfer-encoding", b"chunked")),
    ],
)
def test_framings_that_are_ambiguous(lines: Iterable[Line]) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        outgoing(*lines)


@pytest.mark.parametrize("line", [(b"Content-Length", b"4"), (b"Transfer-Encoding", b"chunked")])
def test_a_body_that_is_announced_has_to_be_there(line: Line) -> None:
    with pytest.raises(httpx.LocalProtocolError):
        Outgoing("POST", b"/", Fields((HOST, line)))
