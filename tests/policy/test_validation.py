import pytest

from proxy.http.message import Head, Request
from proxy.policy import validation
from proxy.policy.stored import Stored
from tests.policy.cases import GET, ask, at, bare, fields, head, stored, table

FRESH = "Cache-Control: max-age=60"
A, WEAK_A, B = 'ETag: "a"', 'ETag: W/"a"', 'ETag: "b"'
LM = f"Last-Modified: {at(-50)}"
LATER = f"Last-Modified: {at(-40)}"
BOTH = stored(FRESH, A, LM)
TAGGED = stored(FRESH, A)
WEAK = stored(FRESH, WEAK_A)
DATED = stored(FRESH, LM)
NEITHER = stored(FRESH)

INM_A, IMS = 'If-None-Match: "a"', f"If-Modified-Since: {at(-50)}"

QUESTIONS = {
    "9111-4.3.1-both-validators": (ask("X-A: 1"), BOTH, ("X-A: 1", INM_A, IMS)),
    "9111-4.3.1-tag": (GET, TAGGED, (INM_A,)),
    "9111-4.3.1-weak-tag": (GET, WEAK, ('If-None-Match: W/"a"',)),
    "9111-4.3.1-date": (GET, DATED, (IMS,)),
    "9111-4.3.1-neither": (ask("X-A: 1"), NEITHER, ("X-A: 1",)),
    "9111-4.3.2-the-clients-conditions-give-way": (
        ask('If-None-Match: "z"', f"If-Modified-Since: {at(0)}", "If-Match: *"),
        TAGGED,
        (INM_A,),
    ),
    "9111-4.3.1-the-whole-is-validated": (
        ask("Range: bytes=0-1", 'If-Range: "a"', f"If-Unmodified-Since: {at(0)}"),
        BOTH,
        (INM_A, IMS),
    ),
    "9110-5.6.7-dates-are-sent-in-the-one-format": (
        GET,
        stored(FRESH, "Last-Modified: Tue Nov 14 22:12:30 2023"),
        (IMS,),
    ),
}


@pytest.mark.parametrize(("request_", "held", "lines"), table(QUESTIONS))
def test_conditional(request_: Request, held: Stored, lines: tuple[str, ...]) -> None:
    question = validation.conditional(request_, held)
    assert question == ask(*lines)


PARTIAL_OR_CONDITIONAL = {
    "9110-14.2-range": ("Range: bytes=0-1", True),
    "9110-13.1.1-if-match": ("If-Match: *", True),
    "9110-13.1.2-if-none-match": ("if-none-match: *", True),
    "9110-13.1.3-if-modified-since": ("If-Modified-Since: x", True),
    "9110-13.1.4-if-unmodified-since": ("If-Unmodified-Since: x", True),
    "9110-13.1.5-if-range": ("If-Range: x", True),
    "9110-13-neither": ("Accept: */*", False),
}


@pytest.mark.parametrize(("line", "expected"), table(PARTIAL_OR_CONDITIONAL))
def test_partial_or_conditional(line: str, *, expected: bool) -> None:
    request = ask(line, "X-A: 1")
    assert validation.is_partial_or_conditional(request) is expected
    assert validation.whole(request) == (ask("X-A: 1") if expected else request)


CONFIRMS = {
    "9111-4.3.4-strong-tag": (A, BOTH, True),
    "9111-4.3.4-another-strong-tag": (B, BOTH, False),
    "9111-4.3.4-strong-tag-for-a-weak-one": (A, WEAK, False),
    "9111-4.3.4-strong-tag-for-none": (A, DATED, False),
    "9111-4.3.4-weak-tag": (WEAK_A, WEAK, True),
    "9111-4.3.4-weak-tag-for-a-strong-one": (WEAK_A, TAGGED, True),
    "9111-4.3.4-another-weak-tag": ('ETag: W/"b"', WEAK, False),
    "9111-4.3.4-weak-tag-for-none": (WEAK_A, NEITHER, False),
    "9111-4.3.4-date": (LM, DATED, True),
    "9111-4.3.4-date-beside-a-tag": (LM, BOTH, True),
    "9111-4.3.4-another-date": (LATER, DATED, False),
    "9111-4.3.4-date-for-none": (LM, NEITHER, False),
    "9111-4.3.4-unreadable-date": ("Last-Modified: x", DATED, False),
    "9111-4.3.4-no-validator-for-none": ("X-A: 1", NEITHER, True),
    "9111-4.3.4-no-validator-for-the-one-asked-about": ("X-A: 1", BOTH, True),
    "9110-8.8.3-unquoted-tag-is-none": ("ETag: a", DATED, True),
}


