"""Targets, authorities and references (9112 §3.2, 9110 §7.2, 3986 §5.2)."""

import pytest

from proxy.errors import RequestError
from proxy.http.target import (
    deceptive,
    normal_authority,
    normal_target,
    request_target,
    resolve,
    segments,
    split_absolute,
    undelimited,
)

BASE = ("http", b"a", b"/b/c/d;p?q")


@pytest.mark.parametrize(
    ("target", "parts"),
    [
        pytest.param(b"http://a/b?c", ("http", b"a", b"/b?c"), id="9112-3.2.2-absolute-form"),
        pytest.param(b"HTTPS://A", ("https", b"A", b"/"), id="9110-4.2.3-empty-path"),
        pytest.param(b"http://a?b", ("http", b"a", b"/?b"), id="query-alone"),
        pytest.param(b"/http://a/", None, id="9112-3.2.1-origin-form"),
        pytest.param(b"a:80", None, id="9112-3.2.3-authority-form"),
        pytest.param(b"*", None, id="9112-3.2.4-asterisk-form"),
        pytest.param(b"", None, id="empty"),
    ],
)
def test_split_absolute(target: bytes, parts: tuple[str, bytes, bytes] | None) -> None:
    assert split_absolute(target) == parts


@pytest.mark.parametrize(
    ("method", "target", "host", "expected"),
    [
        pytest.param("GET", b"/a?b", b"h", b"/a?b", id="9112-3.2.1-origin-form"),
        pytest.param("GET", b"/?", b"h", b"/?", id="bare-question-mark"),
        pytest.param("GET", b"//h/a", b"h", b"//h/a", id="two-slashes"),
        pytest.param("GET", b"http://H:80/a", b"h:80", b"/a", id="9112-3.2.2-absolute-form"),
        pytest.param("GET", b"http://h", b"h", b"/", id="9112-3.2.2-empty-path"),
        pytest.param("OPTIONS", b"*", b"h", b"*", id="9112-3.2.4-asterisk-form"),
        pytest.param("OPTIONS", b"http://h", b"h", b"*", id="9112-3.2.4-whole-server"),
        pytest.param("OPTIONS", b"http://h/", b"h", b"/", id="9112-3.2.4-not-whole-server"),
        pytest.param("OPTIONS", b"http://h?//h", b"h", b"/?//h", id="9112-3.2.4-query"),
        pytest.param("GET", b"/", b"[::1]:8080", b"/", id="9110-7.2-ipv6"),
        pytest.param("GET", b"/", b"127.0.0.1:0", b"/", id="9110-7.2-ipv4"),
        pytest.param("GET", b"/", b"h.:", b"/", id="trailing-dot-empty-port"),
        pytest.param("GET", b"/", b"my_service-1.ns", b"/", id="underscore"),
    ],
)
def test_request_target(method: str, target: bytes, host: bytes, expected: bytes) -> None:
    assert request_target(method, target, host) == (host, expected)


@pytest.mark.parametrize(
    "host",
    [
        pytest.param(None, id="9112-3.2-missing"),
        pytest.param(b"", id="9110-7.2-empty"),
        pytest.param(b" h", id="white-space"),
        pytest.param(b"h h", id="white-space-inside"),
        pytest.param(b"u@h", id="9110-4.2.4-userinfo"),
        pytest.param(b"h,i", id="comma"),
        pytest.param(b"h/p", id="path"),
        pytest.param(b"h%2fp", id="percent"),
        pytest.param(b"h:http", id="port-of-letters"),
        pytest.param(b"h:65536", id="port-too-large"),
        pytest.param(b"h:000080", id="port-too-long"),
        pytest.param(b"h:1:2", id="two-ports"),
        pytest.param(b":80", id="port-alone"),
        pytest.param(b".h", id="leading-dot"),
        pytest.param(b"h..", id="two-dots"),
        pytest.param(b"h" * 256, id="too-long"),
        pytest.param(b"::1", id="ipv6-without-brackets"),
        pytest.param(b"[::1", id="ipv6-unterminated"),
        pytest.param(b"[::g]", id="ipv6-of-letters"),
        pytest.param(b"[1::2::3]", id="ipv6-malformed"),
        pytest.param(b"[fe80::1%25eth0]", id="ipv6-zone"),
        pytest.param(b"h\x00", id="nul"),
        pytest.param(b"h\n", id="line-feed"),
        pytest.param(b"h\xff", id="not-ascii"),
    ],
)
def test_host_refused(host: bytes | None) -> None:
    with pytest.raises(RequestError, match="Host"):
        request_target("GET", b"/", host)


