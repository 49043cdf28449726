from dataclasses import replace

import pytest

from proxy.http.cache_status import CacheStatus
from proxy.http.message import Request
from proxy.policy.shaping import Piece, Shape, shape
from proxy.policy.stored import Stored
from tests.policy.cases import GET, T, ask, at, fields, stored, table

FRESH, TAG, DATE = "Cache-Control: max-age=60", 'ETag: "a"', f"Date: {at(0)}"
STATUS = "Cache-Status: sidecache; hit; ttl=53"
AGE, LENGTH = "Age: 7", "Content-Length: 5"
TYPE = "Content-Type: text/plain"
HELD = stored(FRESH, TAG, TYPE)
HEAD = ask(method="HEAD")


def shaped(request: Request, held: Stored) -> Shape:
    return shape(request, held, T + 7, CacheStatus(hit=True, ttl=53))


def part(content_range: str) -> Stored:
    return stored(FRESH, TAG, f"Content-Range: bytes {content_range}", status=206)


def ranged(value: str, *lines: str) -> Request:
    return ask(f"Range: bytes={value}", *lines)


WHOLE = (FRESH, TAG, TYPE, DATE, LENGTH, AGE, STATUS)
UNMODIFIED = (FRESH, TAG, DATE, AGE, STATUS)
REFUSED = (TAG, DATE, "Cache-Control: no-store", "Content-Range: bytes */5", "Content-Length: 0")


def of_five(content_range: str, length: int) -> tuple[str, ...]:
    place = (f"Content-Range: bytes {content_range}/5", f"Content-Length: {length}")
    return (FRESH, TAG, TYPE, DATE, *place, AGE, STATUS)


RICH = stored(
    *(FRESH, TAG, TYPE, f"Expires: {at(60)}", "Vary: X-A", "Content-Location: /thing.txt"),
    *(f"Last-Modified: {at(-5)}", "Content-Encoding: gzip", "Content-Language: de", "X-A: 1"),
    *("CDN-Cache-Control: max-age=60", "Accept-Ranges: bytes", "Content-Disposition: inline"),
    *("Content-Digest: x", "Repr-Digest: x", "Content-Range: bytes 0-4/9"),
)
DATED = stored(FRESH, f"Last-Modified: {at(-50)}", TYPE)
EMPTY = replace(HELD, length=0)
WITH_STATUS = stored(FRESH, "Cache-Status: inner; hit")

