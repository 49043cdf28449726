"""Rates and ratios of two moments, and the lines that they make."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.top.frame import frame
from proxy.top.lines import lines, printed
from proxy.top.moment import Asked, moment
from tests.top.moments import Json, at, counted, stats


def text(shown: list[str]) -> str:
    return "\n".join(shown)


def of(
    before: Json | None, after: Json, width: int = 100, height: int = 40, **others: object
) -> list[str]:
    first = None if before is None else at(0.0, before)
    made = frame(first, moment(Asked(10.0, after, **others)))  # type: ignore[arg-type]  # documents
    return [printed(line, colour=False) for line in lines(made, "http://a", width, height)]


def test_rates_are_differences() -> None:
    made = frame(at(0.0, counted(80, 20)), at(10.0, counted(170, 30)))
    assert not made.restarted
    assert (made.all.rate, made.all.total) == (10.0, 200)
    assert (made.all.hit_ratio, made.all.hit_ratio_ever) == (0.9, 0.85)
    [rule] = made.rules
    assert (rule.name, rule.rate, rule.misses) == ("products", 10.0, 1.0)
    [cause] = made.misses
    assert (cause.reason, cause.rate, cause.total) == ("stale", 1.0, 30)


def test_what_bypasses_is_no_part_of_the_hit_ratio() -> None:
    made = frame(None, at(1.0))
    assert made.all.hit_ratio_ever == 0.8
    assert [(rule.name, rule.hit_ratio_ever) for rule in made.rules] == [
        ("products", 0.8),
        ("account", None),
    ]


def test_one_moment_has_no_rates() -> None:
    made = frame(None, at(1.0))
    assert (made.all.rate, made.bytes_rate, made.all.hit_ratio) == (0.0, 0.0, None)
    assert [cause.rate for cause in (*made.misses, *made.unstored)] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "after",
    [counted(5, 5), counted(90, 30, started=2.0), counted(90, 30, body_bytes={"hit": 1})],
    ids=["fewer requests", "another start", "fewer bytes"],
)
def test_after_a_restart_all_that_was_counted_is_new(after: Json) -> None:
    made = frame(at(0.0, counted(80, 20, started=1.0)), at(10.0, {"started": 1.0} | after))
    assert made.restarted
    assert made.all.rate == made.all.total / 10
    assert made.bytes_rate == sum(after["body_bytes"].values()) / 10


COUNTS = st.dictionaries(
    st.tuples(st.sampled_from("ab"), st.sampled_from(["hit", "stale", "miss", "bypass", "error"])),
    st.integers(0, 1_000),
)


@given(COUNTS, COUNTS, st.floats(0, 100))
def test_no_pair_of_moments_makes_nonsense(
    first: dict[tuple[str, str], int], second: dict[tuple[str, str], int], seconds: float
) -> None:
    def told(counts: dict[tuple[str, str], int]) -> Json:
        rows = [{"rule": r, "outcome": o, "count": n} for (r, o), n in counts.items()]
        return stats(requests=rows)

    made = frame(at(0.0, told(first)), at(seconds, told(second)))
    for each in (made.all, *made.rules):
        assert min(each.rate, each.misses, each.errors) >= 0
        assert each.hit_ratio is None or 0 <= each.hit_ratio <= 1
    assert made.all.rate == pytest.approx(sum(rule.rate for rule in made.rules))
    shown = [printed(line, colour=False) for line in lines(made, "http://a", 80, 24)]
    assert max(map(len, shown)) <= 80
    assert len(shown) <= 24


def test_a_whole_frame() -> None:
    shown = of(counted(80, 20), counted(170, 30, version="0.1.0", phase="draining"))
    assert shown[:4] == [
        "sidecache 0.1.0  http://a draining",
        "10.0 requests/s  hits 90.0%  ever 85.0%  0 B/s  in flight 3  errors 0.0/s",
        "memory 2.9 MiB  70 keys  evicted 0.0/s  shared fetches 0.0/s",
        "purges confirmed",
    ]
    [row] = [line.split() for line in shown if line.startswith("products")]
    assert row == ["products", "10.0", "90.0%", "1.0", "0.0", "85.0%", "200"]
    assert "stale                        1.0       30  The stored answer's age reached" in text(
        shown
    )
    assert "set-cookie                   0.0        2  The response sets a cookie" in text(shown)


def test_what_other_documents_add() -> None:
    replicas = {
        "replicas": [
            {"name": "a", "address": "", "lag": 0, "seen": 0.1},
            {"name": "b", "address": "", "lag": 7, "seen": 2.5},
        ]
    }
    advice = {"rules": [{"rule": "products", "advice": [{"text": "longer", "change": None}]}]}
    history = {"times": [0.0, 10.0, 20.0, 25.0], "outcomes": {"hit": [0, 40, 40]}}
    redis = {"usable": False, "untold": 2}
    shown = text(of(None, stats(redis=redis), replicas=replicas, advice=advice, history=history))
    assert "redis left alone, 2 purges untold  replicas 2, behind: b by 7" in shown
    assert "products: longer" in shown
    assert "last hour ▁▅█" in shown


def test_what_is_wrong_is_said() -> None:
    ledger = {"trust": "lapsed", "unconfirmed_for": 42.04}
    shown = text(of(None, stats(ledger=ledger), replicas_problem="nobody there"))
    assert "purges lapsed for 42.0 s  replicas: nobody there" in shown
    made = lines(frame(None, at(0.0)), "http://a", 80, 24, "cannot be reached")
    assert printed(made[1], colour=False) == "cannot be reached"
    assert printed(made[1], colour=True) == "\x1b[31mcannot be reached\x1b[0m"


@pytest.mark.parametrize("width", [1, 20, 39, 59, 60, 80, 200])
@pytest.mark.parametrize("height", [1, 5, 24])
def test_it_fits_where_there_is_little_room(width: int, height: int) -> None:
    rows = [
        {"rule": f"a-rule-with-a-long-name-{at}", "outcome": "miss", "count": 10**at}
        for at in range(12)
    ]
    shown = of(None, stats(requests=rows), width, height)
    assert len(shown) <= height
    assert max(map(len, shown)) <= max(width, 20)
    if height == 24 and width >= 20:
        assert "and 6 more" in text(shown)


def test_styles_add_no_text() -> None:
    made = lines(frame(at(0.0, counted(80, 20)), at(1.0, counted(81, 21))), "http://a", 80, 24)
    for line in made:
        assert re.sub(r"\x1b\[\d*m", "", printed(line, colour=True)).rstrip() == printed(
            line, colour=False
        )


def test_control_characters_do_not_reach_the_terminal() -> None:
    rows = [{"rule": "a\x1b[2Jb", "outcome": "hit", "count": 1}]
    assert "a?[2Jb" in text(of(None, stats(requests=rows)))
