"""Quantities as an operator writes them: durations, sizes, shares, counts.

Each is an annotated type with a parser, a JSON Schema and an error text that says what is
accepted. This module must not know which setting uses which quantity.
"""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

LONGEST: Final = 2.0**31
"""Seconds; the greatest lifetime that a cache has to tell from a longer one (9111 §1.2.2)."""
LARGEST: Final = 2**50
"""Bytes; a petabyte-sized limit limits nothing."""

_NUMBER: Final = r"[0-9]{1,10}(?:\.[0-9]{1,3})?"
_SECONDS: Final = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_BYTES: Final = {
    "B": 1,
    "kB": 1_000,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
}
_DURATION: Final = "".join(f"(?:({_NUMBER}){unit})?" for unit in _SECONDS)
_SIZE: Final = rf"([0-9]{{1,15}})({'|'.join(_BYTES)})?"
_SHARE: Final = rf"({_NUMBER})(%?)"

_DURATION_HELP: Final = "a duration is a number of seconds or like '250ms', '30s', '5m', '1h30m'"
_SIZE_HELP: Final = "a size is a number of bytes or like '64KiB', '8MB', '256MiB'"
_SHARE_HELP: Final = "a share is a number from 0 to 1 or like '10%'"
_COUNT_HELP: Final = "a count is a whole number"


_LONGEST_QUOTED: Final = 40


def _unfit(accepted: str, value: object) -> PydanticCustomError:
    """Return an error that says what is accepted, and quotes the text that is not."""
    quoted = isinstance(value, str) and 0 < len(value) <= _LONGEST_QUOTED
    text = f"{accepted}, not {value!r}" if quoted else accepted
    return PydanticCustomError("quantity", "{text}", {"text": text})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _seconds(value: object) -> object:
    if _is_number(value):
        return value
    if not isinstance(value, str) or not value:
        raise _unfit(_DURATION_HELP, value)
    if re.fullmatch(_NUMBER, value):
        return float(value)
    if not (found := re.fullmatch(_DURATION, value)):
        raise _unfit(_DURATION_HELP, value)
    amounts = zip(found.groups(), _SECONDS.values(), strict=True)
    return sum(float(amount) * unit for amount, unit in amounts if amount)


def _bytes(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str) or not (found := re.fullmatch(_SIZE, value)):
        raise _unfit(_SIZE_HELP, value)
    amount, unit = found.groups()
    return int(amount) * _BYTES[unit or "B"]


def _share(value: object) -> object:
    if _is_number(value):
        return value
    if not isinstance(value, str) or not (found := re.fullmatch(_SHARE, value)):
        raise _unfit(_SHARE_HELP, value)
    amount, percent = found.groups()
    return float(amount) / (100 if percent else 1)


def _whole(value: object) -> object:
    text = isinstance(value, str) and value.isdecimal()
    if isinstance(value, bool) or not (text or isinstance(value, int)):
        raise _unfit(_COUNT_HELP, value)
    return value


def duration_text(seconds: float) -> str:
    """Return a duration as an operator writes it, in the largest unit that is exact."""
    fitting = (unit for unit, one in _SECONDS.items() if seconds >= one and not seconds % one)
    unit = next(fitting, "ms") if seconds else "s"
    return f"{seconds / _SECONDS[unit]:.0f}{unit}"


def size_text(size: int) -> str:
    """Return a size as an operator writes it, in the largest unit that is exact."""
    fitting = [u for u, one in _BYTES.items() if u.endswith("iB") and size and not size % one]
    unit = fitting[-1] if fitting else "B"
    return f"{size // _BYTES[unit]}{unit}"


def _schema(number: dict[str, Any], pattern: str, examples: list[Any]) -> WithJsonSchema:
    text = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return WithJsonSchema({"anyOf": [number, text], "examples": examples})


Duration = Annotated[
    float,
    Field(ge=0, le=LONGEST, allow_inf_nan=False),
    BeforeValidator(_seconds),
    _schema(
        {"type": "number", "minimum": 0, "maximum": LONGEST},
        rf"(?:{_NUMBER}(?:d|h|m|s|ms))+|{_NUMBER}",
        [30, "250ms", "30s", "5m", "1h30m", "2d"],
    ),
]
"""Seconds."""

Timeout = Annotated[Duration, Field(gt=0)]
"""Seconds, and not none of them."""

Size = Annotated[
    int,
    Field(ge=0, le=LARGEST),
    BeforeValidator(_bytes),
    _schema(
        {"type": "integer", "minimum": 0, "maximum": LARGEST},
        _SIZE,
        [1024, "64KiB", "8MB", "256MiB"],
    ),
]
"""Bytes."""

Share = Annotated[
    float,
    Field(ge=0, le=1, allow_inf_nan=False),
    BeforeValidator(_share),
    _schema(
        {"type": "number", "minimum": 0, "maximum": 1},
        _SHARE,
        [0.1, "10%"],
    ),
]
"""A part of a whole, 0 to 1."""

Count = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_whole)]
"""A number of things, at least one."""
