"""Entity tags (9110 §8.8.3, §13.1)."""

import pytest

from proxy.http.validators import (
    ANY,
    AnyTagType,
    EntityTag,
    parse_etag,
    parse_tags,
    strong_match,
    weak_match,
)

A, B = EntityTag(b"a"), EntityTag(b"b")
WEAK_A = EntityTag(b"a", weak=True)


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        pytest.param(b'"a"', A, id="9110-8.8.3-strong"),
        pytest.param(b'W/"a"', WEAK_A, id="9110-8.8.3-weak"),
        pytest.param(b'""', EntityTag(b""), id="9110-8.8.3-empty"),
        pytest.param(b' "a"\t', A, id="white-space"),
        pytest.param(b'"a,b\\"', EntityTag(b"a,b\\"), id="9110-8.8.3-no-escapes"),
        pytest.param(b'"\x80\xff!~"', EntityTag(b"\x80\xff!~"), id="9110-8.8.3-obs-text"),
        pytest.param(b'w/"a"', None, id="9110-8.8.3-weak-is-case-sensitive"),
        pytest.param(b"a", None, id="unquoted"),
        pytest.param(b"W/a", None, id="weak-unquoted"),
        pytest.param(b'"a', None, id="unterminated"),
        pytest.param(b'"a b"', None, id="space-inside"),
        pytest.param(b'"a\x7f"', None, id="delete-inside"),
        pytest.param(b'"a"b"', None, id="quote-inside"),
        pytest.param(b'"a", "b"', None, id="two"),
        pytest.param(b'"a"\n', None, id="line-feed"),
        pytest.param(b"*", None, id="star"),
        pytest.param(b"", None, id="empty"),
        pytest.param(None, None, id="absent"),
    ],
)
def test_parse_etag(value: bytes | None, tag: EntityTag | None) -> None:
    assert parse_etag(value) == tag


@pytest.mark.parametrize(
    ("values", "tags"),
    [
        pytest.param((), (), id="absent"),
        pytest.param((b"",), (), id="empty"),
        pytest.param((b" * ",), ANY, id="9110-13.1.2-star"),
        pytest.param((b'*, "a"',), (A,), id="star-among-tags"),
        pytest.param((b'"*"',), (EntityTag(b"*"),), id="star-as-tag"),
        pytest.param((b'"a", W/"a","b"',), (A, WEAK_A, B), id="9110-13.1.2-list"),
        pytest.param((b'"a"', b'"b"'), (A, B), id="9110-5.3-lines"),
        pytest.param((b', ,"a",,"b" ,',), (A, B), id="9110-5.6.1.2-empty-members"),
        pytest.param((b'"x,y", "b"',), (EntityTag(b"x,y"), B), id="comma-in-tag"),
        pytest.param((b'a, w/"x", "b"',), (B,), id="broken-members"),
        pytest.param((b'"a" x, "b"',), (B,), id="more-after-a-tag"),
        pytest.param((b'"x y", "b"',), (B,), id="space-in-tag"),
        pytest.param((b'"a", "b',), (A,), id="unterminated"),
    ],
)
def test_parse_tags(values: tuple[bytes, ...], tags: AnyTagType | tuple[EntityTag, ...]) -> None:
    assert parse_tags(values) == tags


@pytest.mark.parametrize(
    ("a", "b", "strong", "weak"),
    [
        pytest.param(WEAK_A, WEAK_A, False, True, id="9110-8.8.3.2-both-weak"),
        pytest.param(WEAK_A, EntityTag(b"b", weak=True), False, False, id="9110-8.8.3.2-different"),
        pytest.param(WEAK_A, A, False, True, id="9110-8.8.3.2-one-weak"),
        pytest.param(A, WEAK_A, False, True, id="9110-8.8.3.2-other-weak"),
        pytest.param(A, A, True, True, id="9110-8.8.3.2-both-strong"),
        pytest.param(A, B, False, False, id="different-strong"),
    ],
)
def test_match(a: EntityTag, b: EntityTag, strong: bool, weak: bool) -> None:  # noqa: FBT001 - columns of the table
    assert (strong_match(a, b), weak_match(a, b)) == (strong, weak)


@pytest.mark.parametrize(("tag", "rendered"), [(A, b'"a"'), (WEAK_A, b'W/"a"')])
def test_render(tag: EntityTag, rendered: bytes) -> None:
    assert tag.render() == rendered
