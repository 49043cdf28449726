"""What of a head changes with the coding, and what of a condition the upstream understands."""

from dataclasses import replace

import pytest

from proxy.http.codings import Coding
from proxy.http.message import Fields
from proxy.http.validators import EntityTag
from proxy.policy.representation import (
    as_upstream_knows,
    by_tag_alone,
    held,
    recoded,
    represented,
    retold,
    unmodified,
    varying,
)
from proxy.policy.validation import conditional
from tests.policy.cases import ask, fields, stored, table

FRESH, TAG = "Cache-Control: max-age=60", 'ETag: "a"'
BR, GZIP, PLAIN = Coding.BR, Coding.GZIP, Coding.IDENTITY
CODED = '"a-sc.br.0f"'


def test_9110_8_8_3_3_a_coding_has_a_tag_a_length_and_a_name_of_its_own() -> None:
    plain = stored(FRESH, TAG, "X-A: 1")
    found = represented(plain, BR, b"0f", 3)
    assert found.etag == EntityTag(b"a-sc.br.0f")
    assert found.length == 3
    assert found.fields.first(b"etag") == CODED.encode()
    assert found.fields.first(b"content-encoding") == b"br"
    assert replace(found, etag=plain.etag, length=5, fields=plain.fields) == plain


@pytest.mark.parametrize(
    ("lines", "coding", "expected"),
    [
        pytest.param([TAG], BR, [f"ETag: {CODED}", "Content-Encoding: br"], id="coded"),
        pytest.param(['ETag: W/"a"'], BR, ['ETag: W/"a"', "Content-Encoding: br"], id="weak-stays"),
        pytest.param(["ETag: a"], BR, ["Content-Encoding: br"], id="unreadable-goes"),
        pytest.param(
            [TAG, "Content-Encoding: gzip", "Content-Length: 9"],
            PLAIN,
            ['ETag: "a-sc.identity.0f"'],
            id="decoded",
        ),
    ],
)
def test_recoded(lines: list[str], coding: Coding, expected: list[str]) -> None:
    assert recoded(fields(*lines), coding, b"0f") == fields(*expected)


@pytest.mark.parametrize(
    ("lines", "lacking"),
    [
        ([], True),
        (["Vary: Accept"], True),
        (["Vary: Accept, accept-encoding"], False),
        (["Vary: Accept", "Vary: Accept-Encoding"], False),
        (["Vary: *"], False),
    ],
)
def test_9110_12_5_5_vary_is_said_once(lines: list[str], *, lacking: bool) -> None:
    expected = ((b"Vary", b"Accept-Encoding"),) if lacking else ()
    assert varying(fields(*lines)) == expected


HELD = {
    "9110-13.1.2-one": (CODED, TAG, BR, b"0f"),
    "9110-13.1.2-in-a-list": (f'"x", {CODED}, "y"', TAG, BR, b"0f"),
    "9110-8.8.3.2-weakened-on-the-way": (f"W/{CODED}", TAG, BR, b"0f"),
    "another-mark-of-the-same": ('"a-sc.br.ee"', TAG, BR, b"ee"),
    "another-coding": (CODED, TAG, GZIP, None),
    "another-tag": (CODED, 'ETag: "b"', BR, None),
    "no-tag": (CODED, "X-A: 1", BR, None),
    "a-weak-tag-needs-none": (CODED, 'ETag: W/"a"', BR, None),
    "plain": ('"a"', TAG, BR, None),
    "any": ("*", TAG, BR, None),
}


@pytest.mark.parametrize(("condition", "tag", "coding", "mark"), table(HELD))
def test_held(condition: str, tag: str, coding: Coding, mark: bytes | None) -> None:
    request = ask(f"If-None-Match: {condition}")
    assert held(request, stored(FRESH, tag), coding) == mark


def test_9110_13_2_1_only_of_a_read() -> None:
    request = ask(f"If-None-Match: {CODED}", method="POST")
    assert held(request, stored(FRESH, TAG), BR) is None


def test_9110_13_2_1_only_of_what_would_be_a_success() -> None:
    gone = stored(FRESH, TAG, status=404)
    assert held(ask(f"If-None-Match: {CODED}"), gone, BR) is None


DATED = "Last-Modified: Tue, 14 Nov 2023 00:00:00 GMT"
SINCE = "If-Modified-Since: Tue, 14 Nov 2023 00:00:00 GMT"


@pytest.mark.parametrize(
    ("lines", "condition", "tag"),
    [
        pytest.param([TAG], f"If-None-Match: {CODED}", b"a-sc.br.0f", id="9110-13.1.2-by-its-tag"),
        pytest.param([DATED], SINCE, None, id="9110-13.1.3-by-its-date"),
        pytest.param(['ETag: W/"a"'], 'If-None-Match: W/"a"', b"a", id="9110-13.1.2-weakly"),
        pytest.param(['ETag: W/"a"', DATED], SINCE, b"a", id="by-its-date-with-a-weak-tag"),
    ],
)
def test_nothing_is_coded_for_a_304(lines: list[str], condition: str, tag: bytes | None) -> None:
    found = unmodified(ask(condition), stored(FRESH, *lines), BR)
    assert found is not None
    assert (None if found.etag is None else found.etag.opaque) == tag


