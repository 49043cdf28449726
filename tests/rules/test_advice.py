"""What is advised of a rule, and that every change that is advised can be read as a rule."""

from typing import Any

import pytest
import yaml

from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.rules import advice
from proxy.rules.advice import ENOUGH, Advice
from proxy.rules.rule import BUILT_IN, Rule
from proxy.rules.ruleset import compile_rules
from proxy.rules.schema import RuleModel
from proxy.rules.units import duration_text, size_text
from tests.policy.cases import stored

MAX_AGE = "Cache-Control: max-age=10"
NO_CACHE = "Cache-Control: no-cache, max-age=30"


def rule(place: str = "f:1", **written: Any) -> Rule:  # noqa: ANN401 - fields of the model
    return compile_rules([RuleModel(**{"name": "product"} | written)], [place]).rules[0]


def expired(of: Rule, *said: str) -> Stored:
    """Return an answer that was kept under a rule."""
    return stored('ETag: "a"', *said, terms=of.terms)


def changed(found: Advice | None) -> dict[str, Any]:
    """Return what a change says beside the rule's name; it is a rule that can be read."""
    assert found is not None
    assert found.change is not None
    [written] = yaml.safe_load(found.change)
    RuleModel.model_validate(written)
    assert written.pop("name") == "product"
    return dict(written)


@pytest.mark.parametrize(
    ("said", "same", "other", "change", "text"),
    [
        ((), ENOUGH, 0, {"ttl": "10m"}, "they may live longer."),
        ((), 19, 1, {"ttl": "10m"}, "they may live longer."),
        ((MAX_AGE,), 90, 10, {"min_ttl": "20s"}, "The upstream's max-age decides: have it send"),
        ((NO_CACHE,), 90, 10, {"cache": "override", "ttl": "1m"}, "The upstream says no-cache"),
        ((), 0, ENOUGH, {"ttl": "150s"}, "let them live less long"),
        ((MAX_AGE,), 2, 18, {"max_ttl": "5s"}, "let them live less long"),
    ],
)
def test_a_lifetime_is_judged_by_what_came_after_it(
    said: tuple[str, ...], same: int, other: int, change: dict[str, Any], text: str
) -> None:
    product = rule(ttl="5m")
    found = advice.lifetime(product, same, other, expired(product, *said))
    assert changed(found) == change
    assert found is not None
    assert text in found.text


@pytest.mark.parametrize(("same", "other"), [(ENOUGH - 1, 0), (0, ENOUGH - 1), (50, 50)])
def test_few_or_mixed_answers_say_nothing_of_a_lifetime(same: int, other: int) -> None:
    assert advice.lifetime(rule(), same, other, expired(rule(), MAX_AGE)) is None


@pytest.mark.parametrize(("same", "other"), [(ENOUGH, 0), (0, ENOUGH)])
def test_what_is_not_known_or_cannot_be_shorter_gets_no_advice(same: int, other: int) -> None:
    assert advice.lifetime(rule(), same, other, None) is None
    assert advice.lifetime(rule(), 0, ENOUGH, expired(rule(), NO_CACHE)) is None


MISSES = [
    (Reason.NO_LIFETIME, {}, {"ttl": "1m"}),
    (Reason.STATUS, {"ttl_by_status": {410: "5s"}}, {"ttl_by_status": {404: "10s", 410: "5s"}}),
    (Reason.NO_VALIDATOR, {}, {"cache": "override", "ttl": "10s"}),
    (Reason.NO_CACHE, {"ttl": "1m"}, {"cache": "override", "ttl": "1m"}),
    (Reason.CREDENTIALS, {}, {"credentials": "key"}),
    (Reason.NOT_SHAREABLE, {}, {"credentials": "key"}),
    (Reason.SET_COOKIE, {}, {"set_cookie": "strip"}),
    (Reason.TOO_LARGE, {"max_body": "1000B"}, {"max_body": "2000B"}),
    (Reason.TOO_LARGE, {}, {"max_body": "16MiB"}),
    (Reason.VARY_MISS, {}, {"max_variants": 64}),
    (Reason.PARTIAL, {}, {"range_on_miss": "whole"}),
    (Reason.RANGE, {}, {"range_on_miss": "whole"}),
    (Reason.URI_MISS, {}, {"key": {"query": {"exclude": ["utm_*", "fbclid", "gclid"]}}}),
    (Reason.QUARANTINED, {}, {"credentials": "key"}),
]


