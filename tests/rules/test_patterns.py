import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.rules import patterns
from proxy.rules.patterns import LONGEST, MOST_STARS, matches, prefix, shown, wildcard

SHOP = b"shop.example/products/1?page=2"

PREFIXES = [
    ("a path on every host", b"/products/", SHOP, True),
    ("the root", b"/", SHOP, True),
    ("not at a boundary", b"/prod", SHOP, True),
    ("the whole", b"/products/1?page=2", SHOP, True),
    ("longer than the location", b"/products/1?page=20", SHOP, False),
    ("from the middle", b"/1", SHOP, False),
    ("case of the path", b"/Products", SHOP, False),
    ("a host", b"shop.example/", SHOP, True),
    ("a host and a path", b"shop.example/products", SHOP, True),
    ("9110-4.2.3-case-of-the-host", b"SHOP.example./products", SHOP, True),
    ("another host", b"example/products", SHOP, False),
    ("a host with the same beginning", b"shop.example/", b"shop.example.org/", False),
    ("a scheme", b"http://shop.example/products", SHOP, True),
    ("9110-4.2.1-default-port", b"HTTP://shop.example:80/products", SHOP, True),
    ("9110-4.2.2-default-port", b"https://shop.example:443/products", SHOP, True),
    ("another port", b"http://shop.example:443/products", SHOP, False),
    ("a port", b"a:8080/", b"a:8080/x", True),
    ("no port", b"a/", b"a:8080/x", False),
    ("an address", b"[::1]:8080/", b"[::1]:8080/x", True),
    ("3986-6.2.2.2-escape-of-a-letter", b"/%70roducts", SHOP, True),
    ("3986-6.2.2.1-case-of-an-escape", b"/a%2fb", b"a/a%2Fb", True),
    ("3986-6.2.2-escape-of-a-slash", b"/a%2fb", b"a/a/b", False),
    ("a slash inside", b"/http://x", b"a/http://x", True),
]

WILDCARDS = [
    ("no star", b"/a", b"x/a", True),
    ("no star, longer", b"/a", b"x/ab", False),
    ("no star, with a host", b"x/a", b"x/a", True),
    ("anything", b"/*", SHOP, True),
    ("a star for nothing", b"/a*", b"x/a", True),
    ("a star for slashes", b"/a*d", b"x/a/b/c/d", True),
    ("a star for a query", b"/products/*", SHOP, True),
    ("the query counts", b"/products/1", SHOP, False),
    ("a query", b"/*?page=2", SHOP, True),
    ("the end counts", b"/*?page", SHOP, False),
    ("a star in front", b"*/products/1*", SHOP, True),
    ("all of a host", b"shop.example/*", SHOP, True),
    ("all hosts below one", b"*.example/products/*", SHOP, True),
    ("9110-4.2.1-default-port", b"http://*.Example:80/*", SHOP, True),
    ("a host below itself", b"*.shop.example/*", SHOP, False),
    ("several", b"/p*t*/1*=*", SHOP, True),
    ("several in another order", b"/*page*products*", SHOP, False),
    ("what overlaps counts once", b"/ab*ba", b"x/aba", False),
    ("what overlaps in the middle", b"/a*a*a", b"x/aa", False),
    ("stars in a row", b"/a**b", b"x/ab", True),
    ("the leftmost place is not the last", b"/*ab*ab", b"x/abxabab", True),
]

REFUSED = [
    (prefix, b"", "a pattern is '/path'"),
    (prefix, b"products", "a pattern is '/path'"),
    (prefix, b"shop.example", "a pattern is '/path'"),
    (prefix, b"/a*", "make it a wildcard"),
    (prefix, b"http:///a", "a host is like"),
    (prefix, b"http://user@a/", "a host is like"),
    (prefix, b"ftp://a/", "a pattern is '/path'"),
    (prefix, b"//a/", "a pattern is '/path'"),
    (prefix, b"a b/", "a host is like"),
    (prefix, b"a:80/", "say http:// or https://"),
    (prefix, b"a:443/", "say http:// or https://"),
    (prefix, b"/a#b", "has no '#'"),
    (prefix, b"/a b", "escaped by '%'"),
    (prefix, "/größe".encode(), "escaped by '%'"),
    (prefix, b"/\n", "escaped by '%'"),
    (prefix, b"/a%", "two hexadecimal digits"),
    (prefix, b"/a%4", "two hexadecimal digits"),
    (prefix, b"/" + b"a" * LONGEST, "at most"),
    (wildcard, b"*", "a pattern is '/path'"),
    (wildcard, b"*.jpg", "a pattern is '/path'"),
    (wildcard, b"a*b/", "a host is like"),
    (wildcard, b"*.*/", "a host is like"),
    (wildcard, b"*./", "a host is like"),
    (wildcard, b"/%4*", "two hexadecimal digits"),
    (wildcard, b"/" + b"a*" * (MOST_STARS + 1), "at most"),
]


