"""That holding rules to a document takes time in proportion to it, told without a clock."""

from collections import Counter
from functools import wraps
from typing import Any

import pytest

from proxy.openapi import checks
from proxy.openapi.checks import Ruled, findings
from proxy.rules.paths import Node
from proxy.settings import Settings, builtin_rules, ruleset
from tests.openapi.documents import Json, crud, operation
from tests.openapi.reading import read

PARTS = ("meet", "covers")


def document(nouns: int) -> Json:
    """Return a description with so many kinds of things, five operations each, and a few more."""
    paths: Json = {"/{anything}/{at_all}": {"get": operation("any")}}
    for number in range(nouns):
        crud(paths, f"/v1/things-{number}", f"thing-{number}")
    return {"openapi": "3.0.3", "info": {"title": "T", "version": "1"}, "paths": paths}


def rules(nouns: int) -> tuple[Ruled, ...]:
    """Return a rule for each kind of thing, and one for all of them that lists their paths."""
    written = [
        {
            "name": f"thing-{number}",
            "match": {"path": f"/v1/things-{number}/{{id}}", "host": "a.test"},
            "tags": ["things"],
        }
        for number in range(nouns)
    ]
    listed = [f"/v1/things-{number}/**" for number in range(nouns)]
    all_of_them = {"name": "all", "match": {"path": listed, "methods": ["GET", "PUT"]}}
    settings = Settings.model_validate(
        {"upstream": {"url": "http://a"}, "rules": [*written, all_of_them]}
    )
    models = (*settings.rules, *builtin_rules())
    return tuple(map(Ruled.of, models, ruleset(settings, "rules.yaml").rules))


def counted(nouns: int) -> int:
    """Return how many patterns are compared, and how many nodes of a tree are looked at."""
    counts: Counter[str] = Counter()
    held, operations = rules(nouns), read(document(nouns)).operations
    with pytest.MonkeyPatch.context() as patch:
        for name in PARTS:
            patch.setattr(checks, name, _counting(getattr(checks, name), counts))
        patch.setattr(Node, "shared", _counting(Node.shared, counts, each=len))
        assert list(findings(held, operations))
    assert {*PARTS, "shared"} == counts.keys()
    return counts.total()


def _counting(function: Any, counts: Counter[str], each: Any = lambda _: 1) -> Any:  # noqa: ANN401 - any function
    @wraps(function)
    def counting(*given: object) -> object:
        result = function(*given)
        counts[function.__name__] += each(result)
        return result

    return counting


@pytest.mark.interpreted
def test_twice_as_many_operations_and_rules_are_twice_the_work() -> None:
    assert counted(160) <= 2.1 * counted(80)
