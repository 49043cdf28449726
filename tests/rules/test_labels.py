import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules import labels
from proxy.rules.labels import Labels


def test_each_kind_has_its_letter() -> None:
    made = [
        labels.tag(b"a"),
        labels.rule_tag("a"),
        labels.host_tag(b"a"),
        labels.uri_tag(b"http", b"a", b"/"),
        labels.target_tag(b"/"),
        labels.group_tag(b"http", b"a", b"a"),
        labels.EVERYTHING,
    ]

    assert len({label[:1] for label in made}) == len(made)


def test_a_long_tag_stands_as_its_digest() -> None:
    short, long = b"a" * labels.LONGEST, b"a" * (labels.LONGEST + 1)

    assert labels.tag(short) == b"t" + short
    assert labels.tag(long).startswith(b"t#")
    assert len(labels.tag(long)) == 34
    assert labels.tag(long) != labels.tag(long + b"a")


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_distinct_tags_stay_distinct(one: bytes, other: bytes) -> None:
    assert (labels.tag(one) == labels.tag(other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((b"http", b"a", b"g"), (b"https", b"a", b"g")),
        ((b"http", b"a", b"g"), (b"http", b"b", b"g")),
        ((b"http", b"a", b"g"), (b"http", b"a", b"G")),
    ],
    ids=["scheme", "authority", "case"],
)
def test_9875_2_1_a_group_is_one_origins_own(
    one: tuple[bytes, bytes, bytes], other: tuple[bytes, bytes, bytes]
) -> None:
    assert labels.group_tag(*one) != labels.group_tag(*other)


def test_labels_grow_without_doubles() -> None:
    grown = Labels((b"*", b"ta"), b"a/").plus([b"tb", b"ta", b"tb"])

    assert grown == Labels((b"*", b"ta", b"tb"), b"a/")


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (labels.tag(b"product:1"), "product:1"),
        (labels.tag(b"\xff"), "\\xff"),
        (labels.rule_tag("product"), "rule:product"),
        (labels.host_tag(b"a:81"), "host:a:81"),
        (labels.target_tag(b"/"), None),
        (labels.group_tag(b"http", b"a", b"g"), None),
        (labels.EVERYTHING, None),
    ],
)
def test_a_label_is_shown_where_it_says_anything(label: bytes, text: str | None) -> None:
    assert labels.shown(label) == text
