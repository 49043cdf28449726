import pytest

from proxy.policy.stored import Stored
from tests.policy.cases import T, stored, table

AGES = {
    "9111-4.2.3-on-arrival": (stored("Cache-Control: max-age=60"), 0, 0, 60),
    "9111-4.2.3-resident-time-counts": (stored("Cache-Control: max-age=60"), 25, 25, 35),
    "9111-4.2.3-age-field-counts": (stored("Cache-Control: max-age=60", "Age: 40"), 5, 45, 15),
    "9111-4.2.3-delay-counts": (stored("Cache-Control: max-age=60", delay=3), 5, 8, 52),
    "9111-4.2.3-clock-set-back": (stored("Cache-Control: max-age=60", "Age: 7"), -90, 7, 53),
    "9211-2.4-negative-when-stale": (stored("Cache-Control: max-age=60"), 100, 100, -40),
    "9111-1.2.2-age-overflow-is-stale": (
        stored("Cache-Control: max-age=99999999999", "Age: 99999999999"),
        1,
        2**31 + 1,
        -1,
    ),
}

STALE = {
    "9111-4.2.4-nothing-forbids": ("max-age=1", True),
    "9111-5.2.2.2-must-revalidate": ("max-age=1, must-revalidate", False),
    "9111-5.2.2.8-proxy-revalidate": ("max-age=1, proxy-revalidate", False),
    "9111-5.2.2.10-s-maxage": ("s-maxage=1", False),
    "9111-5.2.2.4-no-cache": ("max-age=1, no-cache", False),
    "9111-5.2.2.4-qualified-no-cache": ('max-age=1, no-cache="x-a"', True),
    "9111-5.2.2.9-public": ("max-age=1, public", True),
    "8246-2-immutable": ("max-age=1, immutable", True),
}


@pytest.mark.parametrize(("held", "later", "age", "ttl"), table(AGES))
def test_age_and_ttl(held: Stored, later: int, age: float, ttl: float) -> None:
    assert (held.age(T + later), held.ttl(T + later)) == (age, ttl)


@pytest.mark.parametrize(("directives", "allowed"), table(STALE))
def test_may_be_stale(directives: str, *, allowed: bool) -> None:
    assert stored(f"Cache-Control: {directives}", 'ETag: "a"').may_be_stale is allowed