@pytest.mark.parametrize(("line", "held", "expected"), table(CONFIRMS))
def test_confirms(line: str, held: Stored, *, expected: bool) -> None:
    assert validation.confirms(bare(304, line), held) is expected


def test_confirms_by_tag_before_date() -> None:
    """9111 §4.3.4: one strong validator that is the same suffices; one that is not, does not."""
    assert validation.confirms(bare(304, A, LATER), BOTH)
    assert not validation.confirms(bare(304, B, LM), BOTH)


AGREES = {
    "9111-4.3.5-nothing-to-compare": (bare(200), BOTH, True),
    "9111-4.3.5-all-alike": (bare(200, A, LM, "Content-Length: 5"), BOTH, True),
    "9111-4.3.5-other-tag": (bare(200, B, LM), BOTH, False),
    "9111-4.3.5-weak-for-strong": (bare(200, WEAK_A), BOTH, False),
    "9111-4.3.5-tag-where-none-was": (bare(200, A), DATED, False),
    "9111-4.3.5-other-date": (bare(200, A, LATER), BOTH, False),
    "9111-4.3.5-date-where-none-was": (bare(200, LM), TAGGED, False),
    "9111-4.3.5-other-length": (bare(200, A, "Content-Length: 6"), BOTH, False),
    "9111-4.3.5-odd-length": (bare(200, A, "Content-Length: x"), BOTH, False),
    "9111-4.3.5-a-part-cannot-tell": (
        bare(200, A),
        stored(FRESH, A, "Content-Range: bytes 0-4/9", status=206),
        False,
    ),
    "9111-4.3.5-another-status": (bare(200), stored(FRESH, status=404), False),
}


@pytest.mark.parametrize(("response", "held", "expected"), table(AGREES))
def test_agrees(response: Head, held: Stored, *, expected: bool) -> None:
    assert validation.agrees(response, held) is expected


HELD = stored(FRESH, A, "X-A: 1", "X-a: 2", "Content-Type: text/plain", "Content-Encoding: gzip")
KEPT = ("X-A: 1", "X-a: 2", "Content-Type: text/plain", "Content-Encoding: gzip")
DATE, LENGTH = f"Date: {at(0)}", "Content-Length: 5"

UPDATES = {
    "9111-3.2-nothing-new": (bare(304), (FRESH, A, *KEPT, DATE, LENGTH)),
    "9111-3.2-values-are-replaced": (
        bare(304, "Cache-Control: max-age=9", f"Date: {at(60)}"),
        (A, *KEPT, "Cache-Control: max-age=9", f"Date: {at(60)}", LENGTH),
    ),
    "9111-3.2-all-lines-of-a-name-are-replaced": (
        bare(304, "x-a: 3"),
        (FRESH, A, *KEPT[2:], DATE, "x-a: 3", LENGTH),
    ),
    "9111-3.2-fields-are-added": (
        bare(304, "X-B: 1", "X-B: 2"),
        (FRESH, A, *KEPT, DATE, "X-B: 1", "X-B: 2", LENGTH),
    ),
    "9111-3.2-content-type-is-updated": (
        bare(304, "Content-Type: text/html"),
        (FRESH, A, *KEPT[:2], KEPT[3], DATE, "Content-Type: text/html", LENGTH),
    ),
    "9111-3.2-content-length-is-not": (
        bare(304, "Content-Length: 0"),
        (FRESH, A, *KEPT, DATE, LENGTH),
    ),
    "9111-3.2-what-the-body-depends-on-is-not": (
        bare(304, "Content-Encoding: br", "Content-Range: bytes 0-1/2"),
        (FRESH, A, *KEPT, DATE, LENGTH),
    ),
    "9111-7.3-a-cookie-for-one-caller-is-not": (
        bare(304, "Set-Cookie: a=b"),
        (FRESH, A, *KEPT, DATE, LENGTH),
    ),
    "9111-3.1-nor-what-is-not-stored": (
        bare(304, "Connection: x-a", "X-A: 9", "Keep-Alive: x"),
        (FRESH, A, *KEPT, DATE, LENGTH),
    ),
    "9111-4.2.3-age-is-for-the-new-reckoning": (
        bare(304, "Age: 3"),
        (FRESH, A, *KEPT, DATE, "Age: 3", LENGTH),
    ),
}


