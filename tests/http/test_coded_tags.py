"""Entity tags of what was coded here (9110 §8.8.3.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.coded_tags import CodedTag, coded_tag, plain, taken_apart
from proxy.http.codings import Coding
from proxy.http.validators import EntityTag, parse_etag

OPAQUE = st.text([chr(c) for c in (0x21, *range(0x23, 0x7F))]).map(str.encode)
MARKS = st.text("0123456789abcdef", min_size=1, max_size=32).map(str.encode)


@given(OPAQUE, st.sampled_from(Coding), MARKS)
def test_what_is_put_together_comes_apart(opaque: bytes, coding: Coding, mark: bytes) -> None:
    base = EntityTag(opaque)
    tag = coded_tag(base, coding, mark)
    assert parse_etag(tag.render()) == tag != base
    assert taken_apart(tag) == CodedTag(base, coding, mark)
    assert plain(tag) == base


def test_9110_8_8_1_a_weak_tag_stays_as_it_is() -> None:
    weak = EntityTag(b"a", weak=True)
    assert coded_tag(weak, Coding.BR, b"0") is weak


def test_a_tag_that_came_back_weakened_is_taken_apart_too() -> None:
    tag = EntityTag(coded_tag(EntityTag(b"a"), Coding.BR, b"0f").opaque, weak=True)
    assert taken_apart(tag) == CodedTag(EntityTag(b"a", weak=True), Coding.BR, b"0f")


@pytest.mark.parametrize(
    "opaque",
    [b"", b"a", b"a-sc.br", b"a-sc.br.", b"a-sc.zip.0", b"a-sc.br.G", b"a-sc.br." + b"0" * 33],
)
def test_the_tags_of_others_are_left_alone(opaque: bytes) -> None:
    tag = EntityTag(opaque)
    assert taken_apart(tag) is None
    assert plain(tag) is tag


def test_a_tag_coded_twice_comes_apart_once() -> None:
    once = coded_tag(EntityTag(b"a"), Coding.GZIP, b"1")
    assert plain(coded_tag(once, Coding.BR, b"2")) == once
