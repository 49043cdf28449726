import pytest

from proxy.http.message import Request
from proxy.http.ranges import ContentRange
from proxy.policy import parts
from proxy.policy.stored import Stored
from tests.policy.cases import GET, ask, at, head, stored, table

FRESH = "Cache-Control: max-age=60"


def part(content_range: str, *lines: str) -> Stored:
    return stored(FRESH, f"Content-Range: bytes {content_range}", *lines, status=206)


def ranged(value: str, *lines: str, method: str = "GET") -> Request:
    return ask(f"Range: {value}", *lines, method=method)


WANTED = {
    "9110-14.1.2-first-bytes": (ranged("bytes=0-4"), slice(0, 5)),
    "9110-14.1.2-one-byte": (ranged("bytes=9-9"), slice(9, 10)),
    "9110-14.1.2-to-the-end": (ranged("bytes=5-"), slice(5, 10)),
    "9110-14.1.2-beyond-the-end": (ranged("bytes=5-99"), slice(5, 10)),
    "9110-14.1.2-last-bytes": (ranged("bytes=-3"), slice(7, 10)),
    "9110-14.1.2-more-last-bytes-than-there-are": (ranged("bytes=-99"), slice(0, 10)),
    "9110-14.1-unit-in-any-case": (ranged("BYTES=0-4"), slice(0, 5)),
    "9110-14.1.2-unsatisfiable": (ranged("bytes=10-"), None),
    "9110-14.1.2-no-last-bytes": (ranged("bytes=-0"), None),
    "9110-14.2-several": (ranged("bytes=0-1,4-5"), None),
    "9110-14.2-several-of-which-one-is-satisfiable": (ranged("bytes=0-1,50-"), None),
    "9110-14.1.1-invalid": (ranged("bytes=4-0"), None),
    "9110-14.2-other-unit": (ranged("rows=0-4"), None),
    "9110-14.2-head-has-no-range": (ranged("bytes=0-4", method="HEAD"), None),
    "9110-14.2-none": (GET, None),
}


@pytest.mark.parametrize(("request_", "place"), table(WANTED))
def test_wanted(request_: Request, place: slice | None) -> None:
    assert parts.wanted(request_, 10) == place


TAGGED = part("5-9/20", 'ETag: "a"')
DATED = part("5-9/20", f"Last-Modified: {at(-50)}")

COVERS = {
    "9111-3.3-a-whole-covers-all": (stored(FRESH), GET, True),
    "9111-3.3-a-whole-covers-a-range": (stored(FRESH), ranged("bytes=0-1"), True),
    "9111-3.3-wholly-within": (part("5-9/20"), ranged("bytes=6-8"), True),
    "9111-3.3-just-the-part": (part("5-9/20"), ranged("bytes=5-9"), True),
    "9111-3.3-before-it": (part("5-9/20"), ranged("bytes=4-9"), False),
    "9111-3.3-beyond-it": (part("5-9/20"), ranged("bytes=5-10"), False),
    "9111-3.3-open-end": (part("5-9/20"), ranged("bytes=5-"), False),
    "9111-3.3-open-end-held": (part("15-19/20"), ranged("bytes=15-"), True),
    "9111-3.3-suffix-held": (part("15-19/20"), ranged("bytes=-5"), True),
    "9111-3.3-suffix-not-held": (part("15-19/20"), ranged("bytes=-6"), False),
    "9111-3.3-the-whole-is-asked-for": (part("5-9/20"), GET, False),
    "9111-3.3-head-asks-for-the-whole": (
        part("5-9/20"),
        ranged("bytes=6-8", method="HEAD"),
        False,
    ),
    "9111-3.3-several-ranges": (part("5-9/20"), ranged("bytes=6-7,8-9"), False),
    "9111-3.3-unsatisfiable-is-for-upstream-to-say": (
        part("5-9/20"),
        ranged("bytes=20-"),
        False,
    ),
    "9111-3.3-size-unknown": (part("5-9/*"), ranged("bytes=6-8"), False),
    "9110-13.1.5-if-range-holds": (TAGGED, ranged("bytes=6-8", 'If-Range: "a"'), True),
    "9110-13.1.5-if-range-fails": (TAGGED, ranged("bytes=6-8", 'If-Range: "b"'), False),
    "9110-13.1.5-if-range-by-date-holds": (
        DATED,
        ranged("bytes=6-8", f"If-Range: {at(-50)}"),
        True,
    ),
    "9110-13.1.5-if-range-by-date-fails": (
        DATED,
        ranged("bytes=6-8", f"If-Range: {at(-40)}"),
        False,
    ),
}


@pytest.mark.parametrize(("held", "request_", "expected"), table(COVERS))
def test_covers(held: Stored, request_: Request, *, expected: bool) -> None:
    assert parts.covers(request_, held) is expected


