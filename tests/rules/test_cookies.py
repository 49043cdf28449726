import pytest

from proxy.http.message import Fields
from proxy.rules.cookies import named, reduce

CASES = [
    ("none", [b"a=1; b=2"], (), None),
    ("one", [b"a=1; b=2"], (b"b",), b"b=2"),
    ("order of the rule", [b"a=1; b=2"], (b"b", b"a"), b"b=2; a=1"),
    ("duplicates stay", [b"a=1; b=0; a=2"], (b"a",), b"a=1; a=2"),
    ("several lines", [b"a=1", b"b=2"], (b"a", b"b"), b"a=1; b=2"),
    ("absent", [b"a=1"], (b"c",), None),
    ("case counts", [b"A=1"], (b"a",), None),
    ("no value", [b"a; b=1"], (b"a",), b"a"),
    ("white space", [b" a = 1 ;b=2"], (b"a",), b"a = 1"),
    ("equals in the value", [b"a=b=c"], (b"a",), b"a=b=c"),
    ("quotes do not hide", [b'x="; a=1; "'], (b"a",), b"a=1"),
]


@pytest.mark.parametrize(
    ("lines", "names", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_reduction(lines: list[bytes], names: tuple[bytes, ...], expected: bytes | None) -> None:
    fields = Fields([(b"Accept", b"*/*"), *((b"Cookie", line) for line in lines)])

    reduced = reduce(fields, names)

    assert reduced.first(b"cookie") == expected
    assert len(reduced.all(b"cookie")) <= 1
    assert reduced.first(b"accept") == b"*/*"


def test_without_cookies_nothing_changes() -> None:
    fields = Fields([(b"Accept", b"*/*")])

    assert reduce(fields, (b"a",)) is fields


def test_pairs_of_a_name_are_kept_whole() -> None:
    assert named(Fields([(b"cookie", b"a=1;b=2; a")]), b"a") == (b"a=1", b"a")
