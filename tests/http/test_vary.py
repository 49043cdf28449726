"""Vary and the fields it nominates (9110 §12.5, 9111 §4.1)."""

import pytest

from proxy.http import vary
from proxy.http.message import Fields


@pytest.mark.parametrize(
    ("lines", "nominated"),
    [
        pytest.param([], (), id="absent"),
        pytest.param([b""], (), id="empty"),
        pytest.param([b"B, a ,,A"], (b"a", b"b"), id="lower-case-sorted-unique"),
        pytest.param([b"b", b"a"], (b"a", b"b"), id="9110-5.3-lines"),
        pytest.param([b"*"], None, id="9111-4.1-star"),
        pytest.param([b"a, *"], None, id="9111-4.1-star-among-names"),
        pytest.param([b"a", b"*"], None, id="9111-4.1-star-in-a-line"),
        pytest.param([b"a b"], None, id="not-a-token"),
        pytest.param([b'"a"'], None, id="quoted"),
    ],
)
def test_names(lines: list[bytes], nominated: tuple[bytes, ...] | None) -> None:
    fields = Fields((b"Vary", value) for value in lines)

    assert vary.names(fields) == nominated


@pytest.mark.parametrize(
    ("name", "values", "normal"),
    [
        pytest.param(b"accept", (), None, id="absent"),
        pytest.param(b"accept", (b"",), b"", id="empty-is-not-absent"),
        pytest.param(b"x", (b" B , a ",), b"B, a", id="9111-4.1-white-space-around-commas"),
        pytest.param(b"x", (b'"a , b" , c d',), b'"a , b", c d', id="9111-4.1-not-in-quotes"),
        pytest.param(b"x", (b"a ", b" b"), b"a, b", id="9111-4.1-lines-combined"),
        pytest.param(b"accept-encoding", (b"gzip", b"br"), b"br,gzip", id="lines-of-a-list"),
        pytest.param(b"accept-encoding", (b" ,gzip ,, BR, ",), b"br,gzip", id="codings-any-order"),
        pytest.param(b"accept-encoding", (b"gzip;q=1.0",), b"gzip", id="9110-12.4.2-full-weight"),
        pytest.param(b"accept-encoding", (b"gzip;q=1",), b"gzip", id="9110-12.4.2-weight-of-one"),
        pytest.param(
            b"accept-encoding", (b"gzip ; Q=0.50",), b"gzip;q=0.5", id="9110-12.4.2-zeros"
        ),
        pytest.param(b"accept-encoding", (b"gzip;q=0.000",), b"gzip;q=0", id="9110-12.4.2-never"),
        pytest.param(b"accept-encoding", (b"gzip;q=0.001",), b"gzip;q=0.001", id="least-weight"),
        pytest.param(b"accept-encoding", (b"gzip;",), b"gzip", id="9110-5.6.6-empty-parameter"),
        pytest.param(
            b"accept-encoding", (b"a;q=0.1, b;q=0.9, c",), b"c,b;q=0.9,a;q=0.1", id="by-weight"
        ),
        pytest.param(b"accept-charset", (b"UTF-8, latin1",), b"latin1,utf-8", id="charsets"),
        pytest.param(
            b"accept-language",
            (b"De, EN-gb;q=0.8 ,fr",),
            b"de,fr,en-gb;q=0.8",
            id="9110-12.5.4-equal-languages-keep-their-order",
        ),
        pytest.param(
            b"accept",
            (b"Text/HTML;Level=1;Charset=UTF-8;q=0.7 , */*",),
            b"*/*,text/html;level=1;charset=UTF-8;q=0.7",
            id="9110-12.5.1-parameters-keep-their-case",
        ),
        pytest.param(
            b"accept",
            (b"text/html, application/json",),
            b"text/html,application/json",
            id="equal-media-types-keep-their-order",
        ),
        pytest.param(
            b"accept", (b"a/b;q=0.5;c=d",), b"a/b;c=d;q=0.5", id="9110-12.5.1-weight-anywhere"
        ),
        pytest.param(
            b"accept", (b'a/b;c="x, ;q=0"',), b'a/b;c="x, ;q=0"', id="9110-5.6.6-quoted-parameter"
        ),
    ],
)
def test_normalise(name: bytes, values: tuple[bytes, ...], normal: bytes | None) -> None:
    assert vary.normalise(name, values) == normal


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(b"accept", b"B, a/b", id="media-type-without-slash"),
        pytest.param(b"accept", b'B/c;x="y , a/b', id="unterminated-quote"),
        pytest.param(b"accept", b"B/c;x, a/b", id="parameter-without-value"),
        pytest.param(b"accept", b"B/c;q=0.5;q=1, a/b", id="two-weights"),
        pytest.param(b"accept-encoding", b"B/c, a", id="coding-with-slash"),
        pytest.param(b"accept-encoding", b"B;x=y, a", id="coding-with-parameter"),
        pytest.param(b"accept-encoding", b"B;q=2, a", id="9110-12.4.2-too-heavy"),
        pytest.param(b"accept-encoding", b"B;q=0.1234, a", id="9110-12.4.2-too-fine"),
        pytest.param(b"accept-encoding", b"B;q=nan, a", id="weight-of-letters"),
        pytest.param(b"accept-encoding", b"B c, a", id="two-words"),
        pytest.param(b"accept-language", b"\xff, a", id="not-ascii"),
    ],
)
def test_malformed_is_kept(name: bytes, value: bytes) -> None:
    assert vary.normalise(name, (b" " + value + b"\t",)) == value


def test_selecting() -> None:
    request = Fields([(b"Accept-Encoding", b"gzip, br"), (b"X", b"1"), (b"x", b"2")])

    assert vary.selecting(request, (b"accept-encoding", b"accept-language", b"x")) == (
        (b"accept-encoding", b"br,gzip"),
        (b"accept-language", None),
        (b"x", b"1, 2"),
    )