@pytest.mark.parametrize(
    ("method", "target"),
    [
        pytest.param("GET", b"", id="empty"),
        pytest.param("GET", b"a", id="relative"),
        pytest.param("GET", b"?a", id="query-alone"),
        pytest.param("GET", b"/a#b", id="9112-3.2-fragment"),
        pytest.param("GET", b"/a b", id="space"),
        pytest.param("GET", b"/\x00", id="nul"),
        pytest.param("GET", b"/\x7f", id="delete"),
        pytest.param("GET", b"/\xff", id="not-ascii"),
        pytest.param("GET", b"/a\n", id="line-feed"),
        pytest.param("GET", b"*", id="9112-3.2.4-asterisk-is-for-options"),
        pytest.param("OPTIONS", b"**", id="two-asterisks"),
        pytest.param("GET", b"h:80", id="9112-3.2.3-authority-form"),
        pytest.param("GET", b"http://other/", id="9112-3.2.2-other-authority"),
        pytest.param("GET", b"http://h:80/", id="9112-3.2.2-other-port"),
        pytest.param("GET", b"http://u@h/", id="9110-4.2.4-userinfo"),
        pytest.param("GET", b"ftp://h/", id="other-scheme"),
        pytest.param("CONNECT", b"h:80", id="9110-9.3.6-connect"),
    ],
)
def test_target_refused(method: str, target: bytes) -> None:
    with pytest.raises(RequestError):
        request_target(method, target, b"h")


@pytest.mark.parametrize(
    ("scheme", "authority", "normal"),
    [
        pytest.param("http", b"Example.COM", b"example.com", id="9110-4.2.3-case"),
        pytest.param("http", b"a:80", b"a", id="9110-4.2.3-default-port"),
        pytest.param("http", b"a:0080", b"a", id="leading-zeros"),
        pytest.param("http", b"a:", b"a", id="3986-6.2.3-empty-port"),
        pytest.param("https", b"a:443", b"a", id="9110-4.2.3-default-port-of-https"),
        pytest.param("http", b"a:443", b"a:443", id="port-of-another-scheme"),
        pytest.param("http", b"a.:8080", b"a:8080", id="trailing-dot"),
        pytest.param("http", b"[2001:DB8::1]:80", b"[2001:db8::1]", id="ipv6"),
        pytest.param("ws", b"a", b"a", id="unknown-scheme"),
        pytest.param("http", b"U@a:80", b"u@a:80", id="no-authority"),
    ],
)
def test_normal_authority(scheme: str, authority: bytes, normal: bytes) -> None:
    assert normal_authority(scheme, authority) == normal


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(b"/", (b"",), id="root"),
        pytest.param(b"/a/b", (b"a", b"b"), id="two"),
        pytest.param(b"/a/b/", (b"a", b"b", b""), id="trailing-slash"),
        pytest.param(b"/a%2Fb%20c", (b"a", b"b c"), id="decoded-before-split"),
        pytest.param(b"/%c3%a9%3F", (b"\xc3\xa9?",), id="not-ascii"),
        pytest.param(b"/%252e%252e", (b"%2e%2e",), id="decoded-once"),
        pytest.param(b"/a;x=1/..b/c..", (b"a;x=1", b"..b", b"c.."), id="harmless-dots"),
        pytest.param(b"/...", (b"...",), id="three-dots"),
        pytest.param(b"*", None, id="asterisk"),
        pytest.param(b"", None, id="empty"),
        pytest.param(b"a", None, id="relative"),
        pytest.param(b"//", None, id="empty-inner-segment"),
        pytest.param(b"/a//b", None, id="empty-inner-segment-between"),
        pytest.param(b"/a/%2fb", None, id="empty-inner-segment-encoded"),
        pytest.param(b"/a/./b", None, id="3986-5.2.4-dot"),
        pytest.param(b"/a/..", None, id="3986-5.2.4-dot-dot"),
        pytest.param(b"/a/%2E%2e/b", None, id="encoded-dots"),
        pytest.param(b"/a%2f..%2fb", None, id="encoded-slashes"),
        pytest.param(b"/a/;x/b", None, id="parameter-of-nothing"),
        pytest.param(b"/a/..;/b", None, id="dots-before-a-parameter"),
        pytest.param(b"/a/.;x", None, id="dot-before-a-parameter"),
        pytest.param(b"/a\\b", None, id="backslash"),
        pytest.param(b"/a%5Cb", None, id="encoded-backslash"),
        pytest.param(b"/a%00", None, id="encoded-nul"),
        pytest.param(b"/a%0d%0Ab", None, id="encoded-line-end"),
        pytest.param(b"/a%7f", None, id="encoded-delete"),
        pytest.param(b"/a%", None, id="percent-alone"),
        pytest.param(b"/a%2", None, id="percent-cut-short"),
        pytest.param(b"/a%zz", None, id="percent-of-letters"),
    ],
)
def test_segments(path: bytes, expected: tuple[bytes, ...] | None) -> None:
    assert segments(path) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param((b"a", b"b"), None, id="nothing-to-cut"),
        pytest.param((b"a;x=1;y", b"b"), (b"a", b"b"), id="3986-3.3-parameters"),
        pytest.param((b"a", b"b?c", b"d"), (b"a", b"b"), id="query"),
        pytest.param((b"a#", b"d"), (b"a",), id="fragment"),
        pytest.param((b"a;b?c;d", b"e"), (b"a",), id="all"),
    ],
)
def test_undelimited(path: tuple[bytes, ...], expected: tuple[bytes, ...] | None) -> None:
    assert undelimited(path) == expected


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param(b"g", b"/b/c/g", id="relative"),
        pytest.param(b"./g", b"/b/c/g", id="dot"),
        pytest.param(b"g/", b"/b/c/g/", id="trailing-slash"),
        pytest.param(b"/g", b"/g", id="absolute-path"),
        pytest.param(b"?y", b"/b/c/d;p?y", id="query-only"),
        pytest.param(b"?", b"/b/c/d;p?", id="empty-query"),
        pytest.param(b"g?y", b"/b/c/g?y", id="query"),
        pytest.param(b"#s", b"/b/c/d;p?q", id="fragment-only"),
        pytest.param(b"g?y#s", b"/b/c/g?y", id="fragment-dropped"),
        pytest.param(b"", b"/b/c/d;p?q", id="empty"),
        pytest.param(b";x", b"/b/c/;x", id="parameter"),
        pytest.param(b".", b"/b/c/", id="dot-alone"),
        pytest.param(b"..", b"/b/", id="dot-dot-alone"),
        pytest.param(b"../..", b"/", id="dot-dot-twice"),
        pytest.param(b"../../g", b"/g", id="up-twice"),
        pytest.param(b"../../../g", b"/g", id="5.4.2-above-the-root"),
        pytest.param(b"/./g", b"/g", id="5.4.2-dot-in-absolute-path"),
        pytest.param(b"g.", b"/b/c/g.", id="5.4.2-dot-at-the-end"),
        pytest.param(b"..g", b"/b/c/..g", id="5.4.2-dots-at-the-start"),
        pytest.param(b"./g/.", b"/b/c/g/", id="5.4.2-dot-last"),
        pytest.param(b"g/../h", b"/b/c/h", id="5.4.2-dots-between"),
        pytest.param(b"g;x=1/../y", b"/b/c/y", id="5.4.2-dots-after-a-parameter"),
        pytest.param(b"g?y/../x", b"/b/c/g?y/../x", id="5.4.2-dots-in-a-query"),
        pytest.param(b" /g\t", b"/g", id="white-space"),
        pytest.param(b"g/1:2", b"/b/c/g/1:2", id="colon-in-a-later-segment"),
    ],
)
def test_resolve_within_the_origin(reference: bytes, expected: bytes) -> None:
    """3986 §5.4."""
    assert resolve(reference, *BASE) == ("http", b"a", expected)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        pytest.param(b"HTTPS://g/x", ("https", b"g", b"/x"), id="absolute"),
        pytest.param(b"https://g?x", ("https", b"g", b"/?x"), id="absolute-without-path"),
        pytest.param(b"//g/./x", ("http", b"g", b"/x"), id="network-path"),
        pytest.param(b"g:h", None, id="other-scheme"),
        pytest.param(b"http:g", None, id="scheme-without-authority"),
        pytest.param(b"ftp://g/", None, id="other-scheme-with-authority"),
        pytest.param(b"http://u@g/", None, id="9110-4.2.4-userinfo"),
        pytest.param(b"http:///x", None, id="empty-authority"),
        pytest.param(b"/a b", None, id="space"),
        pytest.param(b"/\xff", None, id="not-ascii"),
        pytest.param(b"/a\nb", None, id="line-feed"),
    ],
)
def test_resolve_beyond_the_origin(
    reference: bytes, expected: tuple[str, bytes, bytes] | None
) -> None:
    assert resolve(reference, *BASE) == expected