A, B, WEAK = 'ETag: "a"', 'ETag: "b"', 'ETag: W/"a"'
OLD = part("5-9/20", A)

JOINS = {
    "9111-3.4-adjacent": (OLD, part("10-14/20", A), ContentRange(5, 14, 20)),
    "9111-3.4-adjacent-before": (OLD, part("0-4/20", A), ContentRange(0, 9, 20)),
    "9111-3.4-overlapping": (OLD, part("8-19/20", A), ContentRange(5, 19, 20)),
    "9111-3.4-one-inside-the-other": (OLD, part("0-19/20", A), ContentRange(0, 19, 20)),
    "9111-3.4-the-same": (OLD, OLD, ContentRange(5, 9, 20)),
    "9110-15.3.7.3-gap": (OLD, part("11-14/20", A), None),
    "9110-15.3.7.3-gap-before": (OLD, part("0-3/20", A), None),
    "9111-3.4-other-validator": (OLD, part("10-14/20", B), None),
    "9111-3.4-no-validator": (part("5-9/20"), part("10-14/20"), None),
    "9111-3.4-one-without-validator": (OLD, part("10-14/20"), None),
    "9111-3.4-weak-validators": (part("5-9/20", WEAK), part("10-14/20", WEAK), None),
    "9111-3.4-strong-and-weak": (OLD, part("10-14/20", WEAK), None),
    "9110-15.3.7.3-other-size": (OLD, part("10-14/21", A), None),
    "9110-15.3.7.3-sizes-unknown": (part("5-9/*", A), part("10-14/*", A), None),
    "9111-3.4-a-whole-needs-no-part": (stored(FRESH, A), OLD, None),
    "9111-3.4-nor-joins-one": (OLD, stored(FRESH, A), None),
}


@pytest.mark.parametrize(("old", "new", "place"), table(JOINS))
def test_join(old: Stored, new: Stored, place: ContentRange | None) -> None:
    assert parts.join(old, new) == place


BEGINNING = part("0-9/20", A)

RESTS = {
    "9111-3.3-the-rest-of-a-beginning": (BEGINNING, GET, (b"bytes=10-", b'"a"')),
    "9111-3.3-not-of-a-middle": (OLD, GET, None),
    "9111-3.3-nothing-is-lacking": (part("0-19/20", A), GET, None),
    "9111-3.3-size-unknown": (part("0-9/*", A), GET, None),
    "9111-3.4-weak-validator": (part("0-9/20", WEAK), GET, None),
    "9111-3.4-no-validator": (part("0-9/20"), GET, None),
    "9111-3.3-a-whole-has-no-rest": (stored(FRESH, A), GET, None),
    "9111-3.3-another-range-is-asked-for": (BEGINNING, ranged("bytes=5-14"), None),
    "9111-3.3-a-condition-goes-before": (BEGINNING, ask('If-None-Match: "b"'), None),
    "9110-14.2-head-has-no-range": (BEGINNING, ask(method="HEAD"), None),
}


@pytest.mark.parametrize(("held", "request_", "expected"), table(RESTS))
def test_rest_of(held: Stored, request_: Request, expected: tuple[bytes, bytes] | None) -> None:
    rest = parts.rest_of(request_, held)
    found = rest and (rest.fields.joined(b"range"), rest.fields.joined(b"if-range"))
    assert found == expected


RESULTS = {
    "9111-3.4-exactly-what-was-missing": (BEGINNING, "10-19/20", A, 206, True),
    "9111-3.4-more": (BEGINNING, "9-19/20", A, 206, False),
    "9111-3.4-less": (BEGINNING, "10-18/20", A, 206, False),
    "9110-15.3.7.3-other-size": (BEGINNING, "10-20/21", A, 206, False),
    "9111-3.4-other-validator": (BEGINNING, "10-19/20", B, 206, False),
    "9111-3.4-weak-validator": (BEGINNING, "10-19/20", WEAK, 206, False),
    "9111-3.4-no-validator": (BEGINNING, "10-19/20", "X: 1", 206, False),
    "9110-14.4-unreadable": (BEGINNING, "many", A, 206, False),
    "9110-15.5.17-refused": (BEGINNING, "*/20", A, 416, False),
    "9111-3.4-a-whole-lacks-nothing": (stored(FRESH, A), "10-19/20", A, 206, False),
    "9111-3.4-size-unknown": (part("0-9/*", A), "10-19/20", A, 206, False),
}


@pytest.mark.parametrize(("held", "place", "tag", "status", "whole"), table(RESULTS))
def test_completed(held: Stored, place: str, tag: str, status: int, *, whole: bool) -> None:
    came = parts.completed(held, head(status, FRESH, f"Content-Range: bytes {place}", tag))
    assert (came is not None) is whole
    if came is not None:
        assert (came.status, came.fields.first(b"content-length")) == (200, b"20")
        assert b"content-range" not in came.fields