@pytest.mark.parametrize(("response", "lines"), table(UPDATES))
def test_updated(response: Head, lines: tuple[str, ...]) -> None:
    assert validation.updated(HELD, response) == bare(200, *lines)


def test_an_updated_part_stays_a_part() -> None:
    held = stored(FRESH, "Content-Range: bytes 0-4/9", status=206)
    merged = validation.updated(held, bare(304, "Content-Range: bytes 5-8/9"))
    assert (merged.status, merged.fields.all(b"content-range")) == (206, (b"bytes 0-4/9",))


UNDATED = stored(FRESH)  # neither tag nor Last-Modified: its Date stands in

NOT_MODIFIED = {
    "9110-13.1.2-same-tag": ((INM_A,), TAGGED, True),
    "9110-13.1.2-weak-comparison": ((INM_A,), WEAK, True),
    "9110-13.1.2-weak-comparison-of-a-weak-one": (('If-None-Match: W/"a"',), TAGGED, True),
    "9110-13.1.2-one-of-several": (('If-None-Match: "x,y", "a"',), TAGGED, True),
    "9110-13.1.2-one-of-several-lines": (('If-None-Match: "x"', INM_A), TAGGED, True),
    "9110-13.1.2-other-tag": (('If-None-Match: "b"',), TAGGED, False),
    "9110-13.1.2-case-matters": (('If-None-Match: "A"',), TAGGED, False),
    "9110-13.1.2-star": (("If-None-Match: *",), NEITHER, True),
    "9110-13.1.2-star-among-tags-is-no-star": (('If-None-Match: *, "b"',), TAGGED, False),
    "9110-13.1.2-nothing-stored-to-match": ((INM_A,), DATED, False),
    "9110-13.1.2-unquoted": (("If-None-Match: a",), TAGGED, False),
    "9110-13.1.3-same-date": ((IMS,), DATED, True),
    "9110-13.1.3-later": ((f"If-Modified-Since: {at(-1)}",), DATED, True),
    "9110-13.1.3-earlier": ((f"If-Modified-Since: {at(-51)}",), DATED, False),
    "9110-13.1.3-unreadable-is-ignored": (("If-Modified-Since: x",), DATED, False),
    "9110-13.1.3-two-dates-are-ignored": ((IMS, IMS), DATED, False),
    "9110-13.1.3-obsolete-format": (
        ("If-Modified-Since: Tue Nov 14 22:12:30 2023",),
        DATED,
        True,
    ),
    "9110-13.2.2-tag-before-date-yes": (
        (INM_A, f"If-Modified-Since: {at(-99)}"),
        BOTH,
        True,
    ),
    "9110-13.2.2-tag-before-date-no": (('If-None-Match: "b"', IMS), BOTH, False),
    "9110-13.1.3-ignored-beside-an-unreadable-tag": (("If-None-Match: b", IMS), BOTH, False),
    "9111-4.3.2-date-stands-in-for-last-modified": (
        (f"If-Modified-Since: {at(0)}",),
        UNDATED,
        True,
    ),
    "9111-4.3.2-date-is-later": ((f"If-Modified-Since: {at(-1)}",), UNDATED, False),
    "9110-13.2.1-not-for-an-error": (
        ("If-None-Match: *",),
        stored(FRESH, A, status=404),
        False,
    ),
    "9110-13.2.1-not-for-a-redirect": ((IMS,), stored(FRESH, LM, status=301), False),
    "9111-4.3.2-for-a-part": (
        (INM_A,),
        stored(FRESH, A, "Content-Range: bytes 0-4/9", status=206),
        True,
    ),
    "9111-4.3.2-not-evaluated-by-a-cache": (("If-Match: *",), TAGGED, False),
    "9110-13-no-condition": ((), BOTH, False),
}


