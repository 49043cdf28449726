"""Proposed rules are for the operations that they name, and never keep what is one caller's."""

import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.openapi.checks import Ruled, findings
from proxy.openapi.operations import Operation
from proxy.openapi.proposals import Proposal, proposals
from proxy.openapi.shapes import covers
from proxy.openapi.writing import render
from proxy.rules.places import parse
from proxy.rules.ruleset import Ruleset
from proxy.settings import Settings, builtin_rules, ruleset
from tests.openapi.documents import (
    DOCUMENTS,
    Json,
    code_host,
    operation,
    payments,
    query,
    shop,
)
from tests.openapi.reading import asked, example, is_off, proposed, read

VALUES: Final = ("7", "value", "mine", "x.json", "a:cancel", "me", "status")


Whole = tuple[Json, tuple[Proposal, ...], Ruleset, str]
"""A document, and what is proposed for it: as values, compiled, and as text."""


@pytest.fixture(scope="module", params=DOCUMENTS)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    document = DOCUMENTS[request.param]()
    return (document, *proposed(document, tmp_path_factory.mktemp("proposed")))


def test_the_documents_are_large() -> None:
    sizes = [len(read(make()).operations) for make in DOCUMENTS.values()]
    assert all(size > 140 for size in sizes), sizes
    assert sum(sizes) > 600


def test_every_rule_meets_its_own_operations(whole: Whole) -> None:
    _, made, rules, _ = whole
    for proposal in made:
        for each in proposal.operations:
            found = asked(rules, example(each.template, "zzz-1"), proposal.methods[0])
            assert found.rule.name == proposal.name, each


def test_every_read_has_a_rule(whole: Whole) -> None:
    document, made, _, _ = whole
    named = {each for proposal in made for each in proposal.operations}
    assert {op for op in read(document).operations if op.method in {"GET", "HEAD"}} <= named


def meant(operation: Operation, path: str) -> bool:
    """Tell whether a path is one of an operation's, by its template and not by our pattern."""
    pieces = re.split(r"(\{(?:[^{}]|\{[^{}]*\})*\})", operation.template)
    pattern = "".join("[^/]+" if at % 2 else re.escape(piece) for at, piece in enumerate(pieces))
    return re.fullmatch(pattern, path) is not None


def personal_paths(operations: tuple[Operation, ...]) -> Iterator[tuple[Operation, str]]:
    """Yield paths that go to what needs credentials, if the more particular operation wins."""
    public = [op for op in operations if op.method == "GET" and not op.personal]
    for each in operations:
        if each.method != "GET" or not each.personal:
            continue
        for value in VALUES:
            path = example(each.template, value)
            nearer = (op for op in public if covers(each.shape.steps, op.shape.steps))
            if not any(meant(op, path) and op.shape.steps != each.shape.steps for op in nearer):
                yield each, path


def test_nothing_is_kept_of_what_needs_credentials(whole: Whole) -> None:
    document, _, rules, _ = whole
    for each, path in personal_paths(read(document).operations):
        assert is_off(asked(rules, path)), f"{each}: {path}"


def test_the_check_agrees_with_the_proposal(whole: Whole) -> None:
    document, _, _, text = whole
    settings = Settings.model_validate(parse(text, "proposed.yaml").data)
    models = (*settings.rules, *builtin_rules())
    rules = tuple(map(Ruled.of, models, ruleset(settings, "proposed.yaml").rules))
    assert [each.text for each in findings(rules, read(document).operations)] == []


def rule(found: tuple[Proposal, ...], path: str, method: str = "GET") -> Proposal:
    [one] = [
        each
        for each in found
        if method in each.methods and path in [remarked.path for remarked in each.paths]
    ]
    return one


def small(**paths: str) -> tuple[Proposal, ...]:
    """Return what is proposed for paths, each with its methods in a word."""
    told = {
        path: {method: operation("") for method in methods.split()}
        for path, methods in paths.items()
    }
    return proposals(read({"openapi": "3.1.0", "paths": told}).operations)


def test_tags_and_purges() -> None:
    found = small(**{
        "/v1/shops/{shopId}": "get delete",
        "/v1/shops/{shopId}/products": "get post",
        "/v1/shops/{shopId}/products/{id}": "get put",
        "/v1/shops/{shopId}/products/{id}/publish": "post",
        "/{owner}/{repo}/files/{path:.*}": "get",
        "/unseen/{id}": "put",
    })  # fmt: skip
    products = "/v1/shops/{shop_id}/products"
    assert rule(found, products).tags == ("products:{shop_id}", "shop:{shop_id}")
    item = rule(found, f"{products}/{{id}}")
    assert item.tags == ("product:{shop_id}/{id}", "shop:{shop_id}")
    assert item.ttl == "1m"
    written = rule(found, f"{products}/{{id}}", "PUT").purge
    assert written == ("product:{shop_id}/{id}", "products:{shop_id}", "shop:{shop_id}")
    published = rule(found, f"{products}/{{id}}/publish", "POST").purge
    assert published == ("product:{shop_id}/{id}", "products:{shop_id}")
    assert rule(found, "/v1/shops/{shop_id}", "DELETE").purge == ("shop:{shop_id}",)
    files = rule(found, "/{owner}/{repo}/files/**")
    assert files.tags == ("files:{owner}/{repo}", "item:{owner}/{repo}")
    assert files.ttl == "10s"
    assert not [each for each in found if "/unseen/{id}" in str(each.paths)]


