from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.target import segments
from proxy.openapi.shapes import meet
from proxy.rules.paths import Trie, parse

MATCHES = [
    ("/", b"/", {}),
    ("/products", b"/products", {}),
    ("/products", b"/%70roducts", {}),
    ("/%70roducts", b"/products", {}),
    ("/a%20b", b"/a%20b", {}),
    ("/größe", b"/gr%C3%B6%C3%9Fe", {}),
    ("/products/", b"/products/", {}),
    ("/products/{id}", b"/products/42", {"id": b"42"}),
    ("/products/{id}", b"/products/%34%32", {"id": b"42"}),
    ("/{a}/x/{b}", b"/1/x/2", {"a": b"1", "b": b"2"}),
    ("/a/*/b", b"/a/x/b", {}),
    ("/me/**", b"/me", {}),
    ("/me/**", b"/me/", {}),
    ("/me/**", b"/me/orders/7", {}),
    ("/{shop}/**", b"/7/x/y", {"shop": b"7"}),
    ("/**", b"/", {}),
    ("/**", b"/a/b/c/", {}),
]

MISSES = [
    ("/products", b"/products/"),
    ("/products/", b"/products"),
    ("/products", b"/Products"),
    ("/products/{id}", b"/products/"),
    ("/products/{id}", b"/products"),
    ("/products/{id}", b"/products/42/reviews"),
    ("/products/{id}", b"/products/42/"),
    ("/products/{id}", b"/products/4%2F2"),
    ("/a/*/b", b"/a/x/y/b"),
    ("/me/**", b"/men"),
    ("/", b"/a"),
    ("/*", b"/"),
]

BAD = [
    ("products", "starts with '/'"),
    ("", "starts with '/'"),
    ("/a/**/b", "can only come last"),
    ("/a//b", "matches no path"),
    ("/{id}/{id}", "used once"),
    ("/a*", "literal text"),
    ("/{Id}", "literal text"),
    ("/{}", "literal text"),
    ("/{id}.json", "literal text"),
    ("/a?b=c", "no query"),
    ("/a#b", "no query"),
    ("/a/../b", "no path is matched with"),
    ("/a/%2e", "no path is matched with"),
    ("/a%2Fb", "no path is matched with"),
    ("/a%", "no path is matched with"),
    ("/a\\b", "no path is matched with"),
]


def found(patterns: list[str], path: bytes) -> list[tuple[int, dict[str, bytes]]]:
    trie = Trie([(number, parse(text)) for number, text in enumerate(patterns)])
    split = segments(path)
    assert split is not None
    return [(number, dict(captures)) for number, captures in trie.candidates(split)]


@pytest.mark.parametrize(("pattern", "path", "captures"), MATCHES)
def test_a_pattern_meets_a_path(pattern: str, path: bytes, captures: dict[str, bytes]) -> None:
    assert found([pattern], path) == [(0, captures)]


@pytest.mark.parametrize(("pattern", "path"), MISSES)
def test_a_pattern_misses_a_path(pattern: str, path: bytes) -> None:
    assert found([pattern], path) == []


@pytest.mark.parametrize(("pattern", "remedy"), BAD)
def test_a_wrong_pattern_says_what_is_accepted(pattern: str, remedy: str) -> None:
    with pytest.raises(ValueError, match=remedy):
        parse(pattern)


def test_candidates_come_in_the_order_of_the_patterns() -> None:
    patterns = ["/**", "/a/{x}", "/a/b", "/*/b", "/c", "/a/**"]

    assert [number for number, _ in found(patterns, b"/a/b")] == [0, 1, 2, 3, 5]
    assert [number for number, _ in found(patterns[::-1], b"/a/b")] == [0, 2, 3, 4, 5]


def test_one_number_may_have_several_patterns() -> None:
    trie = Trie([(7, parse("/a/{x}")), (7, parse("/{y}/b"))])

    assert list(trie.candidates((b"a", b"b"))) == [(7, (("x", b"b"),)), (7, (("y", b"a"),))]


def visits(size: int, path: tuple[bytes, ...]) -> int:
    patterns = [f"/s{number}/{{id}}/x{number}" for number in range(size)]
    trie = Trie([(number, parse(text)) for number, text in enumerate(patterns)])
    return sum(map(len, trie.levels(path)))


@pytest.mark.parametrize(
    "path",
    [(b"s1", b"42", b"x1"), (b"s1", b"42", b"no"), (b"no",), (b"no", *[b"x"] * 1_000), (b"",)],
    ids=["met", "missed late", "missed early", "long", "root"],
)
def test_the_cost_of_a_look_up_does_not_grow_with_the_number_of_rules(
    path: tuple[bytes, ...],
) -> None:
    assert visits(10, path) == visits(10_000, path)
    assert visits(10, path) <= 4


WORD = st.sampled_from(["a", "b", "*", "{x}", "**", ""])


def naive(pattern: list[str], path: list[str]) -> bool:
    """Say the same as the trie, one segment at a time."""
    if pattern == ["**"]:
        return True
    if not pattern or not path:
        return pattern == path
    first = path[0] != "" if pattern[0] in {"*", "{x}"} else pattern[0] == path[0]
    return first and naive(pattern[1:], path[1:])


@given(
    written=st.lists(st.lists(WORD, min_size=1, max_size=4), max_size=8),
    path=st.lists(st.sampled_from(["a", "b", "c"]), max_size=4),
    slash=st.booleans(),
)
def test_the_trie_agrees_with_the_naive_reading(
    written: list[list[str]], path: list[str], *, slash: bool
) -> None:
    valid = []
    for words in written:
        try:
            parse("/" + "/".join(words))
        except ValueError:
            continue
        valid.append(words)
    path = [*path, ""] if slash or not path else path

    numbers = [
        n for n, _ in found(["/" + "/".join(w) for w in valid], ("/" + "/".join(path)).encode())
    ]

    assert numbers == [n for n, words in enumerate(valid) if naive(words, path)]


OVERLAPPING = st.lists(
    st.lists(st.sampled_from(["a", "b", "*", "{c}", ""]), min_size=1, max_size=4).flatmap(
        lambda words: st.sampled_from([words, [*words, "**"]])
    ),
    min_size=1,
    max_size=8,
)


@given(OVERLAPPING)
def test_patterns_that_share_a_path_are_found(given_words: list[list[str]]) -> None:
    patterns = []
    for words in given_words:
        with suppress(ValueError):  # of some that make no pattern
            patterns.append(parse("/" + "/".join(words)))
    trie = Trie(list(enumerate(patterns)))
    for one in patterns:
        expected = [n for n, other in enumerate(patterns) if meet(one.steps, other.steps)]
        assert sorted(trie.overlapping(one.steps)) == expected
