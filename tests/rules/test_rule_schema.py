from typing import Any

import pytest
from pydantic import ValidationError

from proxy.policy.terms import Caching, Credentials, SetCookie, Terms, Timeouts
from proxy.rules.problems import problems
from proxy.rules.schema import RuleFile, RuleModel, terms_of

ALL = {
    "name": "all",
    "cache": "override",
    "ttl": "5m",
    "ttl_by_status": {404: "10s"},
    "min_ttl": 1,
    "max_ttl": "1h",
    "jitter": "5%",
    "early_refresh": 1,
    "heuristic": 0.2,
    "heuristic_max": "7d",
    "stale_while_revalidate": "30s",
    "stale_if_error": "1h",
    "stale_if_unreachable": "2d",
    "credentials": "key",
    "set_cookie": "strip",
    "targets": ["Surrogate-Control", "cdn-cache-control"],
    "max_body": "1MiB",
    "max_variants": 4,
    "key": {"cookies": ["lang"]},
    "timeouts": {"connect": "1s", "first_byte": "2s", "between_bytes": "3s"},
}

WRONG = [
    ({"tll": 1}, "tll: unknown field; did you mean 'ttl'?"),
    ({"zzz": 1}, "zzz: unknown field; known: cache, compress, credentials, "),
    ({"key": {"query": {"includes": []}}}, "key.query.includes: unknown field; did you mean 'inc"),
    ({"match": {"paths": "/"}}, "match.paths: unknown field; did you mean 'path'?"),
    ({"timeouts": {"conect": 1}}, "timeouts.conect: unknown field; did you mean 'connect'?"),
    ({"name": 5}, "name: should be text; quote a number"),
    ({"mode": "shade"}, "mode: should be 'live', 'shadow' or a mapping like {verify: 1%}"),
    ({"mode": 0.01}, "mode: should be 'live', 'shadow' or a mapping like {verify: 1%}"),
    ({"mode": ["live"]}, "mode: should be 'live', 'shadow' or a mapping like {verify: 1%}"),
    ({"mode": {}}, "mode.verify: is required"),
    ({"mode": {"verify": "1%", "verfy": 1}}, "mode.verfy: unknown field; did you mean 'verify'?"),
    ({"mode": {"verify": "101%"}}, "mode.verify: should be less than or equal to 1"),
    ({"mode": {"verify": "some"}}, "mode.verify: a share is a number from 0 to 1 or like '10%'"),
    ({"match": 5}, "match: should be a mapping of fields"),
    ({"match": {"headers": 5}}, "match.headers: should be a mapping"),
    ({"match": {"headers": {"a b": "1"}}}, "match.headers.a b: a field name is one word"),
    ({"match": {"methods": []}}, "match.methods: should not be empty"),
    ({"match": {"path": ["/a", "/{a}/{a}"]}}, "match.path[1]: a capture's name can be used once"),
    ({"targets": "a"}, "targets: should be a list"),
    ({"cache": "maybe"}, "cache: should be 'on', 'off' or 'override'"),
    ({"cache": "override"}, "cache: override needs a lifetime: give ttl or ttl_by_status"),
    ({"min_ttl": 2, "max_ttl": 1}, "min_ttl: is longer than max_ttl; lower it or raise max_ttl"),
    ({"ttl_by_status": {304: 1}}, "ttl_by_status[304]: is about one request and never stored"),
    ({"ttl_by_status": {429: 1}}, "ttl_by_status[429]: is about one request and never stored"),
    ({"ttl_by_status": {99: 1}}, "ttl_by_status[99]: should be greater than or equal to 200"),
    ({"key": {"query": {"include": [], "exclude": []}}}, "key.query.exclude: cannot stand beside"),
    ({"key": {"headers": ["cookie"]}}, "key.headers[0]: 'cookie' cannot be listed"),
    ({"forward": ["te"]}, "forward[0]: 'te' belongs to one connection"),
    ({"timeouts": {"connect": 0}}, "timeouts.connect: should be greater than 0"),
    ({"tags": "a"}, "tags: should be a list"),
    ({"tags": ["a", "{"]}, "tags[1]: a brace is open or closed alone"),
    ({"tags": [1]}, "tags[0]: should be text; quote a number"),
    (
        {"tags": ["a:{id}"]},
        "tags[0]: no capture 'id' in every path of the rule; write it as {name}",
    ),
    (
        {"match": {"path": "/{id}"}, "tags": ["a:{idd}"]},
        "tags[0]: no capture 'idd' in every path of the rule; did you mean 'id'?",
    ),
    (
        {"match": {"path": ["/{id}", "/{id}/{sku}"]}, "tags": ["{id}", "{sku}"]},
        "tags[1]: no capture 'sku' in every path of the rule; known: id",
    ),
    (
        {"match": {"path": "/{id}"}, "on_success": {"purge": ["a", "{ida}"]}},
        "on_success.purge[1]: no capture 'ida' in every path of the rule; did you mean 'id'?",
    ),
    ({"on_success": {}}, "on_success.purge: is required"),
    ({"on_success": {"purge": []}}, "on_success.purge: should not be empty"),
    (
        {"on_success": {"purge": "a", "mod": 1}},
        "on_success.mod: unknown field; did you mean 'mode'",
    ),
    (
        {"on_success": {"purge": "a", "mode": "gone"}},
        "on_success.mode: should be 'hard', 'soft' or 'refresh'",
    ),
    (
        {"match": {"methods": ["GET", "HEAD"]}, "on_success": {"purge": "a"}},
        "on_success: never happens, for these methods are safe",
    ),
    ({"tags_from_body": {"a": "a:{}"}}, "tags_from_body.a: a JSON path starts with '$'"),
    ({"tags_from_body": {"$.a": "a"}}, "tags_from_body.$.a: write {} where the value is"),
    (
        {"tags_from_body": {"$[?@.a]": "{}"}},
        "tags_from_body.$[?@.a]: filters and functions are not accepted",
    ),
    ({"tag_fields": ["cache-groups"]}, "tag_fields[0]: 'cache-groups' cannot be listed"),
    ({"early_refresh": -1}, "early_refresh: should be greater than or equal to 0"),
]


