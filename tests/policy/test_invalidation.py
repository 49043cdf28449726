import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.message import Fields
from proxy.policy.invalidation import doubtful, group_names, groups, invalidated
from tests.policy.cases import ask, head, table

OWN = ("http", b"api.test", b"/thing")


def here(target: bytes, authority: bytes = b"api.test") -> tuple[str, bytes, bytes]:
    return "http", authority, target


METHODS = {
    "9111-4.4-put": ("PUT", True),
    "9111-4.4-post": ("POST", True),
    "9111-4.4-delete": ("DELETE", True),
    "9111-4.4-patch": ("PATCH", True),
    "9111-4.4-safety-unknown": ("BREW", True),
    "9110-9.1-methods-are-case-sensitive": ("get", True),
    "9110-9.2.1-get": ("GET", False),
    "9110-9.2.1-head": ("HEAD", False),
    "9110-9.2.1-options": ("OPTIONS", False),
    "9110-9.2.1-trace": ("TRACE", False),
    "9110-16.1.1-registered-as-safe-propfind": ("PROPFIND", False),
    "9110-16.1.1-registered-as-safe-report": ("REPORT", False),
    "9110-16.1.1-registered-as-safe-search": ("SEARCH", False),
}


@pytest.mark.parametrize(("method", "expected"), table(METHODS))
def test_by_method(method: str, *, expected: bool) -> None:
    assert invalidated(ask(method=method), head(200)) == ((OWN,) if expected else ())


@pytest.mark.parametrize(("method", "expected"), table(METHODS))
def test_without_an_answer(method: str, *, expected: bool) -> None:
    assert doubtful(ask(method=method)) == ((OWN,) if expected else ())


@pytest.mark.parametrize("status", [199, 200, 201, 204, 299, 302, 303, 399, 400, 404, 500, 503])
def test_by_status(status: int) -> None:
    """9111 §4.4: a non-error response is one of 2xx or 3xx."""
    found = invalidated(ask(method="PUT"), head(status))
    assert found == ((OWN,) if 200 <= status <= 399 else ())


REFERENCES = {
    "9111-4.4-location": ("Location: /new", (here(b"/new"),)),
    "9111-4.4-content-location": ("Content-Location: /new?a", (here(b"/new?a"),)),
    "9111-4.4-relative": ("Location: new", (here(b"/new"),)),
    "9111-4.4-query-alone": ("Location: ?a=b", (here(b"/thing?a=b"),)),
    "9111-4.4-absolute": ("Location: http://api.test/new", (here(b"/new"),)),
    "9111-4.4-same-origin-otherwise-written": (
        "Location: http://API.test:80/new",
        (here(b"/new", b"API.test:80"),),
    ),
    "9111-4.4-the-target-itself-counts-once": ("Content-Location: /thing", ()),
    "9111-4.4-other-host": ("Location: http://x.test/new", ()),
    "9111-4.4-other-port": ("Location: http://api.test:8080/new", ()),
    "9111-4.4-other-scheme": ("Location: https://api.test/new", ()),
    "9111-4.4-other-host-without-scheme": ("Location: //x.test/new", ()),
    "9111-4.4-subdomain-is-another-host": ("Location: http://a.api.test/new", ()),
    "9111-4.4-userinfo-is-a-trick": ("Location: http://api.test@x.test/new", ()),
    "9111-4.4-no-uri": ("Location: ht tp:/", ()),
    "9111-4.4-another-kind-of-uri": ("Location: mailto:a@api.test", ()),
}


@pytest.mark.parametrize(("line", "others"), table(REFERENCES))
def test_references(line: str, others: tuple[tuple[str, bytes, bytes], ...]) -> None:
    assert invalidated(ask(method="POST"), head(201, line)) == (OWN, *others)


LISTS: dict[str, tuple[list[str], tuple[bytes, ...]]] = {
    "9875-3-strings": (['"a", "b c"'], (b"a", b"b c")),
    "9875-3-case-counts": (['"a", "A"'], (b"a", b"A")),
    "9110-5.3-two-lines": (['"a"', '"b"'], (b"a", b"b")),
    "9875-2-parameters-mean-nothing": (['"a";x=1;y'], (b"a",)),
    "9651-3.3.3-escapes": ([r'"a\"b\\"'], (b'a"b\\',)),
    "9651-3.3.3-empty-string": (['""'], (b"",)),
    "9651-4.2-empty": ([""], ()),
    "9875-2-many": (
        [", ".join(f'"{at}"' for at in range(200))],
        tuple(b"%d" % n for n in range(200)),
    ),
    "9651-4.2-token-is-no-string": (["a"], ()),
    "9651-4.2-one-wrong-member-spoils-all": (['"a", b'], ()),
    "9651-4.2-number": (['"a", 1'], ()),
    "9651-4.2-inner-list": (['"a", ("b")'], ()),
    "9651-4.2-bytes": (['"a", :YQ==:'], ()),
    "9651-4.2-display-string": (['"a", %"b"'], ()),
    "9651-4.2-one-wrong-line-spoils-all": (['"a"', '"b'], ()),
    "9651-4.2-trailing-comma": (['"a",'], ()),
    "9651-4.2-not-ascii": (['"\u00e4"'], ()),
}


@pytest.mark.parametrize(("values", "expected"), table(LISTS))
def test_groups_that_are_named(values: list[str], expected: tuple[bytes, ...]) -> None:
    lines = [f"Cache-Group-Invalidation: {value}" for value in values]

    assert groups(ask(method="POST"), head(200, *lines)) == expected


@pytest.mark.parametrize(("method", "expected"), table(METHODS))
def test_9875_3_safe_methods_invalidate_no_group(method: str, *, expected: bool) -> None:
    response = head(500, 'Cache-Group-Invalidation: "a"')

    assert groups(ask(method=method), response) == ((b"a",) if expected else ())


def test_groups_of_a_response_that_names_none() -> None:
    assert groups(ask(method="POST"), head(200, 'Cache-Groups: "a"')) == ()


@given(st.binary(max_size=60) | st.text('"\\,;a(:?% ', max_size=40).map(str.encode))
def test_any_bytes_are_groups_or_none(value: bytes) -> None:
    named = group_names(Fields([(b"Cache-Groups", value)]), b"cache-groups")

    assert all(name.isascii() for name in named)


def test_every_reference_once() -> None:
    response = head(201, "Location: /a", "Content-Location: /b", "Content-Location: /a")
    assert invalidated(ask(method="POST"), response) == (OWN, here(b"/a"), here(b"/b"))
