"""What tells a wrong key from an answer that has changed."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.http.message import Fields, Request
from proxy.rules.comparison import (
    LONGEST_NAME,
    MOST_PARTS,
    OTHERS,
    WINDOW,
    Finding,
    Sighting,
    differing,
    finding,
    parts_of,
    returned,
)

SECRET = b"a secret of this process alone"


def request(*lines: tuple[bytes, bytes], target: bytes = b"/thing") -> Request:
    return Request("GET", "http", b"api.test", target, Fields(lines))


def names(*lines: tuple[bytes, bytes], target: bytes = b"/thing") -> set[str]:
    return set(parts_of(request(*lines, target=target), SECRET))


def story(*told: str) -> list[Sighting]:
    """Write sightings as `answer part=value part=value`, a second apart."""
    found = []
    for at, text in enumerate(told):
        answer, *parts = text.split()
        pairs = (part.partition("=") for part in parts)
        held = {name: value.encode() for name, _, value in pairs}
        found.append(Sighting(held, answer.encode(), float(at)))
    return found


def culprits(*told: str) -> tuple[str, ...]:
    *earlier, new = story(*told)
    return returned(earlier, new)


def test_parts_are_named_by_where_they_stand() -> None:
    lines = ((b"Authorization", b"a"), (b"Cookie", b"s=1; t=2"), (b"X-Plan", b"gold"))
    found = names(*lines, target=b"/thing?to=eur&page=2")
    assert found == {"authorization", "x-plan", "cookie s", "cookie t", "query to", "query page"}


def test_what_names_the_way_or_the_request_is_no_part() -> None:
    lines = ((b"Via", b"1.1 a"), (b"X-Request-Id", b"7"), (b"TraceParent", b"00"), (b"Range", b"x"))
    assert names(*lines) == set()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([(b"A", b"1")], [(b"A", b"2")]),
        ([(b"A", b"1")], []),
        ([(b"A", b"1"), (b"A", b"2")], [(b"A", b"12")]),
        ([(b"A", b"")], []),
    ],
)
def test_values_are_told_apart(
    one: list[tuple[bytes, bytes]], other: list[tuple[bytes, bytes]]
) -> None:
    found = [parts_of(request(*lines), SECRET) for lines in (one, other)]
    assert differing(*found) == ("a",)
    assert differing(found[0], found[0]) == ()


def test_a_digest_is_worth_nothing_without_the_secret() -> None:
    asked = request((b"Authorization", b"Bearer of-ann"))
    one, other = parts_of(asked, SECRET), parts_of(asked, b"another")
    assert one != other
    assert b"of-ann" not in b"".join(one.values())


def test_names_from_clients_are_bounded_and_fit_to_be_shown() -> None:
    found = names(*((b"X-%d" % n, b"") for n in range(2 * MOST_PARTS)))
    assert len(found) == MOST_PARTS + 1
    assert OTHERS in found
    [long] = names((b"X" * 999, b""))
    assert len(long) == LONGEST_NAME
    [strange] = names(target=b"/?%1b%5b2J%ff=1")
    assert strange == "query ?[2J\\xff"


@given(st.binary(max_size=80).map(lambda raw: raw.replace(b"&", b"")))
def test_any_parameter_has_a_name_that_can_be_shown(raw: bytes) -> None:
    assert all(name.isprintable() for name in names(target=b"/?" + raw))


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (("authorization",), Finding.CREDENTIALS),
        (("x-api-key", "accept-language"), Finding.CREDENTIALS),
        (("cookie lang",), Finding.CREDENTIALS),
        (("accept-language", "query to"), Finding.REQUEST),
    ],
)
def test_whether_callers_were_mixed(told: tuple[str, ...], expected: Finding) -> None:
    assert finding(told) is expected


def test_an_answer_that_comes_back_was_another_callers_in_between() -> None:
    assert culprits("a who=ann", "b who=bob", "a who=ann") == ("who",)


@pytest.mark.parametrize(
    "told",
    [
        ("a who=ann",),
        ("a who=ann", "a who=bob"),
        ("a who=ann", "b who=bob"),
        ("a who=ann", "b who=bob", "b who=ann"),  # it has changed for all
        ("a who=ann", "b who=bob", "c who=ann"),  # it changes all the time
        ("a who=ann", "b who=ann", "a who=ann"),  # it changes for the same request
        ("a who=ann", "b who=bob", "a who=cat"),  # nobody's answer came back to them
        ("a who=ann", "a who=bob", "b who=bob", "a who=ann"),  # bob has had both
        ("a who=ann", "b who=ann", "b who=bob", "a who=ann"),  # ann has had both
    ],
)
def test_what_time_explains_is_no_mismatch(told: tuple[str, ...]) -> None:
    assert culprits(*told) == ()


def test_what_differed_where_answers_agreed_does_not_explain_it() -> None:
    first = "a who=ann agent=x"
    assert culprits(first, "b who=bob agent=y", first) == ("agent", "who")
    assert culprits(first, "a who=ann agent=y", "b who=bob agent=y", first) == ("who",)
    assert culprits(first, "b who=bob agent=x", "b who=bob agent=y", first) == ("who",)


def test_a_part_that_is_new_each_time_explains_nothing() -> None:
    assert culprits("a who=ann n=1", "b who=bob n=2", "a who=ann n=3") == ("who",)
    assert culprits("a n=1", "b n=2", "a n=3") == ()


def test_answers_in_other_codings_are_not_compared() -> None:
    first, *earlier, new = story("a who=ann", "b who=bob", "a who=ann")
    coded = [replace(each, coding=b"gzip") for each in earlier]
    assert returned([first, *coded], new) == ()
    assert returned([first, *earlier], new) == ("who",)


def test_the_part_may_be_absent() -> None:
    assert culprits("a", "b who=bob", "a") == ("who",)


def test_over_a_long_time_what_changed_may_change_back() -> None:
    *earlier, new = story("a who=ann", "b who=bob", "a who=ann")
    late = Sighting(new.parts, new.print, WINDOW + 0.5)
    assert returned(earlier, late) == ()
    assert returned([], late) == ()
