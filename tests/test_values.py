"""Values of a request: as good as a frozen dataclass, but for who stands guard."""

import dataclasses

import pytest

from proxy.values import replace, valueclass


@valueclass(frozen=True, slots=True)
class _None:
    pass


@valueclass(frozen=True, slots=True)
class _One:
    only: int


@valueclass(frozen=True, slots=True)
class _Three:
    first: int
    second: str = "two"
    third: tuple[int, ...] = ()


VALUES = (_None(), _One(1), _Three(1), _Three(1, third=(3,)))


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_a_value_is_replaced_as_the_standard_library_would(value: _None | _One | _Three) -> None:
    for name in [field.name for field in dataclasses.fields(value)]:
        ours = replace(value, **{name: None})  # type: ignore[arg-type]  # the point is the name
        assert ours == dataclasses.replace(value, **{name: None})  # type: ignore[arg-type]  # too
        assert ours != value
    assert replace(value) == value
    assert replace(value) is not value


def test_equal_values_have_one_hash() -> None:
    assert hash(_Three(1)) == hash(_Three(1, "two", ()))
    assert len({_Three(1), _Three(1), _Three(2), _One(1), _None()}) == 4


def test_no_value_has_a_field_more_than_it_says() -> None:
    with pytest.raises(AttributeError):
        replace(_One(1), other=2)  # type: ignore[call-arg]  # which the type checker sees, too
