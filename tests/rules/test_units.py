import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.rules.units import LARGEST, LONGEST, Count, Duration, Share, Size, Timeout

DURATION = TypeAdapter[float](Duration)
TIMEOUT = TypeAdapter[float](Timeout)
SIZE = TypeAdapter[int](Size)
SHARE = TypeAdapter[float](Share)
COUNT = TypeAdapter[int](Count)

GOOD = [
    (DURATION, 30, 30.0),
    (DURATION, 0, 0.0),
    (DURATION, 0.25, 0.25),
    (DURATION, "30", 30.0),
    (DURATION, "30s", 30.0),
    (DURATION, "5m", 300.0),
    (DURATION, "250ms", 0.25),
    (DURATION, "1h30m", 5_400.0),
    (DURATION, "2d", 172_800.0),
    (DURATION, "1d2h3m4s5ms", 93_784.005),
    (DURATION, "1.5h", 5_400.0),
    (DURATION, LONGEST, LONGEST),
    (TIMEOUT, "1ms", 0.001),
    (SIZE, 1024, 1024),
    (SIZE, "1024", 1024),
    (SIZE, "0B", 0),
    (SIZE, "8MB", 8_000_000),
    (SIZE, "1kB", 1_000),
    (SIZE, "64KiB", 65_536),
    (SIZE, "256MiB", 268_435_456),
    (SIZE, "1GiB", 2**30),
    (SIZE, LARGEST, LARGEST),
    (SHARE, 0.1, 0.1),
    (SHARE, 1, 1.0),
    (SHARE, "10%", 0.1),
    (SHARE, "12.5%", 0.125),
    (SHARE, "0.1", 0.1),
    (COUNT, 1, 1),
    (COUNT, "64", 64),
]

BAD: list[tuple[TypeAdapter[float] | TypeAdapter[int], object]] = [
    *[(DURATION, value) for value in ("", "off", "5x", "m", "30 s", "-5s", "1m1h", "5m5m", "1e3")],
    *[(DURATION, value) for value in (True, None, -1, float("nan"), float("inf"), "99999d")],
    (TIMEOUT, 0),
    *[(SIZE, value) for value in ("", "1.5MB", "8mb", "MB", "8 MB", "-1", True, None, 1.5, -1)],
    *[(SIZE, value) for value in (LARGEST + 1, "9999999GiB")],
    *[(SHARE, value) for value in ("", "half", "101%", 1.1, -0.1, True, None, "%", float("nan"))],
    *[(COUNT, value) for value in (0, True, False, -1, 1.5, "many", None, 1_000_001)],
]


@pytest.mark.parametrize(("unit", "written", "value"), GOOD)
def test_a_quantity_is_read(unit: TypeAdapter[float], written: object, value: float) -> None:
    assert unit.validate_python(written) == pytest.approx(value)


@pytest.mark.parametrize(("unit", "written"), BAD)
def test_what_is_no_quantity_is_refused(unit: TypeAdapter[float], written: object) -> None:
    with pytest.raises(ValidationError):
        unit.validate_python(written)


@pytest.mark.parametrize(
    ("unit", "example"), [(DURATION, "'1h30m'"), (SIZE, "'256MiB'"), (SHARE, "'10%'")]
)
def test_an_error_says_what_is_accepted(unit: TypeAdapter[float], example: str) -> None:
    with pytest.raises(ValidationError, match=example):
        unit.validate_python("much")


@pytest.mark.parametrize("unit", [DURATION, SIZE, SHARE, COUNT])
def test_an_error_quotes_text_that_is_short(unit: TypeAdapter[float]) -> None:
    with pytest.raises(ValidationError, match=", not '5 minutes'"):
        unit.validate_python("5 minutes")
    with pytest.raises(ValidationError) as raised:
        unit.validate_python("5 minutes" * 9)
    assert "not" not in raised.value.errors()[0]["msg"]


@pytest.mark.parametrize("unit", [DURATION, SIZE, SHARE])
def test_a_schema_has_examples_that_are_accepted(unit: TypeAdapter[float]) -> None:
    for example in unit.json_schema()["examples"]:
        unit.validate_python(example)