@pytest.mark.parametrize(
    ("text", "location", "expected"), [row[1:] for row in PREFIXES], ids=[r[0] for r in PREFIXES]
)
def test_a_prefix(text: bytes, location: bytes, *, expected: bool) -> None:
    assert matches(prefix(text), location) is expected


@pytest.mark.parametrize(
    ("text", "location", "expected"), [row[1:] for row in WILDCARDS], ids=[r[0] for r in WILDCARDS]
)
def test_a_wildcard(text: bytes, location: bytes, *, expected: bool) -> None:
    assert matches(wildcard(text), location) is expected


@pytest.mark.parametrize(("make", "text", "remedy"), REFUSED)
def test_a_pattern_that_could_not_mean_anything_is_refused(
    make: "type[bytes]", text: bytes, remedy: str
) -> None:
    with pytest.raises(ValueError) as caught:
        make(text)

    assert remedy in str(caught.value)


def test_the_longest_pattern_is_accepted() -> None:
    assert matches(prefix(b"/" + b"a" * (LONGEST - 1)), b"x/" + b"a" * LONGEST)
    assert matches(wildcard(b"/" + b"a*" * MOST_STARS), b"x/" + b"a" * MOST_STARS)


def test_what_has_no_path_is_under_no_path() -> None:
    assert not matches(prefix(b"/"), b"shop.example*")
    assert not matches(wildcard(b"/*"), b"shop.example*")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (prefix(b"HTTP://A:80/%7Ea"), "a/~a*"),
        (wildcard(b"/a*b**c"), "/a*b*c"),
        (b"/\xff", "/\\xff"),
    ],
)
def test_a_pattern_is_shown_as_the_wildcard_that_it_is(pattern: bytes, text: str) -> None:
    assert shown(pattern) == text


def slowly(pattern: bytes, text: bytes) -> bool:
    """Say by definition whether a wildcard meets a text: a star is nothing, or takes one byte."""
    reached = {0}
    for byte in pattern:
        if byte == ord("*"):
            reached = set(range(min(reached, default=len(text) + 1), len(text) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(text) and text[at] == byte}
    return len(text) in reached


FEW = st.text("ab/", max_size=12).map(str.encode)


@given(st.text("ab/*", max_size=10).map(str.encode), FEW)
@example(b"a*a", b"a")
def test_a_wildcard_meets_what_it_should(pattern: bytes, text: bytes) -> None:
    assert matches(wildcard(b"/z" + pattern), b"x/z" + text) is slowly(pattern, text)
    assert matches(wildcard(b"x/z" + pattern), b"x/z" + text) is slowly(pattern, text)


@given(FEW, FEW)
def test_a_prefix_is_a_prefix(pattern: bytes, text: bytes) -> None:
    assert matches(prefix(b"/z" + pattern), b"x/z" + text) is text.startswith(pattern)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_foreign_bytes_meet_or_do_not(pattern: bytes, location: bytes) -> None:
    assert matches(pattern, location) in {True, False}


@given(st.binary(max_size=40), st.sampled_from([prefix, wildcard]))
def test_any_text_is_a_pattern_or_refused(text: bytes, make: "type[bytes]") -> None:
    try:
        pattern = make(text)
    except ValueError:
        return
    assert wildcard(pattern) == pattern  # it is in its normal form


def test_the_work_is_linear_in_the_location() -> None:
    """Four times the text takes about four times the work, and not four squared."""
    pattern = wildcard(b"/" + b"*".join([b"a" * 100 + b"b"] * MOST_STARS))

    def cost(length: int) -> float:
        location = b"x/" + b"a" * length
        best = float("inf")
        for _ in range(5):
            start = time.process_time()
            for _ in range(200):
                patterns.matches(pattern, location)
            best = min(best, time.process_time() - start)
        return best

    assert cost(32_000) < 10 * cost(8_000)