def test_resolve_from_the_whole_server() -> None:
    assert resolve(b"x", "http", b"a", b"*") is None
    assert resolve(b"/x", "http", b"a", b"*") == ("http", b"a", b"/x")


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        pytest.param(b"/a?b=c", b"/a?b=c", id="3986-6.2.2-nothing-to-do"),
        pytest.param(b"/%7euser", b"/~user", id="3986-6.2.2.2-unreserved"),
        pytest.param(b"/a%2fb%c3", b"/a%2Fb%C3", id="3986-6.2.2.1-case"),
        pytest.param(b"/a%zz%", b"/a%zz%", id="3986-6.2.2-no-escape"),
    ],
)
def test_normal_target(given: bytes, normal: bytes) -> None:
    assert normal_target(given) == normal


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        *((text, True) for text in (b"/..", b"/a/../b", b"/./a", b"/a/.", b"/%2e%2e/a", b"/.%2E")),
        *((text, True) for text in (b"/a%2f..%2fb", b"/a/..;b", b"/a%5c..%5cb", b"/..%3bx")),
        *((text, True) for text in (b"/a%00", b"/%0a", b"/a%0Db", b"/a/..?b", b"\\..\\a")),
        *((text, False) for text in (b"/", b"*", b"/a.b", b"/..a", b"/a..", b"/...", b"/.well")),
        *((text, False) for text in (b"/a?b=/../c", b"/a?b=%0a%00", b"/a%2fb", b"/%0b", b"/a%2e")),
    ],
)
def test_deceptive_targets(target: bytes, *, expected: bool) -> None:
    """3986 §5.2.4, §7.3."""
    assert deceptive(target) is expected
