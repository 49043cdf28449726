"""What a proxy keeps, drops and rewrites (9110 §7.6)."""

import pytest

from proxy.errors import RequestError
from proxy.http import hops
from proxy.http.message import Fields, Line, Request

OWN_LINES = (
    (b"X-Forwarded-For", b"10.0.0.9"),
    (b"X-Forwarded-Host", b"shop.example"),
    (b"X-Forwarded-Proto", b"http"),
    (b"Via", b"1.1 us"),
)


def forwarded(*lines: Line, trusted: bool = False, method: str = "GET") -> tuple[Line, ...]:
    """Return the lines that go upstream, without the Host line that must lead them."""
    request = Request(
        method, "http", b"shop.example", b"/", Fields(lines), version="1.1", peer="10.0.0.9"
    )
    host, *rest = hops.forwarded_request(request, pseudonym=b"us", trusted=trusted)
    assert host == (b"Host", b"shop.example")
    return tuple(rest)


def test_connection_options() -> None:
    fields = Fields([(b"Connection", b"Close, ,X-a"), (b"connection", b"TE")])

    assert hops.connection_options(fields) == {b"close", b"x-a", b"te"}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param((b"Connection", b"close"), id="9110-7.6.1-connection"),
        pytest.param((b"Keep-Alive", b"timeout=5"), id="9110-7.6.1-keep-alive"),
        pytest.param((b"Proxy-Connection", b"keep-alive"), id="9110-7.6.1-proxy-connection"),
        pytest.param((b"TE", b"trailers"), id="9110-7.6.1-te"),
        pytest.param((b"Transfer-Encoding", b"chunked"), id="9110-7.6.1-transfer-encoding"),
        pytest.param((b"Upgrade", b"h2c"), id="9110-7.6.1-upgrade"),
        pytest.param((b"HTTP2-Settings", b"x"), id="9113-3.1-http2-settings"),
        pytest.param((b"X-Hop", b"1"), id="9110-7.6.1-nominated"),
    ],
)
def test_hop_by_hop_fields_end_here(line: Line) -> None:
    kept = (b"X-Kept", b"1")
    fields = Fields([(b"Connection", b"x-hop"), line, kept])

    assert hops.end_to_end(fields) == Fields([kept])


@pytest.mark.parametrize(
    "line",
    [
        pytest.param((b"Trailer", b"Digest"), id="9110-6.6.2-trailer"),
        pytest.param((b"Proxy-Authenticate", b"Basic"), id="proxy-authenticate"),
        pytest.param((b"Cache-Control", b"private"), id="9110-7.6.1-never-appropriate"),
        pytest.param((b"Set-Cookie", b"a=b"), id="9110-7.6.1-for-all-recipients"),
    ],
)
def test_end_to_end_fields_stay(line: Line) -> None:
    fields = Fields([(b"Connection", b"cache-control, set-cookie"), line])

    assert hops.end_to_end(fields) == Fields([line])


@pytest.mark.parametrize(
    ("lines", "value"),
    [
        pytest.param([], b"1.0 us", id="9110-7.6.3-first"),
        pytest.param([(b"Via", b"1.1 a")], b"1.1 a, 1.0 us", id="9110-7.6.3-appended"),
        pytest.param(
            [(b"Via", b"1.1 a"), (b"via", b"2 b")], b"1.1 a, 2 b, 1.0 us", id="9110-5.3-lines"
        ),
        pytest.param([(b"Via", b"")], b"1.0 us", id="empty"),
    ],
)
def test_via(lines: list[Line], value: bytes) -> None:
    assert hops.via(Fields(lines), "1.0", b"us") == value


def test_a_request_goes_on_with_host_first_and_our_own_lines_last() -> None:
    lines = ((b"Accept", b"*/*"), (b"HOST", b"other"), (b"host", b"third"), (b"X-A", b"1"))

    assert forwarded(*lines) == ((b"Accept", b"*/*"), (b"X-A", b"1"), *OWN_LINES)


@pytest.mark.parametrize("name", sorted(hops.UNTRUSTED | hops.HOP_BY_HOP | hops.PROXY_OWN))
def test_a_stranger_sets_none_of_these_nor_their_twins(name: bytes) -> None:
    lines = ((name.title(), b"evil"), (name.replace(b"-", b"_"), b"evil"))

    assert forwarded(*lines) == OWN_LINES


@pytest.mark.parametrize(
    "name",
    [
        *(b"Content_Length", b"Transfer_Encoding", b"Cache_Control", b"X-Forwarded_For"),
        *(b"Accept_Language", b"User_Agent", b"If_None_Match"),
    ],
)
def test_twins_are_dropped_even_from_a_trusted_peer(name: bytes) -> None:
    assert forwarded((name, b"evil"), trusted=True) == OWN_LINES


def test_other_underscores_stay() -> None:
    line = (b"api_key", b"1")

    assert forwarded(line) == (line, *OWN_LINES)


@pytest.mark.parametrize(
    "name",
    [
        *(b"X-Original-URL", b"X-Rewrite-URL", b"X-HTTP-Method-Override", b"X-HTTP-Method"),
        *(b"Forwarded", b"X-Host", b"X-Original-Host", b"X-Forwarded-Server"),
    ],
)
def test_overrides_are_dropped_even_from_a_trusted_peer(name: bytes) -> None:
    assert forwarded((name, b"evil"), trusted=True) == OWN_LINES


def test_a_trusted_peer_is_believed() -> None:
    lines = (
        (b"X-Real-IP", b"192.0.2.1"),
        (b"X-Forwarded-For", b"192.0.2.1"),
        (b"X-Forwarded-For", b""),
        (b"X-Forwarded-For", b"192.0.2.2"),
        (b"X-Forwarded-Host", b"www.example"),
        (b"X-Forwarded-Proto", b"https"),
    )

    assert forwarded(*lines, trusted=True) == (
        (b"X-Real-IP", b"192.0.2.1"),
        (b"X-Forwarded-For", b"192.0.2.1, 192.0.2.2, 10.0.0.9"),
        (b"X-Forwarded-Host", b"www.example"),
        (b"X-Forwarded-Proto", b"https"),
        (b"Via", b"1.1 us"),
    )


def test_a_peer_without_an_address_adds_none() -> None:
    request = Request("GET", "http", b"shop.example", b"/")

    fields = hops.forwarded_request(request, pseudonym=b"us", trusted=False)

    assert fields == Fields([(b"Host", b"shop.example"), *OWN_LINES[1:]])


@pytest.mark.parametrize(
    "option",
    [
        *("host", "content-length", "transfer-encoding", "authorization", "cookie"),
        *("cache-control", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "via"),
    ],
)
def test_connection_must_not_nominate(option: str) -> None:
    with pytest.raises(RequestError, match=option):
        forwarded((b"Connection", b"close, " + option.upper().encode()))


@pytest.mark.parametrize(
    ("method", "before", "after"),
    [
        pytest.param("OPTIONS", b"7", b"6", id="9110-7.6.2-options"),
        pytest.param("TRACE", b"1", b"0", id="9110-7.6.2-trace"),
        pytest.param("TRACE", b"0", b"0", id="9110-7.6.2-never-negative"),
        pytest.param("OPTIONS", b"x", b"x", id="malformed"),
        pytest.param("GET", b"7", b"7", id="9110-7.6.2-other-methods"),
    ],
)
def test_max_forwards(method: str, before: bytes, after: bytes) -> None:
    lines = forwarded((b"Max-Forwards", before), (b"X-A", b"7"), method=method)

    assert lines == ((b"Max-Forwards", after), (b"X-A", b"7"), *OWN_LINES)
