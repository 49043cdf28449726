"""How old a response is when it arrives (9111 §4.2.3)."""

import pytest

from proxy.http.cache_control import DELTA_MAX
from proxy.http.message import Head
from proxy.policy import freshness
from tests.policy.cases import T, at, bare, fields, table

DATES = {
    "9110-6.6.1-date": (bare(200, f"Date: {at(-9)}"), T - 9),
    "9110-6.6.1-missing": (bare(200), T),
    "9110-6.6.1-invalid": (bare(200, "Date: 2023-11-14T22:13:20Z"), T),
    "9110-6.6.1-empty": (bare(200, "Date:"), T),
    "9110-6.6.1-zone": (bare(200, "Date: Tue, 14 Nov 2023 22:13:11 PST"), T),
    "9110-5.6.7-obsolete-form": (bare(200, "Date: Tue Nov 14 22:13:11 2023"), T - 9),
    "9110-6.6.1-twice": (bare(200, f"Date: {at(-9)}", f"Date: {at(-5)}"), T - 9),
}


@pytest.mark.parametrize(("response", "date"), table(DATES))
def test_date_of(response: Head, date: int) -> None:
    assert freshness.date_of(response.fields, T + 0.9) == date


AGES = {
    "9111-4.2.3-nothing": ((), 0, 0),
    "9111-4.2.3-age-value": (("Age: 10",), 0, 10),
    "9111-4.2.3-delay-is-added": (("Age: 10",), 3, 13),
    "9111-4.2.3-delay-alone": ((), 3, 3),
    "9111-4.2.3-apparent-age": ((f"Date: {at(-30)}",), 0, 30),
    "9111-4.2.3-the-greater-of-both": ((f"Date: {at(-30)}", "Age: 10"), 0, 30),
    "9111-4.2.3-age-beyond-the-apparent": ((f"Date: {at(-30)}", "Age: 90"), 0, 90),
    "9111-4.2.3-date-in-the-future-is-zero": ((f"Date: {at(500)}",), 0, 0),
    "9111-4.2.3-date-in-1970": (("Date: Thu, 01 Jan 1970 00:00:00 GMT",), 0, T),
    "9111-4.2.3-invalid-date-has-no-age": (("Date: x",), 0, 0),
    "9111-4.2.3-clock-set-back-meanwhile": (("Age: 10",), -3, 10),
    "9111-5.1-first-member": (("Age: 10, 90",), 0, 10),
    "9111-5.1-first-line": (("Age: 10", "Age: 90"), 0, 10),
    "9111-5.1-negative-is-ignored": (("Age: -10",), 0, 0),
    "9111-5.1-decimals-are-ignored": (("Age: 1.5",), 0, 0),
    "9111-5.1-sign-is-ignored": (("Age: +5",), 0, 0),
    "9111-5.1-word-is-ignored": (("Age: old",), 0, 0),
    "9111-5.1-trailing-garbage-is-ignored": (("Age: 10x",), 0, 0),
    "9111-5.1-quoted-is-ignored": (('Age: "10"',), 0, 0),
    "9111-5.1-parameter-is-ignored": (("Age: 10;a=b",), 0, 0),
    "9111-5.1-empty-is-ignored": (("Age:",), 0, 0),
    "9111-5.1-empty-first-member-is-ignored": (("Age: , 10",), 0, 0),
    "9111-5.1-invalid-first-member-is-ignored": (("Age: x, 10",), 0, 0),
    "9111-5.1-leading-zeros": (("Age: 0010",), 0, 10),
    "9111-1.2.2-overflow": (("Age: " + "9" * 400,), 0, DELTA_MAX),
}


@pytest.mark.parametrize(("lines", "delay", "age"), table(AGES))
def test_age_on_arrival(lines: tuple[str, ...], delay: float, age: float) -> None:
    given = fields(*lines)
    date = freshness.date_of(given, T)
    assert freshness.age_on_arrival(given, date, T - delay, T) == age


def test_a_fraction_of_a_second_is_no_age() -> None:
    """9111 §4.2.3: Date was cut to a second, which must not look like time on the way."""
    assert freshness.age_on_arrival(fields(), T, T + 0.9, T + 0.9) == 0
