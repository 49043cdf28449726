"""What is read of a description: parameters, security, servers, references, and what is refused."""

from typing import Any

import pytest

from proxy.errors import ConfigError
from proxy.openapi import text
from proxy.openapi.operations import Declared, Operation
from proxy.openapi.security import Credential, Via
from proxy.openapi.shapes import meet, shape, text_of, weight
from proxy.rules import paths
from tests.openapi.documents import code_host, payments, shop
from tests.openapi.reading import as_text, read

Json = dict[str, Any]


def document(**told: object) -> Json:
    return {"openapi": "3.1.0", "paths": {}, **told}


def the(found: Json, name: str, base: str | None = None) -> Operation:
    return next(each for each in read(found, base).operations if each.name == name)


def of(operation: Json, **told: object) -> Operation:
    [found] = read(document(paths={"/a": {"get": operation}}, **told)).operations
    return found


def test_references_to_references_are_followed() -> None:
    asked = the(shop(), "localised").asked
    assert (asked.headers, asked.cookies) == (("accept-language",), ("currency",))
    assert asked.ignored == ("x-request-id",)


def test_a_path_item_may_be_a_reference() -> None:
    names = {each.name for each in read(shop()).operations}
    assert {"mirrored", "unmirrored"} <= names
    assert not {"sold", "called"} & names


def test_an_operation_s_parameter_wins_over_the_path_s() -> None:
    item = {
        "parameters": [{"name": "q", "in": "query", "schema": {"type": "object"}}],
        "get": {"parameters": [{"name": "q", "in": "query", "schema": {"type": "string"}}]},
    }
    [found] = read(document(paths={"/a": item})).operations
    assert found.asked.query == ("q",)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"schema": {"type": "string"}}, True),
        ({"schema": {"type": ["integer", "null"]}}, True),
        ({"schema": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, True),
        ({"schema": {"enum": ["a", 1]}}, True),
        ({"schema": {"const": 1}}, True),
        ({"schema": {"enum": [{}]}}, False),
        ({"schema": {"$ref": "#/components/schemas/Word"}}, True),
        ({"schema": {"$ref": "#/components/schemas/Deep"}}, False),
        ({"content": {"application/json": {}}}, True),
        ({"schema": {"type": "object"}, "explode": False}, True),
        ({"schema": {"type": "object"}}, False),
        ({"schema": {"type": "string"}, "style": "deepObject"}, False),
        ({"schema": {}}, False),
        ({}, False),
    ],
)
def test_a_query_parameter_has_one_name_or_many(told: Json, *, known: bool) -> None:
    schemas = {
        "Word": {"type": "string"},
        "Deep": {"allOf": [{"$ref": "#/components/schemas/Deep"}]},
    }
    found = of(
        {"parameters": [{"name": "q", "in": "query", **told}]}, components={"schemas": schemas}
    )
    assert found.asked.query == (("q",) if known else None)


def test_a_name_that_no_key_can_hold_leaves_the_whole_query_in_it() -> None:
    assert (
        of(
            {"parameters": [{"name": "a*", "in": "query", "schema": {"type": "string"}}]}
        ).asked.query
        is None
    )


@pytest.mark.parametrize(
    ("place", "name", "secret"),
    [
        *[("query", name, True) for name in ("token", "access_token", "apiKey", "api-key")],
        *[("query", name, False) for name in ("page_token", "pageToken", "author", "user_id")],
        *[("header", name, True) for name in ("Authorization", "X-Auth-Token", "X-User-Id")],
        *[("header", name, False) for name in ("Accept-Language", "X-Shop", "Range")],
        *[("cookie", name, True) for name in ("session", "sessionId", "JWT", "csrf_token")],
        *[("cookie", name, False) for name in ("lang", "currency")],
    ],
)
def test_what_tells_who_asks(place: str, name: str, *, secret: bool) -> None:
    found = of({"parameters": [{"name": name, "in": place, "schema": {"type": "string"}}]})
    assert found.personal is secret


@pytest.mark.parametrize(
    ("requirement", "needed", "credentials"),
    [
        ([], False, ()),
        ([{}], False, ()),
        ([{"basic": []}], True, (Credential(Via.AUTHORIZATION),)),
        ([{}, {"basic": []}], False, (Credential(Via.AUTHORIZATION),)),
        ([{}, {"cookie": []}], False, (Credential(Via.COOKIE, "sid"),)),
        ([{}, {"key": []}], True, (Credential(Via.HEADER, "x-key"),)),
        ([{}, {"asked": []}], True, (Credential(Via.QUERY, "key"),)),
        ([{"old": []}], True, (Credential(Via.AUTHORIZATION),)),
        ([{}, {"unknown": []}], True, (Credential(Via.CONNECTION, "unknown"),)),
    ],
)
def test_security(
    requirement: list[Json], credentials: tuple[Credential, ...], *, needed: bool
) -> None:
    schemes = {
        "basic": {"type": "http", "scheme": "basic"},
        "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
        "key": {"type": "apiKey", "in": "header", "name": "X-Key"},
        "asked": {"type": "apiKey", "in": "query", "name": "key"},
        "old": {"type": "apiKey", "in": "header", "name": "Authorization"},
    }
    told = {"components": {"securitySchemes": schemes}}
    found = of({"security": requirement}, **told)
    assert (found.security.needed, found.security.credentials) == (needed, credentials)
    assert of({}, security=requirement, **told).security == found.security