@pytest.mark.parametrize(
    ("lines", "condition"),
    [
        pytest.param([TAG, DATED], SINCE, id="the-304-has-the-tag-of-the-coding"),
        pytest.param([TAG], "If-None-Match: *", id="so-has-that-to-any"),
        pytest.param([TAG], 'If-None-Match: "a"', id="9110-8.8.3.3-plain"),
        pytest.param([DATED], "X: 1", id="unconditional"),
    ],
)
def test_else_it_is(lines: list[str], condition: str) -> None:
    assert unmodified(ask(condition), stored(FRESH, *lines), BR) is None


def test_9110_13_1_5_a_date_is_no_validator_of_a_coding() -> None:
    ranged, tagged = "Range: bytes=1-", 'If-Range: "a"'
    date = "If-Range: Tue, 14 Nov 2023 00:00:00 GMT"
    since = "If-Unmodified-Since: Tue, 14 Nov 2023 00:00:00 GMT"
    assert by_tag_alone(ask(ranged, date, "X: 1")).fields == fields("X: 1")
    assert by_tag_alone(ask(ranged, since)).fields == fields(since)
    for lines in ([ranged, tagged], [ranged], ["X: 1"], [date], [since]):
        assert by_tag_alone(ask(*lines)).fields == fields(*lines)


KNOWN = {
    "none-match": ([f"If-None-Match: {CODED}"], ['If-None-Match: "a"']),
    "match": ([f"If-Match: {CODED}"], ['If-Match: "a"']),
    "match-of-any-coding": (['If-Match: "a-sc.gzip.1"'], ['If-Match: "a"']),
    "in-a-list": ([f'If-None-Match: "b", {CODED}'], ['If-None-Match: "b", "a"']),
    "weakened": ([f"If-None-Match: W/{CODED}"], ['If-None-Match: W/"a"']),
    "once": ([f'If-None-Match: "a", {CODED}'], ['If-None-Match: "a"']),
    "9110-13.1.2-not-what-is-selected": (['If-None-Match: "a-sc.gzip.1"', "X: 1"], ["X: 1"]),
    "9110-13.1.2-nor-in-a-list": (['If-None-Match: "b", "a-sc.gzip.1"'], ['If-None-Match: "b"']),
    "range-of-a-coding": (["Range: bytes=5-", f"If-Range: {CODED}", "X-A: 1"], ["X-A: 1"]),
    "9110-13.1.1-range-on-condition-of-a-coding": (
        ["Range: bytes=5-", f"If-Match: {CODED}"],
        ['If-Match: "a"'],
    ),
    "range-of-the-plain": (
        ["Range: bytes=5-", 'If-Range: "a"', f"If-None-Match: {CODED}"],
        ["Range: bytes=5-", 'If-Range: "a"', 'If-None-Match: "a"'],
    ),
    "any": (["If-Match: *", "X: -sc."], ["If-Match: *", "X: -sc."]),
    "not-ours": (['If-Match: "a-sc.zip.0"'], ['If-Match: "a-sc.zip.0"']),
    "nothing-to-do": (['If-None-Match: "a"', "X: 1"], ['If-None-Match: "a"', "X: 1"]),
}


@pytest.mark.parametrize(("lines", "expected"), table(KNOWN))
def test_as_upstream_knows(lines: list[str], expected: list[str]) -> None:
    assert as_upstream_knows(ask(*lines), BR).fields == fields(*expected)


def test_who_would_be_given_the_plain_body_asks_about_that_alone() -> None:
    found = as_upstream_knows(ask(f'If-None-Match: "b", {CODED}'), None)
    assert found.fields == fields('If-None-Match: "b"')


@pytest.mark.parametrize(
    ("condition", "tag", "expected"),
    [
        (CODED, '"a"', CODED),
        (f'"b", {CODED}', '"a"', CODED),
        (CODED, '"b"', '"b"'),
        (CODED, 'W/"a"', CODED),
        ('"a-sc.gzip.1"', '"a"', '"a"'),
        ('"a"', '"a"', '"a"'),
    ],
)
def test_9110_15_4_5_a_304_names_the_copy_that_the_client_has(
    condition: str, tag: str, expected: str
) -> None:
    request = ask(f"If-None-Match: {condition}")
    found = retold(request, fields(f"ETag: {tag}", "X: 1"), BR)
    assert found.first(b"etag") == expected.encode()
    assert found.first(b"x") == b"1"


def test_without_a_tag_a_304_stays_as_it_is() -> None:
    assert retold(ask(f"If-None-Match: {CODED}"), Fields(), BR) == Fields()


def test_9110_8_8_3_a_tag_of_our_own_is_not_asked_about() -> None:
    own = replace(stored(FRESH, TAG, "Last-Modified: Tue, 14 Nov 2023 00:00:00 GMT"), own_etag=True)
    asked = conditional(ask(), own)
    assert b"if-none-match" not in asked.fields
    assert b"if-modified-since" in asked.fields
