"""Attributes: what spans say, by the conventions, and what they never say."""

from dataclasses import replace

import pytest

from proxy.engine.answer import Account
from proxy.http.message import Fields, Request
from proxy.policy.reasons import Reason
from proxy.trace import attributes

REQUEST = Request("GET", "http", b"api.test", b"/a?token=secret", Fields(((b"Cookie", b"secret"),)))


@pytest.mark.parametrize(
    ("scheme", "authority", "place"),
    [
        ("http", b"api.test", ("api.test", 80)),
        ("https", b"api.test", ("api.test", 443)),
        ("http", b"API.test:8080", ("api.test", 8080)),
        ("http", b"[::1]:8080", ("::1", 8080)),
        ("http", b"", (None, None)),
        ("http", b"api.test:port", (None, None)),
        ("http", b"api.test:99999", (None, None)),
        ("http", b"[::1", (None, None)),
    ],
)
def test_the_server_is_the_host_that_was_asked(
    scheme: str, authority: bytes, place: tuple[str | None, int | None]
) -> None:
    found = attributes.of_server(replace(REQUEST, scheme=scheme, authority=authority))
    assert (found.get("server.address"), found.get("server.port")) == place


@pytest.mark.parametrize(
    ("origin", "url", "place"),
    [
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/a", ("127.0.0.1", 8000)),
        ("https://api.internal", "https://api.internal/a", ("api.internal", 443)),
        ("unix:///run/api.sock", "http://api.test/a", ("/run/api.sock", None)),
        (None, "http://api.test/a", ("api.test", 80)),
    ],
)
def test_the_upstream_is_where_it_is_configured(
    origin: str | None, url: str, place: tuple[str, int | None]
) -> None:
    found = attributes.of_client(REQUEST, origin)
    assert found["url.full"] == url
    assert (found["server.address"], found.get("server.port")) == place


def test_a_method_that_few_know_is_told_apart() -> None:
    odd = replace(REQUEST, method="PROPFIND")
    assert attributes.name_of(odd) == "HTTP"
    found = attributes.of_server(odd)
    assert found["http.request.method"] == "_OTHER"
    assert found["http.request.method_original"] == "PROPFIND"


def test_a_path_is_cut_and_a_query_left_out() -> None:
    long = replace(REQUEST, target=b"/" + b"x" * 5_000 + b"?secret")
    for found in (attributes.of_server(long), attributes.of_client(long, None)):
        assert "secret" not in str(found)
        assert len(str(found)) < 2 * attributes.MAX_PATH


@pytest.mark.parametrize(
    ("status", "failed", "error"),
    [
        (200, None, None),
        (304, None, None),
        (404, None, None),
        (400, Reason.BAD_REQUEST, None),
        (500, None, "500"),
        (504, Reason.UPSTREAM_TIMEOUT, "upstream-timeout"),
        (200, Reason.UPSTREAM_BROKEN, "upstream-broken"),
    ],
)
def test_what_counts_as_an_error(status: int, failed: Reason | None, error: str | None) -> None:
    assert attributes.error_of(status, Account("r", Reason.URI_MISS, failed=failed)) == error


def test_an_account_is_told_in_the_words_of_the_metrics() -> None:
    account = Account("product", Reason.FRESH)
    told = {"sidecache.rule": "product", "sidecache.outcome": "hit", "sidecache.reason": "fresh"}
    assert attributes.of_account(account) == told