def test_what_responses_declare() -> None:
    licenses, meta = the(code_host(), "licenses").answered, the(code_host(), "meta").answered
    assert licenses.cache_control == "public, max-age=60"
    assert licenses.fields == {Declared.CACHE_CONTROL, Declared.ETAG}
    assert meta.fields == {Declared.LAST_MODIFIED}
    assert the(shop(), "feed").answered.streams


@pytest.mark.parametrize(
    ("servers", "templates"),
    [
        ([], ["/a"]),
        ([{"url": "/v1/"}], ["/v1/a"]),
        ([{"url": "v1"}], ["/v1/a"]),
        ([{"url": "."}], ["/a"]),
        ([{"url": "https://a/v1"}, {"url": "https://b/v1"}, {"url": "//c/w"}], ["/v1/a", "/w/a"]),
        ([{"url": "{x}/v", "variables": {"x": {"default": "http://h"}}}], ["/v/a"]),
    ],
)
def test_the_servers_paths_come_first(servers: list[Json], templates: list[str]) -> None:
    found = document(paths={"/a": {"get": {}}}, servers=servers)
    assert [each.template for each in read(found).operations] == templates
    assert [each.template for each in read(found, "/x/").operations] == ["/x/a"]


def test_paths_that_no_rule_matches_are_told() -> None:
    assert [each.partition(":")[0] for each in read(shop()).unmatchable] == [
        "/api/v2/a;b",
        "/api/v2/a//b",
    ]
    assert not read(payments()).unmatchable


@pytest.mark.parametrize(
    ("template", "pattern", "exact"),
    [
        ("/", "/", True),
        ("/a/", "/a/", True),
        ("/a/{productId}", "/a/{product_id}", True),
        ("/{userId}/{user_id}", "/{user_id}/{user_id_2}", True),
        ("/товары/{товар}", "/товары/{p}", True),
        ("/{1st}", "/{p_1st}", True),
        ("/a b/%7Ec", "/a%20b/~c", True),
        ("/%ff", "/%FF", True),
        ("/a/{id}.json", "/a/*", False),
        ("/a/{x}-{y}", "/a/*", False),
        ("/a/{id}:go", "/a/*", False),
        ("/a/{id:[0-9]{1,3}}", "/a/{id}", True),
        ("/a/{x:[^/]+}/b", "/a/{x}/b", True),
        ("/a/{path:.*}", "/a/**", False),
        ("/a/{path:path}/b", "/a/**", False),
        ("/a/{+path}", "/a/**", False),
        ("/a/{path*}", "/a/**", False),
        ("/a/*/b", "/a/*/b", False),
        ("/a/{?q}", "/a/", True),
        ("/a?b=c", "/a", False),
        ("/a#b", "/a", False),
        ("/{a", "/%7Ba", True),
    ],
)
def test_shapes(template: str, pattern: str, *, exact: bool) -> None:
    found = shape(template)
    assert (found.text, found.exact) == (pattern, exact)
    assert paths.parse(text_of(found.steps)).steps == found.steps


@pytest.mark.parametrize("template", ["a", "/a//b", "/a/../b", "/a;b", "/a%3Bb", "/a%2Fb", "/%zz"])
def test_paths_that_are_read_in_two_ways_have_no_shape(template: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        shape(template)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        ("/a/*", "/*/b", "/a/b"),
        ("/a/*", "/a/b", "/a/b"),
        ("/a/**", "/a", "/a"),
        ("/a/**", "/*/b/**", "/a/b/**"),
        ("/**", "/a/*", "/a/*"),
        ("/a/*", "/a/", None),
        ("/a", "/a/b", None),
        ("/a/b", "/a/c", None),
    ],
)
def test_what_meets_two_patterns(one: str, other: str, both: str | None) -> None:
    first, second = (paths.parse(each).steps for each in (one, other))
    expected = None if both is None else paths.parse(both).steps
    assert meet(first, second) == meet(second, first) == expected
    if expected is not None:
        assert all(weight(expected) > weight(e) for e in (first, second) if e != expected)


