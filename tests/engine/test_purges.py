"""What a write purges, however much that is: in parts that the log takes."""

import pytest

from proxy.engine.boarding import Boarded, board
from proxy.engine.purge import Mode, Purge
from proxy.engine.purges import of_answered, of_lost
from proxy.engine.purging import Source
from proxy.engine.snapshot import Snapshot
from proxy.http.message import Head
from proxy.rules.labels import EVERYTHING
from tests.engine.house import House
from tests.engine.scripted import ask, fields, reply, ruleset

Found = list[tuple[Source, int]]


def written(*rules: dict[str, object]) -> Boarded:
    """Board a write under these rules, the first of which it meets."""
    return board(ask(method="PUT", target="/thing?x=1"), Snapshot(ruleset(*rules, {})))


def answered(boarded: Boarded, *lines: str) -> list[tuple[Purge, Source]]:
    return list(of_answered(boarded, Head(200, fields(*lines))))


def sizes(purges: list[tuple[Purge, Source]]) -> Found:
    return [(source, len(purge.tags)) for purge, source in purges]


def groups(count: int) -> str:
    return "Cache-Group-Invalidation: " + ", ".join(f'"{number}"' for number in range(count))


def selecting(count: int) -> list[dict[str, object]]:
    return [
        {"match": {"path": f"/{number}"}, "key": {"query": {"include": [f"p{number}", "x"]}}}
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("rules", "lines", "expected"),
    [
        pytest.param([], [], [(Source.WRITE, 1)], id="9111-4.4-its-own-uri"),
        pytest.param(
            [],
            [groups(1_500)],
            [(Source.WRITE, 1), (Source.GROUP, 1_000), (Source.GROUP, 500)],
            id="9875-3-many-groups",
        ),
        pytest.param(
            [
                {
                    "match": {"methods": ["PUT"]},
                    "on_success": {"purge": [f"a{number}" for number in range(1_200)]},
                }
            ],
            [],
            [(Source.WRITE, 1), (Source.RULE, 1_000), (Source.RULE, 200)],
            id="many-templates",
        ),
        pytest.param(
            selecting(4),
            [f"Location: /{number}?{number}" for number in range(600)]
            + ["Location: /0?0", "Content-Location: /thing?x=1"],
            [(Source.WRITE, 1_000), (Source.WRITE, 201)],
            id="9111-4.4-many-locations-each-once",
        ),
    ],
)
def test_what_is_too_much_for_the_log_goes_in_parts(
    rules: list[dict[str, object]], lines: list[str], expected: Found
) -> None:
    found = answered(written(*rules), *lines)
    assert sizes(found) == expected


def test_what_can_not_be_told_one_by_one_is_everything() -> None:
    found = answered(written(), groups(10_001))
    assert found[1:] == [(Purge((EVERYTHING,)), Source.GROUP)]


def test_a_write_that_is_lost_purges_by_the_rule_too() -> None:
    on_success = {"purge": ["a", "b"], "mode": "soft"}
    found = list(of_lost(written({"match": {"methods": ["PUT"]}, "on_success": on_success})))
    assert sizes(found) == [(Source.WRITE, 1), (Source.RULE, 2)]
    assert found[1][0].mode is Mode.SOFT


async def test_9875_3_every_group_reaches_the_other_replicas(house: House) -> None:
    kept = ("Cache-Control: max-age=60", 'Cache-Groups: "1499"')
    await house.fill(*kept)
    house.script(reply(204, groups(1_500), body=[]))
    await house.one.get(method="POST", target="/other")
    house.catch_up()
    assert house.one.kept() == house.two.kept() == ()