@pytest.mark.parametrize("blunt", ["/items/{id}:archive", "/items/{id}.json"])
def test_a_write_that_names_no_item_purges_them_all(blunt: str) -> None:
    found = small(**{"/items": "get", "/items/{id}": "get", "/items/{id}/x": "get", blunt: "post"})
    assert rule(found, "/items/*", "POST").purge == ("items",)
    for path in ("/items", "/items/{id}", "/items/{id}/x"):
        assert "items" in rule(found, path).tags
    assert "items" not in rule(small(**{"/items": "get", "/items/{id}": "get"}), "/items/{id}").tags


def test_what_is_read_under_one_pattern_has_the_tags_of_the_least_exact() -> None:
    found = small(**{"/items/{id}": "get put", "/items/{id}.json": "get", "/items": "get"})
    assert rule(found, "/items/*").tags == ("items",)
    assert rule(found, "/items/{id}", "PUT").purge == ("items",)


def test_what_the_code_host_declares() -> None:
    made = proposals(read(code_host()).operations)
    told = {remark for proposal in made for remark in proposal.remarks}
    assert "no ttl: the API declares Cache-Control, which decides" in told
    assert "GET /repos/{owner}/{repo}/compare/{basehead} (same_shape), deprecated" in told
    assert any(remark.endswith("after that, it is validated") for remark in told)
    assert rule(made, "/licenses").ttl is None
    assert rule(made, "/raw/{id}").headers == ("accept",)
    [graph] = [path for path in rule(made, "/graphql").paths if path.path == "/graphql"]
    assert graph.remark == "graph: has a request body, which no key holds"


def test_what_the_shop_declares() -> None:
    made = proposals(read(shop()).operations)
    localised = rule(made, "/api/v2/localised")
    assert (localised.headers, localised.cookies) == (("accept-language",), ("currency",))
    assert "not in the key, though read: x-request-id" in localised.remarks
    assert "the API declares Vary: each variant is kept under one key" in localised.remarks
    for path in ("/api/v2/search", "/api/v2/free", "/api/v2/any"):
        assert rule(made, path).query is None
    for path in ("/api/v2/session", "/api/v2/feed", "/api/v2/carts/mine"):
        assert rule(made, path).off


def test_what_the_payments_api_declares() -> None:
    made = proposals(read(payments()).operations)
    for name in ("private", "cookie", "open", "signed", "forwarded", "mutual"):
        assert rule(made, f"/v1/{name}").off
    for path in ("/v1/status/status", "/v1/rates/*", "/v1/charges/{id}"):
        assert rule(made, path).off
    for path in ("/v1/currencies", "/v1/currencies/{code}", "/v1/status/{region}"):
        assert not rule(made, path).off


def test_there_is_a_limit_to_overlaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.openapi.routes.MOST_BETWEEN", 3)
    personal: Json = {f"/{at}/{{x}}": {"get": {"security": [{"key": []}]}} for at in range(2)}
    paths: Json = personal | {f"/{{y}}/{at}": {"get": {}} for at in range(2)}
    with pytest.raises(ConfigError, match="more than 3 overlaps of paths; split the file"):
        proposals(read({"openapi": "3.0.0", "paths": paths}).operations)


def test_no_text_of_the_document_breaks_out_of_its_place() -> None:
    nasty = 'x\n    cache: on\r\u2028- name: "a" # \x1b[2J \U0001f600'
    item = {"get": operation(nasty, summary=nasty, tags=[nasty], parameters=[query(nasty)])}
    found = read(
        {
            "openapi": "3.0.0",
            "paths": {f"/{nasty}/{{id}}": item, "/b": item, "/\"'{": item},
        }
    )
    text = render(nasty, found, proposals(found.operations))
    rules = parse(text, "x").data["rules"]
    assert [rule.get("cache") for rule in rules] == [None, None]
    assert len(found.unmatchable) == 1
    assert all(c.isprintable() or c == "\n" for c in text)


SEGMENTS = st.sampled_from(["a", "b", "{x}", "{y}", "{x}.json", "{x}:go", "", "{p:.*}", "mine"])
TEMPLATES = st.lists(SEGMENTS, min_size=1, max_size=3).map(lambda words: "/" + "/".join(words))
OPERATIONS = st.builds(
    operation,
    st.just(""),
    security=st.sampled_from([[], [], [{"key": []}], [{}, {"key": []}]]),
    parameters=st.sampled_from([[], [query("q")]]),
)
PATHS = st.dictionaries(
    TEMPLATES, st.dictionaries(st.sampled_from(["get", "put", "post"]), OPERATIONS), max_size=8
)
KEY: Final = {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}


@given(PATHS)
def test_whatever_a_document_says_what_is_personal_is_not_kept(paths: dict[str, Any]) -> None:
    found = read({"openapi": "3.1.0", "paths": paths, "components": {"securitySchemes": KEY}})
    made = proposals(found.operations)
    settings = Settings.model_validate(parse(render("x", found, made), "x").data)
    rules = ruleset(settings, "x")
    for each, path in personal_paths(found.operations):
        assert is_off(asked(rules, path)), f"{each}: {path}"