ANSWERS = {
    "9110-15.3.1-whole": (GET, HELD, 200, WHOLE, (slice(0, 5),)),
    "9110-9.3.2-head": (HEAD, HELD, 200, WHOLE, None),
    "9110-9.3.2-head-has-no-range": (
        ask("Range: bytes=0-1", method="HEAD"),
        HELD,
        200,
        WHOLE,
        None,
    ),
    "9110-15.3.5-no-content": (
        GET,
        replace(stored(FRESH, status=204), length=0),
        204,
        (FRESH, DATE, AGE, STATUS),
        None,
    ),
    "9110-15.3.6-reset-content-says-that-it-is-empty": (
        GET,
        replace(stored(FRESH, status=205), length=0),
        205,
        (FRESH, DATE, "Content-Length: 0", AGE, STATUS),
        (slice(0, 0),),
    ),
    "9110-15.5.5-an-error-has-its-body": (
        GET,
        stored(FRESH, status=404),
        404,
        (FRESH, DATE, LENGTH, AGE, STATUS),
        (slice(0, 5),),
    ),
    "9111-4-age-replaces-what-came": (
        GET,
        replace(stored(FRESH, "Age: 30"), age_on_arrival=30),
        200,
        (FRESH, DATE, LENGTH, "Age: 37", STATUS),
        (slice(0, 5),),
    ),
    "9211-2-appended-to-what-came": (
        GET,
        WITH_STATUS,
        200,
        (FRESH, "Cache-Status: inner; hit", DATE, LENGTH, AGE, STATUS),
        (slice(0, 5),),
    ),
    "9110-15.4.5-not-modified": (ask('If-None-Match: "a"'), HELD, 304, UNMODIFIED, None),
    "9110-15.4.5-not-modified-for-head": (
        ask('If-None-Match: "a"', method="HEAD"),
        HELD,
        304,
        UNMODIFIED,
        None,
    ),
    "9110-15.4.5-what-it-must-and-should-not-have": (
        ask("If-None-Match: *"),
        RICH,
        304,
        (
            *(FRESH, TAG, f"Expires: {at(60)}", "Vary: X-A", "Content-Location: /thing.txt"),
            *("X-A: 1", "CDN-Cache-Control: max-age=60", "Content-Disposition: inline"),
            *(DATE, AGE, STATUS),
        ),
        None,
    ),
    "9110-15.4.5-last-modified-without-a-tag": (
        ask(f"If-Modified-Since: {at(-50)}"),
        DATED,
        304,
        (FRESH, f"Last-Modified: {at(-50)}", DATE, AGE, STATUS),
        None,
    ),
    "9110-13.1.2-modified": (ask('If-None-Match: "b"'), HELD, 200, WHOLE, (slice(0, 5),)),
    "9110-13.2.2-304-before-206": (
        ranged("0-1", 'If-None-Match: "a"'),
        HELD,
        304,
        UNMODIFIED,
        None,
    ),
    "9110-13.2.2-range-where-the-tag-differs": (
        ranged("0-1", 'If-None-Match: "b"'),
        HELD,
        206,
        of_five("0-1", 2),
        (slice(0, 2),),
    ),
    "9110-15.3.7-part": (ranged("1-3"), HELD, 206, of_five("1-3", 3), (slice(1, 4),)),
    "9110-15.3.7-open-end": (ranged("3-"), HELD, 206, of_five("3-4", 2), (slice(3, 5),)),
    "9110-15.3.7-suffix": (ranged("-2"), HELD, 206, of_five("3-4", 2), (slice(3, 5),)),
    "9110-15.3.7-all-of-it": (ranged("0-"), HELD, 206, of_five("0-4", 5), (slice(0, 5),)),
    "9110-13.1.5-if-range-holds": (
        ranged("1-3", 'If-Range: "a"'),
        HELD,
        206,
        of_five("1-3", 3),
        (slice(1, 4),),
    ),
    "9110-13.1.5-if-range-fails": (
        ranged("1-3", 'If-Range: "b"'),
        HELD,
        200,
        WHOLE,
        (slice(0, 5),),
    ),
    "9110-13.1.5-if-range-without-range": (ask('If-Range: "a"'), HELD, 200, WHOLE, (slice(0, 5),)),
    "9110-14.2-several-short-ranges-get-the-whole": (
        ranged("0-1,3-4"),
        HELD,
        200,
        WHOLE,
        (slice(0, 5),),
    ),
    "9110-14.2-invalid-is-ignored": (ranged("3-1"), HELD, 200, WHOLE, (slice(0, 5),)),
    "9110-14.2-other-unit-is-ignored": (
        ask("Range: rows=0-1"),
        HELD,
        200,
        WHOLE,
        (slice(0, 5),),
    ),
    "9110-14.2-only-what-would-be-a-200": (
        ranged("0-1"),
        stored(FRESH, status=404),
        404,
        (FRESH, DATE, LENGTH, AGE, STATUS),
        (slice(0, 5),),
    ),
    "9110-14.2-nothing-to-range-over": (
        ranged("-2"),
        EMPTY,
        200,
        (FRESH, TAG, TYPE, DATE, "Content-Length: 0", AGE, STATUS),
        (slice(0, 0),),
    ),
    "9110-15.5.17-unsatisfiable": (ranged("5-"), HELD, 416, (*REFUSED, AGE, STATUS), None),
    "9110-15.5.17-no-last-bytes": (ranged("-0"), HELD, 416, (*REFUSED, AGE, STATUS), None),
    "9110-15.5.17-says-nothing-of-the-representation-or-its-life": (
        ranged("5-"),
        RICH,
        416,
        (
            *(TAG, "Vary: X-A", "Content-Location: /thing.txt", f"Last-Modified: {at(-5)}"),
            *("X-A: 1", "Accept-Ranges: bytes", *REFUSED[1:], AGE, STATUS),
        ),
        None,
    ),
    "9111-3.3-within-a-part": (
        ranged("6-8"),
        part("5-9/20"),
        206,
        (FRESH, TAG, DATE, "Content-Range: bytes 6-8/20", "Content-Length: 3", AGE, STATUS),
        (slice(1, 4),),
    ),
    "9111-3.3-a-part-is-always-a-206": (
        GET,
        part("5-9/20"),
        206,
        (FRESH, TAG, "Content-Range: bytes 5-9/20", DATE, LENGTH, AGE, STATUS),
        (slice(0, 5),),
    ),
    "9111-3.3-a-part-of-unknown-size": (
        ranged("5-9"),
        part("5-9/*"),
        206,
        (FRESH, TAG, "Content-Range: bytes 5-9/*", DATE, LENGTH, AGE, STATUS),
        (slice(0, 5),),
    ),
}


@pytest.mark.parametrize(("request_", "held", "status", "lines", "body"), table(ANSWERS))
def test_shape(
    request_: Request, held: Stored, status: int, lines: tuple[str, ...], body: tuple[slice] | None
) -> None:
    assert shaped(request_, held) == Shape(status, fields(*lines), body)


def test_age_is_whole_seconds() -> None:
    """9111 §5.1: a delta-seconds, a fraction cut off."""
    found = shape(GET, HELD, T + 1.99, CacheStatus(hit=True))
    assert found.fields.all(b"age") == (b"1",)