def rule(**fields: Any) -> RuleModel:  # noqa: ANN401 - as written in YAML
    return RuleModel.model_validate({"name": "x", **fields})


def test_the_defaults_are_those_of_the_terms() -> None:
    assert terms_of(rule()) == Terms()


def test_every_term_can_be_set() -> None:
    assert terms_of(RuleModel.model_validate(ALL)) == Terms(
        cache=Caching.OVERRIDE,
        ttl=300.0,
        ttl_by_status=((404, 10.0),),
        min_ttl=1.0,
        max_ttl=3_600.0,
        jitter=0.05,
        early_refresh=1.0,
        heuristic=0.2,
        heuristic_max=604_800.0,
        stale_while_revalidate=30.0,
        stale_if_error=3_600.0,
        stale_if_unreachable=172_800.0,
        credentials=Credentials.KEY,
        set_cookie=SetCookie.STRIP,
        targets=(b"surrogate-control", b"cdn-cache-control"),
        max_body=1_048_576,
        max_variants=4,
        cookies_keyed=True,
        timeouts=Timeouts(1.0, 2.0, 3.0),
    )


def test_timeouts_that_a_rule_leaves_out_are_the_upstreams() -> None:
    terms = terms_of(rule(timeouts={"first_byte": "5s"}), Timeouts(7.0, 8.0, 9.0))

    assert terms.timeouts == Timeouts(7.0, 5.0, 9.0)


@pytest.mark.parametrize(
    ("written", "caching"),
    [
        ("on", Caching.ON),
        ("off", Caching.OFF),
        (True, Caching.ON),
        (False, Caching.OFF),
    ],
)
def test_cache_is_a_switch_in_either_yaml(written: object, caching: Caching) -> None:
    assert rule(cache=written).cache is caching


@pytest.mark.parametrize("section", ["match", "key", "timeouts"])
def test_an_empty_section_may_be_left_without_a_value(section: str) -> None:
    assert rule(**{section: None}) == rule()


@pytest.mark.parametrize(("fields", "expected"), WRONG, ids=[text for _, text in WRONG])
def test_what_is_wrong_is_told_with_a_remedy(fields: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError) as caught:
        rule(**fields)

    (problem,) = problems(caught.value, RuleModel)

    assert str(problem).startswith(expected)


def test_a_rule_for_any_method_may_purge() -> None:
    assert rule(on_success={"purge": "a"}).on_success
    assert rule(match={"methods": ["GET", "PUT"]}, on_success={"purge": "a"}).on_success


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        rule(ttl="x", tll=1, jitter=2)

    told = [str(problem) for problem in problems(caught.value, RuleModel)]

    assert len(told) == 3


def test_rules_keep_their_order() -> None:
    names = ["b", "a", "c"]
    rules = RuleFile.model_validate({"rules": [{"name": name} for name in names]}).rules

    assert [rule.name for rule in rules] == names


def test_names_are_distinct() -> None:
    names = ["a", "b", "a", "a"]
    with pytest.raises(ValidationError) as caught:
        RuleFile.model_validate({"rules": [{"name": name} for name in names]})

    assert [str(problem) for problem in problems(caught.value, RuleFile)] == [
        "rules[2].name: the name 'a' is taken by rules[0]",
        "rules[3].name: the name 'a' is taken by rules[0]",
    ]


def test_a_missing_name_and_a_rule_that_is_none_are_told() -> None:
    with pytest.raises(ValidationError) as caught:
        RuleFile.model_validate({"rules": [None, {"ttl": 1, "nam": "x"}], "extra": 1})

    assert [str(problem) for problem in problems(caught.value, RuleFile)] == [
        "rules[0].name: is required",
        "rules[1].name: is required",
        "rules[1].nam: unknown field; did you mean 'name'?",
        "extra: unknown field; known: rules",
    ]


def test_every_field_has_a_sentence() -> None:
    schema = RuleModel.model_json_schema()
    models = {"RuleModel": schema, **schema["$defs"]}
    for name, model in models.items():
        assert model["description"].partition("\n")[0].endswith("."), name
        for field, tree in model.get("properties", {}).items():
            sentence = tree.get("description") or models[tree["$ref"].split("/")[-1]]["description"]
            assert sentence.rstrip("`.") != sentence, (name, field)
