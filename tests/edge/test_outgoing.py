"""Heads as they leave: one framing, tokens, no controls; or nothing at all."""

import pytest

from proxy.edge.outgoing import Framing, chunk, interim, outgoing, switching
from proxy.errors import Unsendable
from proxy.http.message import Line

CL5 = (b"content-length", b"5")
CHUNKED = (b"transfer-encoding", b"chunked")


def head(
    *lines: Line, status: int = 200, method: str = "GET", version: str = "1.1", keep: bool = True
) -> tuple[bytes, Framing, bool]:
    out = outgoing(status, lines, method=method, version=version, keep_alive=keep)
    assert out.head.endswith(b"\r\n\r\n")
    start, _, rest = out.head.removesuffix(b"\r\n\r\n").partition(b"\r\n")
    assert start.startswith(b"HTTP/1.1 %d " % status)
    return rest, out.framing, out.keep_alive


A = (b"a", b"1")

FRAMED = {
    "9112-6.3-length": (head(CL5), (b"content-length: 5", Framing.LENGTH, True)),
    "9112-6.3-length-in-its-place": (
        head(CL5, A),
        (b"content-length: 5\r\na: 1", Framing.LENGTH, True),
    ),
    "9112-6.1-no-length": (head(), (b"transfer-encoding: chunked", Framing.CHUNKED, True)),
    "9112-6.1-coding-of-another-hop": (
        head(CHUNKED),
        (b"transfer-encoding: chunked", Framing.CHUNKED, True),
    ),
    "9112-6.1-length-and-coding": (
        head(CHUNKED, CL5),
        (b"content-length: 5", Framing.LENGTH, True),
    ),
    "9110-8.6-equal-lengths": (head(CL5, CL5), (b"content-length: 5", Framing.LENGTH, True)),
    "9112-6.1-never-chunked-to-1.0": (
        head(version="1.0"),
        (b"connection: close", Framing.CLOSE, False),
    ),
    "9112-9.6-told-to-close": (
        head(CL5, (b"connection", b"close")),
        (b"content-length: 5\r\nconnection: close", Framing.LENGTH, False),
    ),
    "9112-9.6-the-last-one": (
        head(CL5, keep=False),
        (b"content-length: 5\r\nconnection: close", Framing.LENGTH, False),
    ),
    "9110-7.6.1-of-another-hop": (
        head(CL5, (b"connection", b"x, keep-alive"), (b"keep-alive", b"1"), (b"upgrade", b"h2c")),
        (b"content-length: 5", Framing.LENGTH, True),
    ),
    "9110-8.6-204-has-no-length": (head(CL5, status=204), (b"", Framing.NONE, True)),
    "9110-8.6-304-has-none-either": (head(CL5, status=304), (b"", Framing.NONE, True)),
    "9110-15.3.6-205-is-empty": (
        head(CL5, status=205),
        (b"content-length: 0", Framing.LENGTH, True),
    ),
    "9110-9.3.2-head-keeps-its-length": (
        head(CL5, method="HEAD"),
        (b"content-length: 5", Framing.NONE, True),
    ),
    "9110-9.3.2-head-without-length": (head(A, method="HEAD"), (b"a: 1", Framing.NONE, True)),
    "9110-15-status-of-its-own": (
        head(CL5, status=299),
        (b"content-length: 5", Framing.LENGTH, True),
    ),
    "9110-5.5-beyond-ascii": (
        head(CL5, (b"a", b"\xff\t\x80")),
        (b"content-length: 5\r\na: \xff\t\x80", Framing.LENGTH, True),
    ),
}


@pytest.mark.parametrize(("made", "expected"), FRAMED.values(), ids=FRAMED)
def test_framing(made: tuple[bytes, Framing, bool], expected: tuple[bytes, Framing, bool]) -> None:
    assert made == expected


UNSENDABLE: dict[str, tuple[int, tuple[Line, ...]]] = {
    "9110-15-below": (99, ()),
    "9110-15-above": (600, ()),
    "9110-15.2-an-interim-one": (103, ()),
    "9110-15.2.2-101": (101, ()),
    "9110-5.1-empty-name": (200, ((b"", b"1"),)),
    "9110-5.1-space": (200, ((b"a b", b"1"),)),
    "S13-9110-5.1-a-colon": (200, ((b"content-length: 5", b"1"),)),
    "S13-9110-5.1-a-line-end": (200, ((b"a\r\nset-cookie", b"1"),)),
    "S13-9110-5.5-crlf": (200, ((b"a", b"1\r\nset-cookie: a=b"),)),
    "S13-9110-5.5-lf": (200, ((b"a", b"1\nb: c"),)),
    "S13-9110-5.5-cr": (200, ((b"a", b"1\rb: c"),)),
    "9110-5.5-nul": (200, ((b"a", b"\0"),)),
    "9110-5.5-delete": (200, ((b"a", b"\x7f"),)),
    "9110-8.6-two-lengths": (200, (CL5, (b"content-length", b"6"))),
    "9110-8.6-listed": (200, ((b"content-length", b"5, 5"),)),
    "9110-8.6-negative": (200, ((b"content-length", b"-5"),)),
    "9110-8.6-empty": (200, ((b"content-length", b""),)),
    "9110-8.6-endless": (200, ((b"content-length", b"1" * 19),)),
}


@pytest.mark.parametrize(("status", "lines"), UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_cannot_be_sent(status: int, lines: tuple[Line, ...]) -> None:
    with pytest.raises(Unsendable):
        head(*lines, status=status)


def test_an_interim_response_has_neither_length_nor_body() -> None:
    """9110 §15.2, §8.6."""
    told = interim(103, [(b"link", b"</a>"), CL5, CHUNKED, (b"connection", b"close")])
    assert told == b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"


@pytest.mark.parametrize("status", [100, 101, 200])
def test_what_is_no_interim_response_to_pass_on(status: int) -> None:
    with pytest.raises(Unsendable):
        interim(status, [])


def test_the_end_of_http() -> None:
    """9110 §15.2.2."""
    told = switching(b"websocket", [(b"sec-websocket-accept", b"x"), (b"upgrade", b"h2c"), CL5])
    assert told == (
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-accept: x\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("data", "last", "made"),
    [
        (b"hello", False, b"5\r\nhello\r\n"),
        (b"hello", True, b"5\r\nhello\r\n0\r\n\r\n"),
        (b"", True, b"0\r\n\r\n"),
        (b"", False, b""),
    ],
)
def test_chunks(data: bytes, made: bytes, *, last: bool) -> None:
    """9112 §7.1."""
    assert chunk(data, last=last) == made
