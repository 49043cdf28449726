import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.rules.words import (
    CookieName,
    FieldName,
    HostPattern,
    JsonPath,
    KeyedField,
    Method,
    OneOrMore,
    Parameter,
    ParameterPrefix,
    PathPattern,
    RuleName,
    SentField,
    TagField,
    TagTemplate,
    ValueTemplate,
    Wanted,
)

KINDS = {
    "rule": TypeAdapter[object](RuleName),
    "method": TypeAdapter[object](Method),
    "field": TypeAdapter[object](FieldName),
    "sent": TypeAdapter[object](SentField),
    "keyed": TypeAdapter[object](KeyedField),
    "cookie": TypeAdapter[object](CookieName),
    "parameter": TypeAdapter[object](Parameter),
    "prefix": TypeAdapter[object](ParameterPrefix),
    "host": TypeAdapter[object](HostPattern),
    "path": TypeAdapter[object](PathPattern),
    "tag field": TypeAdapter[object](TagField),
    "tag": TypeAdapter[object](TagTemplate),
    "value tag": TypeAdapter[object](ValueTemplate),
    "json path": TypeAdapter[object](JsonPath),
    "wanted": TypeAdapter[object](Wanted),
    "methods": TypeAdapter[object](OneOrMore[Method]),
}

GOOD = [
    ("rule", "product-2_b", "product-2_b"),
    ("rule", "a" * 64, "a" * 64),
    ("method", "get", "GET"),
    ("field", "Accept-Language", "accept-language"),
    ("sent", "X-Forwarded-Host", "x-forwarded-host"),
    ("keyed", "Accept", "accept"),
    ("cookie", "Session", "Session"),
    ("parameter", "größe", "größe"),
    ("parameter", "filter[a]", "filter[a]"),
    ("prefix", "utm_*", "utm_*"),
    ("prefix", "*", "*"),
    ("host", "Shop.Example.com", "shop.example.com"),
    ("host", "*.example.com", "*.example.com"),
    ("host", "localhost", "localhost"),
    ("host", "[::1]", "[::1]"),
    ("path", "/products/{id}", "/products/{id}"),
    ("tag field", "Surrogate-Key", "surrogate-key"),
    ("tag", "product:{id}", "product:{id}"),
    ("value tag", "product:{}", "product:{}"),
    ("json path", "$.related[*].id", "$.related[*].id"),
    ("wanted", True, True),
    ("wanted", "2", "2"),
    ("methods", "get", ("GET",)),
    ("methods", ["get", "HEAD"], ("GET", "HEAD")),
]

BAD = [
    ("rule", "Product", "a-z, 0-9"),
    ("rule", "-a", "starts with"),
    ("rule", "a" * 65, "at most 64"),
    ("method", "GET HEAD", "one word"),
    ("field", "a b", "one word"),
    ("field", "", "one word"),
    ("sent", "Connection", "never reaches the upstream"),
    ("sent", "proxy-authorization", "never reaches the upstream"),
    ("keyed", "host", "part of every key"),
    ("keyed", "Authorization", "credentials: key"),
    ("keyed", "cookie", "key.cookies"),
    ("keyed", "Range", "the cache answers it itself"),
    ("keyed", "te", "never reaches the upstream"),
    ("cookie", "a=b", "one word"),
    ("parameter", "a&b", "plain text"),
    ("parameter", "a*", "plain text"),
    ("prefix", "u*m", "can only end it"),
    ("host", "http://example.com", "without scheme and port"),
    ("host", "example.com:80", "without scheme and port"),
    ("host", "a.*.com", "without scheme and port"),
    ("path", "products", "starts with '/'"),
    ("tag field", "Cache-Groups", "always read"),
    ("tag field", "set-cookie", "holds secrets"),
    ("tag", "{reqest.a}", "did you mean 'request'"),
    ("value tag", "product", "write {} where"),
    ("json path", "related", "starts with"),
    ("json path", "$.a[", "is no JSON path"),
    ("wanted", 2, "quote a number"),
    ("wanted", None, "quote a number"),
    ("methods", [], "at least 1"),
]


@pytest.mark.parametrize(("kind", "written", "value"), GOOD)
def test_a_word_is_read(kind: str, written: object, value: object) -> None:
    assert KINDS[kind].validate_python(written) == value


@pytest.mark.parametrize(("kind", "written", "remedy"), BAD)
def test_a_wrong_word_is_refused_with_a_remedy(kind: str, written: object, remedy: str) -> None:
    with pytest.raises(ValidationError, match=remedy.replace("*", r"\*")):
        KINDS[kind].validate_python(written)


def test_the_schema_of_one_or_more_accepts_a_single_item() -> None:
    schema = KINDS["methods"].json_schema()
    single, many = schema["anyOf"]

    assert single["type"] == "string"
    assert many == {"type": "array", "items": single, "minItems": 1}
