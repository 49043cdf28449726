"""A purge as a value: what it is about, in parts, and together with others."""

import pytest

from proxy.engine.purge import (
    MOST_IN_ALL,
    MOST_PATTERNS,
    MOST_TAGS,
    Mode,
    Purge,
    together,
)
from proxy.rules import labels, patterns
from proxy.rules.labels import EVERYTHING, Labels

THING = Labels((EVERYTHING, labels.tag(b"a")), b"shop.example/p/1")
EVERYTHING_SOFT = Purge((EVERYTHING,), mode=Mode.SOFT)


def tags(count: int, start: int = 0) -> tuple[bytes, ...]:
    return tuple(labels.tag(b"%d" % number) for number in range(start, start + count))


def pointing(count: int, start: int = 0) -> tuple[bytes, ...]:
    return tuple(patterns.prefix(b"/%d/" % number) for number in range(start, start + count))


@pytest.mark.parametrize(
    ("purge", "meant"),
    [
        (Purge(), False),
        (Purge((labels.tag(b"a"),)), True),
        (Purge((labels.tag(b"b"), labels.tag(b"a"))), True),
        (Purge((labels.tag(b"b"),)), False),
        (Purge((EVERYTHING,)), True),
        (Purge(patterns=(patterns.prefix(b"/p/"),)), True),
        (Purge(patterns=(patterns.prefix(b"/q/"),)), False),
        (Purge((labels.tag(b"b"),), (patterns.wildcard(b"shop.example/*"),)), True),
    ],
)
def test_what_a_purge_is_about(purge: Purge, *, meant: bool) -> None:
    assert purge.meets(THING) is meant


@pytest.mark.parametrize(
    ("tagged", "pointed", "parts"),
    [
        (0, 0, [(0, 0)]),
        (1, 0, [(1, 0)]),
        (MOST_TAGS, MOST_PATTERNS, [(1_000, 64)]),
        (MOST_TAGS + 1, 1, [(1_000, 1), (1, 0)]),
        (1, MOST_PATTERNS + 1, [(1, 64), (0, 1)]),
        (MOST_IN_ALL, 0, [(1_000, 0)] * 10),
    ],
)
def test_in_parts_nothing_is_left_out(
    tagged: int, pointed: int, parts: list[tuple[int, int]]
) -> None:
    purge = Purge(tags(tagged), pointing(pointed), Mode.SOFT)
    found = list(purge.portions())
    assert [(len(part.tags), len(part.patterns)) for part in found] == parts
    assert sum((part.tags for part in found), ()) == purge.tags
    assert sum((part.patterns for part in found), ()) == purge.patterns
    assert {part.mode for part in found} == {Mode.SOFT}


def test_what_names_too_much_is_everything() -> None:
    purge = Purge(tags(MOST_IN_ALL + 1), pointing(1), Mode.SOFT)
    assert list(purge.portions()) == [EVERYTHING_SOFT]


@pytest.mark.parametrize(
    ("purges", "expected"),
    [
        ([], Purge(mode=Mode.SOFT)),
        (
            [Purge(tags(2), pointing(2)), Purge(tags(2, 1), pointing(2, 1))],
            Purge(tags(3), pointing(3), Mode.SOFT),
        ),
        ([Purge(tags(MOST_IN_ALL)), Purge(tags(1))], Purge(tags(MOST_IN_ALL), mode=Mode.SOFT)),
        ([Purge(tags(MOST_IN_ALL)), Purge(tags(1, MOST_IN_ALL))], EVERYTHING_SOFT),
        ([Purge((), pointing(MOST_PATTERNS)), Purge((), pointing(2, 63))], EVERYTHING_SOFT),
    ],
    ids=["none", "each-once", "as-many-as-there-may-be", "too-many-tags", "too-many-patterns"],
)
def test_together_they_mean_no_less(purges: list[Purge], expected: Purge) -> None:
    assert together(purges, Mode.SOFT) == expected
