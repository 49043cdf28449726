"""The response parser alone: any bytes, in any pieces, bring a verdict or a declared error."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.message import Head
from proxy.upstream.head import MAX_HEAD, Framing, Malformed
from proxy.upstream.parser import MAX_INTERIM, ResponseParser
from tests.plays.scripted import chunked, crumbs, ok, response

PARTS = st.sampled_from(
    [
        *(
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.0 200 OK\r\n",
            b"HTTP/1.1 304 X\r\n",
            b"HTTP/1.1 204\r\n",
        ),
        *(b"HTTP/1.1 100 C\r\n\r\n", b"HTTP/1.1 101 S\r\n", b"HTTP/2.0 200 OK\r\n", b"\r\n", b"\n"),
        *(b"Content-Length: 5\r\n", b"content-length: 0\r\n", b"Content-Length: 5,5\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip\r\n", b" folded\r\n"),
        *(b"Connection: close\r\n", b"Upgrade: x\r\n", b"X: \0\r\n", b"X:\xff\r\n", b": y\r\n"),
        *(
            b"5\r\nhello\r\n",
            b"0\r\n\r\n",
            b"0\r\nT: a\r\n\r\n",
            b"2;a\r\nhi\r\n",
            b"hello",
            b"zz\r\n",
        ),
        *(b"\0", b"HTTP/1.1 ", b"X", b"\r"),
    ]
)
STREAMS = st.lists(PARTS | st.binary(max_size=20), max_size=30).map(b"".join)
CUTS = st.lists(st.integers(0, 10_000), max_size=8)
METHODS = st.sampled_from(["GET", "HEAD", "POST"])


class Seen:
    """What a parser made of a stream of bytes, to its end."""

    def __init__(self, method: str, data: bytes, cuts: list[int], *, upgrade: bool) -> None:
        self.interims: list[Head] = []
        self.body = b""
        self.error: str | None = None
        self.parser = ResponseParser(method, upgrade=upgrade, informed=self.interims.append)
        edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
        try:
            for start, end in pairwise(edges):
                self.body += self.parser.feed(data[start:end])
            self.parser.end()
        except Malformed:
            self.error = "malformed"

    @property
    def verdict(self) -> tuple[object, ...]:
        parser = self.parser
        return (self.error, parser.head, parser.complete, parser.surplus, len(self.interims))


@given(method=METHODS, data=STREAMS, cuts=CUTS, upgrade=st.booleans())
def test_any_bytes_bring_a_verdict_or_a_declared_error(
    method: str, data: bytes, cuts: list[int], *, upgrade: bool
) -> None:
    seen = Seen(method, data, cuts, upgrade=upgrade)
    head = seen.parser.head
    assert len(seen.body) <= len(data)
    assert len(seen.interims) <= MAX_INTERIM
    if seen.error is None:
        assert head is not None
        assert seen.parser.complete
    if head is not None and head.framing is Framing.LENGTH:
        assert len(seen.body) <= head.length
    if head is not None and head.framing is Framing.NONE:
        assert not seen.body


@given(method=METHODS, data=STREAMS, cuts=CUTS, upgrade=st.booleans())
def test_how_bytes_are_cut_makes_no_difference(
    method: str, data: bytes, cuts: list[int], *, upgrade: bool
) -> None:
    whole = Seen(method, data, [], upgrade=upgrade)
    cut = Seen(method, data, cuts, upgrade=upgrade)
    bytewise = Seen(method, data, list(range(len(data))), upgrade=upgrade)
    assert whole.verdict == cut.verdict == bytewise.verdict
    if whole.error is None:
        assert whole.body == cut.body == bytewise.body


MESSAGES = st.one_of(
    st.binary(max_size=300).map(ok),
    st.lists(st.binary(min_size=1, max_size=50), max_size=6).map(
        lambda pieces: response("200 OK", "Transfer-Encoding: chunked", body=chunked(*pieces))
    ),
    st.sampled_from([response("204 No Content"), response("304 Not Modified", "ETag: x")]),
    st.just(response("200 OK", "Transfer-Encoding: chunked", body=b"0\r\nA: b\r\nC:d\r\n\r\n")),
)


@given(MESSAGES, st.binary(min_size=1, max_size=40) | st.sampled_from([b"\r", b"\n", b"\r\n"]))
def test_whatever_follows_a_message_is_surplus(message: bytes, more: bytes) -> None:
    alone, followed = Seen("GET", message, [], upgrade=False), ResponseParser("GET")
    assert followed.feed(message + more) == alone.body
    assert (alone.error, alone.parser.complete, alone.parser.surplus) == (None, True, False)
    assert (followed.complete, followed.surplus) == (True, True)
    later = ResponseParser("GET")
    for crumb in crumbs(message):
        later.feed(crumb)
    assert (later.complete, later.surplus) == (True, False)
    later.feed(more)
    assert later.surplus


@pytest.mark.parametrize("line", [b"X: " + b"a" * 200 + b"\r\n", b"X", b"HTTP/1.1 200 OK\r\n"])
@pytest.mark.parametrize("size", [1, 1000, 65_536])
def test_a_head_without_end_is_refused_within_its_limit(line: bytes, size: int) -> None:
    parser, sent = ResponseParser("GET"), 0
    endless = b"HTTP/1.1 200 OK\r\n" + line * (3 * MAX_HEAD // len(line))

    def feed_all() -> None:
        nonlocal sent
        for at in range(0, len(endless), size):
            parser.feed(endless[at : at + size])
            sent += size

    with pytest.raises(Malformed):
        feed_all()
    assert sent <= MAX_HEAD + size


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_change_of_protocol_hands_over_at_its_first_byte(method: str) -> None:
    parser = ResponseParser(method, upgrade=True)
    said = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"
    assert parser.feed(said + b"\r\n\r\nHTTP") == b"\r\n\r\nHTTP"
    assert parser.feed(b"/1.1") == b"/1.1"
    assert parser.head is not None
    assert parser.head.framing is Framing.TUNNEL
    assert (parser.complete, parser.surplus) == (False, False)