def test_another_name() -> None:
    """9211 §2: the member names the cache that adds it."""
    found = shape(GET, HELD, T, CacheStatus(hit=True), "edge-1")
    assert found.fields.first(b"cache-status") == b"edge-1; hit"


# Several parts (9110 §14.6, §15.3.7.2)

LONG = replace(stored(FRESH, TAG, TYPE, "Content-Digest: x", "Repr-Digest: y"), length=2_000)


def parts_of(found: Shape) -> tuple[bytes, list[Piece]]:
    """Return the boundary and the pieces of a multipart answer."""
    kind, _, boundary = (found.fields.first(b"content-type") or b"").partition(b"; boundary=")
    assert kind == b"multipart/byteranges"
    return boundary, list(found.body or ())


def test_9110_15_3_7_2_several_ranges_are_several_parts() -> None:
    found = shaped(ranged("0-1,10-19,-5"), LONG)
    boundary, pieces = parts_of(found)
    parted = b"--%b\r\nContent-Type: text/plain\r\nContent-Range: bytes %b/2000\r\n\r\n"
    assert found.status == 206
    assert pieces == [
        parted % (boundary, b"0-1"),
        slice(0, 2),
        b"\r\n" + parted % (boundary, b"10-19"),
        slice(10, 20),
        b"\r\n" + parted % (boundary, b"1995-1999"),
        slice(1995, 2000),
        b"\r\n--%b--\r\n" % boundary,
    ]
    length = sum(p.stop - p.start if isinstance(p, slice) else len(p) for p in pieces)
    assert found.fields.all(b"content-length") == (b"%d" % length,)
    assert b"content-range" not in found.fields
    assert found.fields.first(b"etag") == b'"a"'


def test_9530_2_a_digest_of_the_content_is_not_that_of_a_part() -> None:
    for spec in ("0-1", "0-1,10-19"):
        found = shaped(ranged(spec), LONG)
        assert b"content-digest" not in found.fields
        assert found.fields.first(b"repr-digest") == b"y"


@pytest.mark.parametrize(
    ("spec", "status", "count"),
    [
        pytest.param("0-1,10-11,20-21,30-31", 206, 4, id="as-many-as-there-may-be"),
        pytest.param("0-1,10-11,20-21,30-31,40-41", 200, 1, id="9110-14.2-too-many"),
        pytest.param("0-99,50-149,100-199", 206, 1, id="9110-14.2-overlapping-is-one"),
        pytest.param("0-0," * 99 + "0-0", 206, 1, id="a-hundred-times-the-same"),
        pytest.param("0-899,1000-1999", 200, 1, id="longer-than-the-whole"),
        pytest.param("0-1,5000-", 206, 1, id="9110-14.1.2-one-that-can-be-had"),
        pytest.param("3000-,5000-", 416, 0, id="9110-15.5.17-none-that-can-be-had"),
        pytest.param("0-1,3-2", 200, 1, id="9110-14.2-one-invalid"),
    ],
)
def test_how_many_ranges_are_answered(spec: str, status: int, count: int) -> None:
    found = shaped(ranged(spec), LONG)
    slices = [piece for piece in found.body or () if isinstance(piece, slice)]
    assert (found.status, len(slices)) == (status, count)


def test_9110_8_4_what_is_coded_is_not_put_into_parts() -> None:
    coded = replace(stored(FRESH, TAG, "Content-Encoding: gzip"), length=2_000)
    assert shaped(ranged("0-1,10-19"), coded).status == 200
    assert shaped(ranged("0-1"), coded).status == 206


def test_without_a_media_type_the_parts_have_none() -> None:
    untyped = replace(stored(FRESH), length=2_000)
    _, pieces = parts_of(shaped(ranged("0-1,10-19"), untyped))
    assert not any(b"Content-Type" in p for p in pieces if isinstance(p, bytes))


def test_the_boundary_is_that_of_the_answer_and_its_ranges() -> None:
    (one, _), (again, _), (other, _) = (
        parts_of(shaped(ranged(spec), LONG)) for spec in ("0-1,5-6", "0-1,5-6", "0-1,7-8")
    )
    later = replace(LONG, response_time=LONG.response_time + 0.001)
    assert one == again
    assert len({one, other, parts_of(shaped(ranged("0-1,5-6"), later))[0]}) == 3


def test_where_one_range_is_all_that_can_be_shown_several_get_the_whole() -> None:
    found = shape(ranged("0-1,5-6"), LONG, T, CacheStatus(hit=True), most_parts=1)
    assert (found.status, found.body) == (200, (slice(0, 2_000),))


def test_further_lines_are_in_every_answer() -> None:
    """9110 §12.5.5, §15.4.5: a 304 has the Vary of the 200."""
    line = (b"Vary", b"Accept-Encoding")
    for request in (GET, ask('If-None-Match: "a"'), ranged("0-1"), ranged("9-"), HEAD):
        found = shape(request, HELD, T, CacheStatus(hit=True), further=(line,))
        assert line in found.fields.lines