NESTED: Json = {
    "url": "{a}" * 500,
    "variables": {"a": {"default": "{b}" * 500}, "b": {"default": "b" * 500}},
}
"""A server whose variables would make a URL of many megabytes of each other."""


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"swagger": "2.0"}, "swagger: Swagger 2.0 is not read; convert it to OpenAPI 3"),
        ({}, "openapi: is missing; this is no OpenAPI document"),
        ({"openapi": "4.0.0"}, "openapi: 4.0.0 is not read, only 3.0 and 3.1"),
        (document(paths=[]), "paths: should be a mapping"),
        (document(paths={"/a": {"get": []}}), "paths./a.get: should be a mapping"),
        (
            document(paths={"/a": {"$ref": "other.yaml#/a"}}),
            "paths./a: 'other.yaml#/a' leads out of the document; bundle the document into one",
        ),
        (document(paths={"/a": {"$ref": "#/b"}}), "paths./a: '#/b' leads nowhere"),
        (document(paths={"/a": {"$ref": "#/paths/~1a"}}), "paths./a: more than 16 references"),
        (
            document(paths={"/a": {"get": {"parameters": {}}}}),
            "paths./a.get.parameters: should be a list",
        ),
        (
            document(paths={"/a": {"get": {"parameters": [{"name": "q"}]}}}),
            "paths./a.get.parameters[0]: has no name, or does not say where it is",
        ),
        (
            document(paths={"/a": {"get": {}}}, servers=[{"url": "http://[a"}]),
            "paths./a.get.servers: 'http://[a' is no URL",
        ),
        (
            document(paths={"/a": {"get": {}}}, servers=[NESTED]),
            "paths./a.get.servers: a URL is longer than 8192 characters",
        ),
        ({"swagger": []}, "swagger: should be text"),
        (document(paths={"/a": {"$ref": []}}), "paths./a.$ref: should be text"),
        (document(paths={"/a": {"get": {"summary": [1]}}}), "paths./a.get: should be text"),
        (document(paths={"/a": {"get": {"tags": [{}]}}}), "paths./a.get.tags: should be text"),
        (
            document(paths={"/a": {"get": {"parameters": [{"name": [], "in": "query"}]}}}),
            "paths./a.get.parameters[0]: should be text",
        ),
    ],
)
def test_what_cannot_be_read_is_told(found: Json, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(found)
    assert str(error.value).startswith(f"api.json: {told}")


def test_there_is_a_limit_to_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("proxy.openapi.operations.MOST", 2)
    many: Json = {f"/{at}": {"get": {}} for at in range(3)}
    with pytest.raises(ConfigError, match="more than 2 operations"):
        read(document(paths=many))


def test_yaml_and_json_are_one() -> None:
    assert text.parse(as_text(payments()), "a") == payments()
    shared = "a: &x {200: one, b: [1]}\nc: *x\nd:\n  <<: [*x, {e: 1}]\n  200: two\n"
    x = {"200": "one", "b": [1]}
    assert text.parse(shared, "a") == {"a": x, "c": x, "d": {"200": "two", "b": [1], "e": 1}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("", "a:1:1: an OpenAPI document is a mapping"),
        ("- 1", "a:1:1: an OpenAPI document is a mapping"),
        ("{", "a:1:2: "),
        ("{'a': [}", "a:1:2: "),
        ("a: [", "a:1:5: "),
        ("a: 1\na: 2", "a:2:1: duplicate key 'a'"),
        ("a: *b", "a:1:4: the alias *b stands for nothing before it"),
        ("? [a]\n: 1", "a:1:3: a key must be text"),
        ("a: {<<: 1}", "a:1:5: only mappings can be merged"),
        ("a: 1\n---\nb: 1", "a:2:1: a second document"),
        ("a: \x07", "a:1:1: "),
        ("a: " + "[" * 200, "a:1:104: nested more than 100 deep"),
    ],
)
def test_text_that_cannot_be_read_is_told(given: str, told: str) -> None:
    with pytest.raises(ConfigError) as error:
        text.parse(given, "a")
    assert str(error.value).startswith(told)


def test_text_has_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_YAML", 40)
    monkeypatch.setattr(text, "MAX_JSON", 40)
    monkeypatch.setattr(text, "MAX_MERGED", 3)
    for given, told in {
        "a: 1\n" * 40: "larger than 40 characters of YAML",
        "{" + " " * 40 + "}": "larger than 40 characters",
        "a: &a {b: 1, c: 2}\nd: {<<: [*a, *a]}": "more than 3 keys come from merges",
    }.items():
        with pytest.raises(ConfigError, match=told):
            text.parse(given, "a")


def test_aliases_of_one_another_are_never_written_out() -> None:
    doubled = "".join(f"x{at}: &x{at} [*x{at - 1}, *x{at - 1}]\n" for at in range(1, 60))
    bomb = f"openapi: 3.0.0\nx0: &x0 [a]\n{doubled}paths: {{/a: {{get: {{operationId: *x59}}}}}}"
    with pytest.raises(ConfigError, match=r"a\.get: should be text"):
        read(text.parse(bomb, "a"))


def test_a_type_that_is_none_may_be_an_object() -> None:
    schema = {"type": [{"a": 1}]}
    found = of({"parameters": [{"name": "q", "in": "query", "schema": schema}]})
    assert found.asked.query is None
