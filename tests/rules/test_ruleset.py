from dataclasses import replace
from typing import Any

import pytest

from proxy.http.message import Fields, Request
from proxy.policy.terms import Terms, Timeouts
from proxy.rules import jsonpaths
from proxy.rules.rule import KeySpec, Rule
from proxy.rules.ruleset import Match, Ruleset, compile_rules
from proxy.rules.schema import RuleModel
from proxy.rules.tags import BodyTag, OnSuccess, Tagging
from proxy.rules.templates import parse, parse_for_value


def compiled(*rules: dict[str, Any]) -> Ruleset:
    models = [RuleModel.model_validate(rule) for rule in (*rules, {"name": "default"})]
    return compile_rules(models, [f"file:{at}" for at in range(len(models))])


RULES = compiled(
    {"name": "writes", "match": {"path": "/products/{id}", "methods": ["PUT", "DELETE"]}},
    {"name": "debug", "match": {"path": "/products/**", "headers": {"x-debug": True}}},
    {"name": "product", "match": {"path": ["/products/{id}", "/p/{short}"]}},
    {"name": "any-product", "match": {"path": "/products/**"}},
)

CASES = [
    ("first", "GET", b"/products/1", (), "product", (("id", b"1"),)),
    ("second path", "GET", b"/p/1", (), "product", (("short", b"1"),)),
    ("query does not count", "GET", b"/products/1?a=/x", (), "product", (("id", b"1"),)),
    ("condition", "PUT", b"/products/1", (), "writes", (("id", b"1"),)),
    ("later condition", "GET", b"/products/1", ((b"X-Debug", b"1"),), "debug", ()),
    ("order", "GET", b"/products/1/x", (), "any-product", ()),
    ("no rule", "GET", b"/", (), "default", ()),
]


@pytest.mark.parametrize(
    ("method", "target", "lines", "name", "captures"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_the_first_rule_that_matches_wins(
    method: str,
    target: bytes,
    lines: tuple[tuple[bytes, bytes], ...],
    name: str,
    captures: tuple[tuple[str, bytes], ...],
) -> None:
    match = RULES.match(Request(method, "http", b"a", target, Fields(lines)))

    assert (match.rule.name, match.captures, match.ambiguous) == (name, captures, False)


@pytest.mark.parametrize("target", [b"/products/../x", b"/products//1", b"/products/%2e%2e/", b"*"])
def test_an_ambiguous_path_meets_no_rule(target: bytes) -> None:
    match = RULES.match(Request("OPTIONS", "http", b"a", target))

    assert match == Match(RULES.rules[-1], (), ambiguous=True)


@pytest.mark.parametrize(
    "target",
    [b"/me;x=1", b"/me;/a", b"/me%3Borders", b"/me%3Fx", b"/me%23x.css", b"/me/a%3f/b"],
)
def test_a_delimiter_is_no_way_around_a_rule(target: bytes) -> None:
    models = [
        RuleModel.model_validate({"name": "me", "match": {"path": ["/me", "/me/a"]}}),
        RuleModel.model_validate({"name": "default"}),
    ]

    assert compile_rules(models, ["", ""]).match(Request("GET", "http", b"a", target)).ambiguous


@pytest.mark.parametrize("target", [b"/products/1;x", b"/products/1%3F", b"/else;x", b"/%23"])
def test_a_delimiter_that_changes_no_rule_changes_nothing(target: bytes) -> None:
    assert not RULES.match(Request("GET", "http", b"a", target)).ambiguous


def test_the_last_rule_takes_what_no_other_took_whatever_it_asks_for() -> None:
    models = [RuleModel.model_validate({"name": "last", "match": {"path": "/a"}})]

    rules = compile_rules(models, ["built in"])

    assert rules.match(Request("GET", "http", b"a", b"/b")) == Match(rules.rules[0])


def test_a_rule_is_compiled_whole() -> None:
    written = {
        "name": "x",
        "credentials": "key",
        "key": {
            "query": {"include": ["ä", "b"]},
            "headers": ["X-B", "accept", "x-b"],
            "cookies": ["lang", "a", "lang"],
        },
        "forward": ["Accept-Language"],
    }
    (rule,) = compile_rules([RuleModel.model_validate(written)], ["f:1"], Timeouts(1.0)).rules

    assert rule.key == KeySpec(
        include=frozenset({"ä".encode(), b"b"}),
        headers=(b"accept", b"x-b"),
        cookies=(b"lang", b"a"),
        credentials=True,
    )
    assert rule.forward == frozenset({b"accept-language"})
    assert rule.place == "f:1"
    assert rule.terms.timeouts == Timeouts(1.0)
    assert rule.terms.cookies_keyed


def test_names_and_purges_are_compiled() -> None:
    written = {
        "name": "x",
        "match": {"path": "/{id}"},
        "tags": ["product:{id}", "products"],
        "tags_from_body": {"$.related[*].id": "product:{}"},
        "tag_fields": ["X-Tags", "x-tags"],
        "send_tag_fields": True,
        "on_success": {"purge": "product:{id}", "mode": "soft"},
    }
    (rule,) = compile_rules([RuleModel.model_validate(written)], ["f:1"]).rules

    assert rule.tagging == Tagging(
        templates=(parse("product:{id}"), parse("products")),
        from_body=(BodyTag(jsonpaths.parse("$.related[*].id"), parse_for_value("product:{}")),),
        fields=(b"x-tags",),
        send_fields=True,
    )
    assert rule.on_success == OnSuccess((parse("product:{id}"),), "soft")


def test_a_plain_rule_leaves_the_request_alone() -> None:
    (rule,) = compile_rules([RuleModel(name="x")], ["f:1"]).rules

    assert replace(rule, sharing=b"") == Rule("x", Terms(), KeySpec(), None, "f:1")


def test_exclusion_is_compiled() -> None:
    model = RuleModel.model_validate({"name": "x", "key": {"query": {"exclude": ["utm_*", "b"]}}})

    assert compile_rules([model], ["f:1"]).rules[0].key == KeySpec(exclude=(b"utm_*", b"b"))


def test_every_rule_has_a_place() -> None:
    with pytest.raises(ValueError, match="zip"):
        compile_rules([RuleModel(name="x")], [])


@pytest.mark.parametrize(
    ("change", "apart"),
    [
        pytest.param({"credentials": "share"}, True, id="credentials"),
        pytest.param({"set_cookie": "strip"}, True, id="set-cookie"),
        pytest.param({"key": {"headers": ["x-tenant"]}}, True, id="key"),
        pytest.param({"forward": ["x-tenant"]}, True, id="forward"),
        pytest.param({"ttl": "5m"}, False, id="ttl"),
    ],
)
def test_a_rule_that_is_changed_shares_nothing_with_what_it_was(
    change: dict[str, object], *, apart: bool
) -> None:
    """What was stored before a rule was tightened must not be found after it."""
    before, after = (
        compile_rules([RuleModel.model_validate({"name": "x"} | extra)], ["f:1"]).rules[0]
        for extra in ({}, change)
    )
    assert (before.sharing != after.sharing) is apart