@pytest.mark.parametrize(("reason", "written", "change"), MISSES)
def test_a_reason_for_misses_names_the_change(
    reason: Reason, written: dict[str, Any], change: dict[str, Any]
) -> None:
    assert changed(advice.miss(rule(**written), reason)) == change


@pytest.mark.parametrize(
    ("written", "said", "change"),
    [
        ({}, (MAX_AGE,), {"stale_while_revalidate": "30s"}),
        ({"stale_while_revalidate": "1s", "ttl": "1m"}, (), {"ttl": "2m"}),
        ({"stale_while_revalidate": "1s", "ttl": "1m"}, (MAX_AGE,), {"min_ttl": "20s"}),
        ({}, ("Cache-Control: s-maxage=10",), {"min_ttl": "20s"}),
        ({}, (f"{MAX_AGE}, must-revalidate",), {"min_ttl": "20s"}),
        ({}, (f"{MAX_AGE}, stale-while-revalidate=1",), {"min_ttl": "20s"}),
    ],
)
def test_what_expires_is_given_stale_where_that_counts_and_else_lives_longer(
    written: dict[str, Any], said: tuple[str, ...], change: dict[str, Any]
) -> None:
    product = rule(**written)
    assert changed(advice.miss(product, Reason.STALE, expired(product, *said))) == change


def test_of_what_expired_nothing_is_changed_while_nobody_knows_why() -> None:
    assert changed(advice.miss(rule(), Reason.STALE)) == {"stale_while_revalidate": "30s"}
    found = advice.miss(rule(stale_while_revalidate="1s"), Reason.STALE)
    assert found is not None
    assert found.change is None


@pytest.mark.parametrize(
    "reason", [Reason.PRIVATE, Reason.NO_STORE, Reason.VARY_STAR, Reason.FRAMING]
)
def test_what_the_upstream_forbids_no_rule_changes(reason: Reason) -> None:
    found = advice.miss(rule(), reason)
    assert found is not None
    assert "only the upstream can" in found.text
    assert found.change is None


def test_every_reason_with_advice_is_tried() -> None:
    tried = {reason for reason, *_ in MISSES}
    tried |= {Reason.PRIVATE, Reason.NO_STORE, Reason.VARY_STAR, Reason.FRAMING}
    assert tried == set(advice.MISSES)


@pytest.mark.parametrize("written", [{"include": ["page"]}, {"exclude": ["utm_*"]}])
def test_where_parameters_are_chosen_first_requests_need_no_advice(written: Any) -> None:  # noqa: ANN401 - a mapping
    assert advice.miss(rule(key={"query": written}), Reason.URI_MISS) is None


def test_what_nobody_has_to_mend_gets_no_advice() -> None:
    assert advice.miss(rule(), Reason.METHOD) is None