@pytest.mark.parametrize(("lines", "held", "expected"), table(NOT_MODIFIED))
def test_not_modified(lines: tuple[str, ...], held: Stored, *, expected: bool) -> None:
    assert validation.not_modified(ask(*lines), held) is expected


def test_not_modified_since_arrival_without_date() -> None:
    """9111 §4.3.2: where no Date is present either, the time of arrival counts."""
    held = stored(FRESH, "Date: x")
    assert validation.not_modified(ask(f"If-Modified-Since: {at(0)}"), held)
    assert not validation.not_modified(ask(f"If-Modified-Since: {at(-1)}"), held)


YOUNG = stored(FRESH, f"Last-Modified: {at(0)}")

IF_RANGE = {
    "9110-13.1.5-none": ((), TAGGED, True),
    "9110-13.1.5-same-tag": (('If-Range: "a"',), TAGGED, True),
    "9110-13.1.5-other-tag": (('If-Range: "b"',), TAGGED, False),
    "9110-13.1.5-weak-tag-asked": (('If-Range: W/"a"',), TAGGED, False),
    "9110-13.1.5-weak-tag-stored": (('If-Range: "a"',), WEAK, False),
    "9110-13.1.5-weak-tags": (('If-Range: W/"a"',), WEAK, False),
    "9110-13.1.5-no-tag-stored": (('If-Range: "a"',), DATED, False),
    "9110-13.1.5-same-date": ((f"If-Range: {at(-50)}",), DATED, True),
    "9110-13.1.5-later-date-is-no-match": ((f"If-Range: {at(-49)}",), DATED, False),
    "9110-13.1.5-earlier-date": ((f"If-Range: {at(-51)}",), DATED, False),
    "9110-8.8.2.2-date-too-young-to-be-strong": ((f"If-Range: {at(0)}",), YOUNG, False),
    "9110-13.1.5-no-date-stored": ((f"If-Range: {at(-50)}",), NEITHER, False),
    "9110-13.1.5-neither-tag-nor-date": (("If-Range: a",), TAGGED, False),
    "9110-13.1.5-list-of-tags": (('If-Range: "a", "b"',), TAGGED, False),
    "9110-13.1.5-two-lines": (('If-Range: "a"', 'If-Range: "b"'), TAGGED, False),
}


@pytest.mark.parametrize(("lines", "held", "expected"), table(IF_RANGE))
def test_range_applies(lines: tuple[str, ...], held: Stored, *, expected: bool) -> None:
    assert validation.range_applies(ask(*lines), held) is expected


def test_what_a_304_changes_is_judged_anew() -> None:
    """9111 §4.3.4: the freshened response lives as long as its new fields say."""
    merged = validation.updated(BOTH, head(304, "Cache-Control: max-age=500", "Age: 7"))
    renewed = stored(*(f"{n.decode()}: {v.decode()}" for n, v in merged.fields))
    assert (renewed.lifetime.seconds, renewed.age_on_arrival) == (500, 7)
    assert renewed.fields.all(b"age") == ()
    assert fields(A).lines[0] in renewed.fields.lines


LISTED = stored('Cache-Control: max-age=60, no-cache="X-A", private="x-b"')

PERSONAL = {
    "9111-7.3-set-cookie": (NEITHER, ("Set-Cookie: a=b", "X-C: 1"), ("Set-Cookie: a=b",)),
    "9111-7.3-every-set-cookie": (NEITHER, *[("Set-Cookie: a=b", "set-cookie: c=d")] * 2),
    "9111-5.2.2.4-qualified-no-cache": (LISTED, ("x-a: 1", "X-C: 1"), ("x-a: 1",)),
    "9111-5.2.2.7-qualified-private": (LISTED, ("X-B: 1", "X-C: 1"), ("X-B: 1",)),
    "9111-4.3.4-the-rest-is-for-all": (NEITHER, ("X-A: 1", "X-B: 1"), ()),
}


@pytest.mark.parametrize(("held", "lines", "expected"), table(PERSONAL))
def test_personal(held: Stored, lines: tuple[str, ...], expected: tuple[str, ...]) -> None:
    assert validation.personal(bare(304, *lines), held) == fields(*expected).lines
