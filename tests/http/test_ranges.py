"""Range and Content-Range (9110 §14)."""

import pytest

from proxy.http.ranges import (
    ByteRange,
    ContentRange,
    merged,
    parse_content_range,
    parse_range,
    resolve,
    unsatisfied,
)

LARGEST = int("9" * 19)


@pytest.mark.parametrize(
    ("value", "ranges"),
    [
        pytest.param(b"bytes=0-499", (ByteRange(0, 499),), id="9110-14.1.2-first"),
        pytest.param(b"bytes=500-", (ByteRange(500, None),), id="9110-14.1.2-open"),
        pytest.param(b"bytes=-500", (ByteRange(None, 500),), id="9110-14.1.2-suffix"),
        pytest.param(b"bytes=-0", (ByteRange(None, 0),), id="suffix-of-nothing"),
        pytest.param(b"BYTES=0-0", (ByteRange(0, 0),), id="9110-14.1-unit-in-any-case"),
        pytest.param(
            b"bytes= ,0-0,, -1 ,", (ByteRange(0, 0), ByteRange(None, 1)), id="9110-5.6.1.2-list"
        ),
        pytest.param(b"bytes=" + b"9" * 19 + b"-", (ByteRange(LARGEST, None),), id="19-digits"),
        pytest.param(b"bytes=" + b"0-0," * 99, (ByteRange(0, 0),) * 99, id="100-members"),
        pytest.param(b"bytes=" + b"0-0," * 100, None, id="9110-14.2-too-many"),
        pytest.param(b"bytes=" + b"9" * 20 + b"-", None, id="20-digits"),
        pytest.param(b"bytes=1-0", None, id="9110-14.1.1-last-before-first"),
        pytest.param(b"bytes=0-0, 2-1", None, id="9110-14.1.1-one-invalid"),
        pytest.param(b"bytes=", None, id="no-range"),
        pytest.param(b"bytes=,", None, id="empty-members-alone"),
        pytest.param(b"bytes=-", None, id="hyphen"),
        pytest.param(b"bytes=a-b", None, id="letters"),
        pytest.param(b"bytes=+1-2", None, id="sign"),
        pytest.param(b"bytes=0 - 1", None, id="white-space-inside"),
        pytest.param(b"bytes =0-1", None, id="white-space-before-equals"),
        pytest.param(b"bytes 0-1", None, id="no-equals"),
        pytest.param(b"items=0-1", None, id="9110-14.2-other-unit"),
        pytest.param(b"", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_parse_range(value: bytes | None, ranges: tuple[ByteRange, ...] | None) -> None:
    assert parse_range(value) == ranges


@pytest.mark.parametrize(
    ("asked", "size", "slices"),
    [
        pytest.param(ByteRange(0, 4), 10, (slice(0, 5),), id="inside"),
        pytest.param(ByteRange(5, 99), 10, (slice(5, 10),), id="9110-14.1.2-beyond-the-end"),
        pytest.param(ByteRange(9, None), 10, (slice(9, 10),), id="9110-14.1.2-open"),
        pytest.param(ByteRange(10, None), 10, (), id="9110-14.1.2-behind-the-end"),
        pytest.param(ByteRange(11, 12), 10, (), id="far-behind-the-end"),
        pytest.param(ByteRange(None, 3), 10, (slice(7, 10),), id="9110-14.1.2-suffix"),
        pytest.param(ByteRange(None, 99), 10, (slice(0, 10),), id="9110-14.1.2-suffix-is-all"),
        pytest.param(ByteRange(None, 0), 10, (), id="9110-14.1.2-suffix-of-nothing"),
        pytest.param(ByteRange(0, None), 0, (), id="of-an-empty-representation"),
        pytest.param(ByteRange(None, 1), 0, (), id="suffix-of-an-empty-representation"),
    ],
)
def test_resolve(asked: ByteRange, size: int, slices: tuple[slice, ...]) -> None:
    assert resolve((asked,), size) == slices


def test_resolve_keeps_the_order_and_leaves_out_what_cannot_be_had() -> None:
    asked = (ByteRange(5, 6), ByteRange(10, 11), ByteRange(0, 0))

    assert resolve(asked, 10) == (slice(5, 7), slice(0, 1))


@pytest.mark.parametrize(
    ("value", "part"),
    [
        pytest.param(b"bytes 0-4/10", ContentRange(0, 4, 10), id="9110-14.4"),
        pytest.param(b"bytes 0-4/*", ContentRange(0, 4, None), id="9110-14.4-unknown-size"),
        pytest.param(b" Bytes 0-4/10 ", ContentRange(0, 4, 10), id="any-case"),
        pytest.param(b"bytes 5-4/10", None, id="9110-14.4-last-before-first"),
        pytest.param(b"bytes 0-10/10", None, id="9110-14.4-last-behind-the-end"),
        pytest.param(b"bytes */10", None, id="9110-14.4-unsatisfied"),
        pytest.param(b"bytes 0-4/", None, id="no-size"),
        pytest.param(b"bytes 0-4", None, id="no-slash"),
        pytest.param(b"bytes=0-4/10", None, id="equals"),
        pytest.param(b"items 0-4/10", None, id="other-unit"),
        pytest.param(b"bytes 0-4/" + b"9" * 20, None, id="20-digits"),
        pytest.param(b"", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_parse_content_range(value: bytes | None, part: ContentRange | None) -> None:
    assert parse_content_range(value) == part


def test_rendered() -> None:
    assert ContentRange(0, 4, 10).render() == b"bytes 0-4/10"
    assert ContentRange(0, 4, None).render() == b"bytes 0-4/*"
    assert ContentRange(2, 4, 10).length == 3
    assert unsatisfied(10) == b"bytes */10"


@pytest.mark.parametrize(
    ("slices", "expected"),
    [
        pytest.param([(0, 2), (4, 6)], [(0, 2), (4, 6)], id="9110-14.2-apart"),
        pytest.param([(4, 6), (0, 2)], [(4, 6), (0, 2)], id="9110-15.3.7.2-in-their-order"),
        pytest.param([(0, 4), (2, 6)], [(0, 6)], id="9110-14.2-overlapping"),
        pytest.param([(0, 2), (2, 4)], [(0, 4)], id="touching"),
        pytest.param([(0, 9), (2, 4)], [(0, 9)], id="one-inside-the-other"),
        pytest.param([(8, 9), (4, 6), (0, 5)], [(8, 9), (0, 6)], id="where-the-first-part-stood"),
        pytest.param([(0, 1)] * 100, [(0, 1)], id="the-same-again-and-again"),
        pytest.param([], [], id="none"),
    ],
)
def test_merged(slices: list[tuple[int, int]], expected: list[tuple[int, int]]) -> None:
    found = merged(tuple(slice(*each) for each in slices))
    assert [(each.start, each.stop) for each in found] == expected
