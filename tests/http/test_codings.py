"""Accept-Encoding and Content-Encoding (9110 §8.4, §12.5.3)."""

import pytest

from proxy.http.codings import UNTOLD, Coding, accepted, applied

BR, ZSTD, GZIP, PLAIN = Coding.BR, Coding.ZSTD, Coding.GZIP, Coding.IDENTITY
LEAST = 0.0001


@pytest.mark.parametrize(
    ("values", "weights"),
    [
        pytest.param(("gzip",), (0, 0, 1, LEAST), id="9110-12.5.3-named"),
        pytest.param(("GZip, BR",), (1, 0, 1, LEAST), id="9110-8.4.1-case"),
        pytest.param(("x-gzip",), (0, 0, 1, LEAST), id="9110-8.4.1.3-x-gzip"),
        pytest.param(("gzip", "br"), (1, 0, 1, LEAST), id="9110-5.3-several-lines"),
        pytest.param(("gzip;q=0.5, br ; Q=0.25",), (0.25, 0, 0.5, LEAST), id="9110-12.4.2-weights"),
        pytest.param(("br;q=0",), (0, 0, 0, LEAST), id="9110-12.4.2-not-acceptable"),
        pytest.param(("*",), (1, 1, 1, 1), id="9110-12.5.3-any"),
        pytest.param(("*;q=0",), (0, 0, 0, 0), id="9110-12.5.3-nothing-at-all"),
        pytest.param(("*;q=0, br",), (1, 0, 0, 0), id="9110-12.5.3-br-alone"),
        pytest.param(("*;q=0, identity",), (0, 0, 0, 1), id="9110-12.5.3-plain-alone"),
        pytest.param(("gzip;q=0, *",), (1, 1, 0, 1), id="9110-12.5.3-any-but-gzip"),
        pytest.param(("identity;q=0",), (0, 0, 0, 0), id="9110-12.5.3-nothing-plain"),
        pytest.param(("identity;q=0, br",), (1, 0, 0, 0), id="9110-12.5.3-coded-only"),
        pytest.param(("identity, br;q=0.5",), (0.5, 0, 0, 1), id="9110-12.5.3-rather-plain"),
        pytest.param(("",), (0, 0, 0, LEAST), id="9110-12.5.3-empty-field"),
        pytest.param((",, ,",), (0, 0, 0, LEAST), id="9110-5.6.1-empty-members"),
        pytest.param(("deflate, compress, dcz",), (0, 0, 0, LEAST), id="unknown-names"),
        pytest.param(("br;q=2, gzip",), (0, 0, 1, LEAST), id="9110-12.4.2-too-heavy"),
        pytest.param(("br;q=0.1234, gzip",), (0, 0, 1, LEAST), id="9110-12.4.2-too-fine"),
        pytest.param(("br;level=4, gzip",), (0, 0, 1, LEAST), id="unknown-parameter"),
        pytest.param(("b r, gzip",), (0, 0, 1, LEAST), id="two-words"),
        pytest.param(("br, br;q=0.1",), (0.1, 0, 0, LEAST), id="twice-the-least-counts"),
        pytest.param(("*;q=0.5, *;q=0.2",), (0.2, 0.2, 0.2, 0.2), id="twice-any"),
        pytest.param(("a," * 64 + "br",), (0, 0, 0, LEAST), id="nobody-looks-so-far"),
        pytest.param(("a," * 63 + "br",), (1, 0, 0, LEAST), id="as-far-as-anybody-looks"),
    ],
)
def test_accepted(values: tuple[str, ...], weights: tuple[float, ...]) -> None:
    found = accepted(tuple(value.encode() for value in values))
    assert tuple(found.weight(coding) for coding in (BR, ZSTD, GZIP, PLAIN)) == weights


def test_9110_12_5_3_without_the_field_any_coding_will_do_and_plain_is_best() -> None:
    assert accepted(()) is UNTOLD
    assert UNTOLD.weight(PLAIN) > UNTOLD.weight(BR) == UNTOLD.weight(GZIP) > 0


@pytest.mark.parametrize(
    ("values", "coding"),
    [
        pytest.param((), PLAIN, id="9110-8.4-none"),
        pytest.param(("br",), BR, id="br"),
        pytest.param(("zstd",), ZSTD, id="zstd"),
        pytest.param((" X-GZIP ",), GZIP, id="9110-8.4.1.3-x-gzip"),
        pytest.param(("identity",), PLAIN, id="9110-12.5.3-identity"),
        pytest.param(("identity, gzip",), GZIP, id="identity-is-nothing"),
        pytest.param(("", ","), PLAIN, id="empty"),
        pytest.param(("gzip, br",), None, id="9110-8.4-in-their-order"),
        pytest.param(("gzip", "gzip"), None, id="twice"),
        pytest.param(("deflate",), None, id="unknown"),
    ],
)
def test_applied(values: tuple[str, ...], coding: Coding | None) -> None:
    assert applied(tuple(value.encode() for value in values)) is coding
