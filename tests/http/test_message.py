"""Messages as values (9110 §5, §6)."""

import pytest

from proxy.http.message import NO_FIELDS, Fields, Request

LINES = ((b"A", b"1"), (b"b", b"2"), (b"a", b"3"))
FIELDS = Fields(LINES)


def test_lines_keep_order_and_spelling() -> None:
    assert tuple(FIELDS) == FIELDS.lines == LINES
    assert len(FIELDS) == 3
    assert set(FIELDS.names()) == {b"a", b"b"}


def test_look_up_is_by_lower_case_name() -> None:
    assert (FIELDS.all(b"a"), FIELDS.first(b"a"), FIELDS.joined(b"a")) == (
        (b"1", b"3"),
        b"1",
        b"1, 3",
    )
    assert (FIELDS.all(b"c"), FIELDS.first(b"c"), FIELDS.joined(b"c")) == ((), None, None)
    assert b"a" in FIELDS
    assert b"A" not in FIELDS


def test_a_name_that_comes_very_often_costs_no_more_than_others() -> None:
    many = Fields([(b"A", b"1")] * 100_000)  # minutes, if each line copied those before it

    assert len(many.all(b"a")) == 100_000


def test_fields_are_values() -> None:
    assert Fields(list(LINES)) == FIELDS
    assert hash(Fields(LINES)) == hash(FIELDS)
    assert Fields(reversed(LINES)) != FIELDS
    assert FIELDS != LINES
    assert eval(repr(FIELDS), {"Fields": Fields}) == FIELDS  # noqa: S307 - our own repr


def test_without_and_plus_make_new_fields() -> None:
    assert FIELDS.without({b"a"}) == Fields([(b"b", b"2")])
    assert FIELDS.without({b"c"}) is FIELDS
    assert NO_FIELDS.plus(*LINES) == FIELDS


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        pytest.param(b"/a%20b?c=d?e", b"/a%20b", b"c=d?e", id="9112-3.2.1-query"),
        pytest.param(b"/a", b"/a", b"", id="no-query"),
        pytest.param(b"*", b"*", b"", id="9112-3.2.4-asterisk-form"),
    ],
)
def test_a_target_has_a_path_and_a_query(target: bytes, path: bytes, query: bytes) -> None:
    request = Request("GET", "http", b"h", target)

    assert (request.path, request.query) == (path, query)
