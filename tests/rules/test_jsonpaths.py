import time
from typing import Any

import jsonpath
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.rules.jsonpaths import LONGEST, MOST_STEPS, TooLarge, parse, values

DOCUMENT = orjson.loads(
    b'{"id": 1, "related": [{"id": "a", "n": 0}, {"id": "b"}, {"n": 5}],'
    b' "deep": {"id": [7, 8, 9], "x y": {"id": null}}}'
)

PATHS: list[tuple[str, list[object]]] = [
    ("$.id", [1]),
    ("$.related[*].id", ["a", "b"]),
    ("$.related[0].id", ["a"]),
    ("$.related[-1].n", [5]),
    ("$.related[9]", []),
    ("$.related[-9]", []),
    ("$['deep']['x y'].id", [None]),
    ("$.related[0]['id','n']", ["a", 0]),
    ("$.deep.id[1:]", [8, 9]),
    ("$.deep.id[::-1]", [9, 8, 7]),
    ("$.deep.id[::0]", []),
    ("$.deep.id[-1]", [9]),
    ("$.id[0]", []),
    ("$.related.id", []),
    ("$.id.id", []),
    ("$.id[:]", []),
    ("$.id.*", []),
    ("$..n", [0, 5]),
]

REFUSED = [
    ("", "starts with '$'"),
    ("related", "starts with '$'"),
    ("$" + ".a" * LONGEST, "at most"),
    ("$.a[", "is no JSON path"),
    ("$..", "is no JSON path"),
    ("$.a ", "is no JSON path"),
    ("$[99999999999999999999]", "is no JSON path"),
    ("$.a | $.b", "is no JSON path"),
    ("$.a & $.b", "is no JSON path"),
    ("$.a.~b", "is no JSON path"),
    ("$.a.length()", "is no JSON path"),
    ("$[?@.a == 1]", "filters and functions are not accepted"),
    ("$[?match(@.a, '(a+)+')]", "filters and functions are not accepted"),
    ("$..[?@.a]", "filters and functions are not accepted"),
    ("$[" + "?@[" * 60, "is no JSON path"),
]


def found(path: str, document: object) -> list[object]:
    return [value for _, value in values([parse(path)], document)]


def ordered(some: list[object]) -> list[bytes]:
    return sorted(map(orjson.dumps, some))


@pytest.mark.parametrize(("path", "expected"), PATHS, ids=[path for path, _ in PATHS])
def test_a_path_leads_to_values(path: str, expected: list[object]) -> None:
    assert ordered(found(path, DOCUMENT)) == ordered(expected)


def test_9535_2_2_the_root_is_the_document() -> None:
    assert found("$", DOCUMENT) == [DOCUMENT]


def test_values_come_with_the_number_of_their_path() -> None:
    paths = [parse("$.id"), parse("$.related[0].n")]

    assert sorted(values(paths, DOCUMENT), key=str) == [(0, 1), (1, 0)]


@pytest.mark.parametrize(("path", "remedy"), REFUSED, ids=[path[:20] for path, _ in REFUSED])
def test_what_is_no_path_is_refused_with_a_remedy(path: str, remedy: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse(path)

    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.just(""),  # the library slices text
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=12,
)


def written(part: int | None) -> str:
    return "" if part is None else str(part)


SMALL = st.none() | st.integers(-5, 5)
SELECTORS = st.one_of(
    st.sampled_from(["'a'", "'b'", "*"]),
    st.integers(-5, 5).map(str),
    # The library knows no slice without a start after a comma.
    st.tuples(st.integers(-5, 5), SMALL).map(lambda parts: ":".join(map(written, parts))),
    st.tuples(st.integers(-5, 5), SMALL, st.integers(-3, 3)).map(
        lambda parts: ":".join(map(written, parts))
    ),
)
SEGMENTS = st.builds(
    lambda deep, selectors: f"{'..' if deep else ''}[{','.join(selectors)}]",
    st.booleans(),
    st.lists(SELECTORS, min_size=1, max_size=3),
)


@given(st.lists(SEGMENTS, max_size=3).map(lambda segments: "$" + "".join(segments)), JSON)
def test_9535_the_walk_finds_what_the_library_finds(path: str, document: object) -> None:
    library = jsonpath.JSONPathEnvironment(strict=True)

    # The library reads a document that is text as JSON; in a list it does not.
    expected = library.findall("$[0]" + path[1:], [document])

    assert ordered(found(path, document)) == ordered(expected)


@given(st.text("$.[]*'a?@:,0-9|&~() ", max_size=20).map("$".__add__))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    try:
        path = parse(text)
    except ValueError:
        return
    assert isinstance(list(values([path], DOCUMENT)), list)


def nested(depth: int) -> object:
    document: object = 1
    for _ in range(depth):
        document = [document]
    return document


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("$..*..*..*", nested(1_000)),
        ("$..[*,*,*,*]..[*,*,*,*]", nested(500)),
        ("$" + "[*,*]" * 30, nested(40)),
        ("$" + "[*]", [0] * (MOST_STEPS + 1)),
    ],
    ids=["descendants of descendants", "unions of them", "doubling", "wide"],
)
def test_a_walk_without_end_is_given_up(path: str, document: object) -> None:
    start = time.process_time()
    with pytest.raises(TooLarge):
        found(path, document)
    spent = time.process_time() - start

    start = time.process_time()
    found("$..a", [0] * (MOST_STEPS - 1))  # what is just within the bound
    assert spent < 10 * (time.process_time() - start) + 0.1


def test_all_paths_together_have_one_bound() -> None:
    paths = [parse("$[*].a")] * 3

    with pytest.raises(TooLarge):
        list(values(paths, [0] * (MOST_STEPS // 2)))


def test_deep_documents_need_no_recursion() -> None:
    assert found("$..a", nested(100_000)) == []