@pytest.mark.parametrize(
    ("written", "names", "change"),
    [
        ({}, ("authorization",), {"credentials": "key"}),
        ({}, ("cookie session",), {"credentials": "key"}),
        ({"key": {"cookies": ["a"]}}, ("cookie b",), {"key": {"cookies": ["a", "b"]}}),
        (
            {"key": {"headers": ["accept"]}},
            ("accept-language", "authorization"),
            {"credentials": "key", "key": {"headers": ["accept", "accept-language"]}},
        ),
        (
            {"key": {"query": {"include": ["page"]}, "headers": ["accept"], "cookies": []}},
            ("x-plan",),
            {
                "key": {
                    "query": {"include": ["page"]},
                    "headers": ["accept", "x-plan"],
                    "cookies": [],
                }
            },
        ),
        ({"key": {"headers": ["accept"]}}, ("authorization",), {"credentials": "key"}),
        (
            {"key": {"query": {"include": ["page"]}}},
            ("query to",),
            {"key": {"query": {"include": ["page", "to"]}}},
        ),
        (
            {"key": {"query": {"exclude": ["to", "utm_*"]}}},
            ("query to",),
            {"key": {"query": {"exclude": ["utm_*"]}}},
        ),
    ],
)
def test_a_mismatch_brings_what_differed_into_the_key(
    written: dict[str, Any], names: tuple[str, ...], change: dict[str, Any]
) -> None:
    found = advice.mismatch(rule(**written), names)
    assert changed(found) == change
    assert ", ".join(names) in found.text


def test_the_built_in_rule_is_changed_by_one_behind_ones_own() -> None:
    found = advice.miss(rule(BUILT_IN), Reason.NO_LIFETIME)
    assert found is not None
    assert found.change == "- name: everything\n  match: {path: /**}\n  ttl: 1m\n"


@pytest.mark.parametrize(
    ("path", "name"),
    [("/", "root"), ("/openapi.json", "openapi-json"), ("/~A/b%20c", None), ("/a/{b}", None)],
)
def test_of_one_request_its_path_alone_is_changed(path: str, name: str | None) -> None:
    advised = advice.miss(rule(BUILT_IN), Reason.NO_LIFETIME)
    assert advised is not None
    found = advice.for_path(advised, path)
    assert found.change is not None
    if name is None:
        assert found == advised
        return
    [written] = yaml.safe_load(found.change)
    assert written == {"name": name, "match": {"path": path}, "ttl": "1m"}
    RuleModel.model_validate(written)


def test_of_one_request_a_rule_of_ones_own_is_changed_as_it_is() -> None:
    for reason in (Reason.NO_LIFETIME, Reason.PRIVATE):
        advised = advice.miss(rule(), reason)
        assert advised is not None
        assert advice.for_path(advised, "/a") == advised


@pytest.mark.parametrize(
    ("reason", "count", "requests", "told"),
    [
        (Reason.URI_MISS, ENOUGH - 1, ENOUGH - 1, False),
        (Reason.URI_MISS, ENOUGH, 2 * ENOUGH, True),
        (Reason.URI_MISS, ENOUGH, 2 * ENOUGH + 1, False),
        (Reason.NO_LIFETIME, 1, 100, True),
    ],
)
def test_first_requests_say_something_where_most_are(
    reason: Reason, count: int, requests: int, *, told: bool
) -> None:
    assert advice.is_telling(reason, count, requests) is told


def test_what_differed_each_time_is_named_alone() -> None:
    assert advice.culprits({("a", "b"): 3, ("b", "c"): 2}) == ("b",)
    assert advice.culprits({("a",): 3, ("c",): 3, ("b",): 1}) == ("a", "c")
    assert advice.culprits({}) == ()


def test_a_rule_in_shadow_may_go_live_once_enough_was_compared() -> None:
    shadow = rule(mode="shadow")
    assert changed(advice.ready(shadow, ENOUGH - 5, 5)) == {"mode": "live"}
    assert advice.ready(shadow, ENOUGH - 1, 0) is None
    assert advice.ready(rule(), ENOUGH, 0) is None


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (0.25, "250ms"), (1.5, "1500ms"), (90.0, "90s"), (600.0, "10m"), (86400.0, "1d")],
)
def test_a_duration_is_written_in_the_largest_exact_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0B"), (1000, "1000B"), (2048, "2KiB"), (2**24, "16MiB")]
)
def test_a_size_is_written_in_the_largest_exact_unit(size: int, text: str) -> None:
    assert size_text(size) == text
