"""Problems: where a setting is wrong, what is wrong, and what would be right.

Turns pydantic's errors into sentences. This module must not know which settings exist, only how
a model tells its fields.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

Loc = tuple[str | int, ...]
"""The keys and indexes that lead to a value, as pydantic gives them."""

_DICT_KEY: Final = "[key]"
"""How pydantic ends the location of a mapping's key."""
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://")
_PLAIN: Final = {
    "missing": "is required",
    "model_type": "should be a mapping of fields",
    "dict_type": "should be a mapping",
    "tuple_type": "should be a list",
    "string_type": "should be text; quote a number",
    "invalid_key": "unknown field; names are text",
    "too_short": "should not be empty",
}
"""Sentences for those of pydantic's that speak of Python."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and where."""

    loc: Loc
    text: str

    def __str__(self) -> str:
        return f"{path_text(self.loc)}: {self.text}" if self.loc else self.text


def path_text(loc: Loc) -> str:
    """Return a location as an operator would write it: `rules[0].key.query`."""
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc)
    return "".join(steps).removeprefix(".")


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a remedy for an unknown word: the nearest known one, or all of them."""
    known = sorted(known)
    close = get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known)}"


def located(model: type[BaseModel], problems: Iterable[Problem]) -> None:
    """Raise the problems, if any, as one error that pydantic merges at the model's own place.

    For checks that look at several fields and blame one. Raises ValidationError.
    """
    errors = [
        InitErrorDetails(
            type=PydanticCustomError("problem", "{text}", {"text": problem.text}),
            loc=problem.loc,
            input=None,
        )
        for problem in problems
    ]
    if errors:
        raise ValidationError.from_exception_data(model.__name__, errors)


def problems(error: ValidationError, model: type[BaseModel]) -> tuple[Problem, ...]:
    """Return what pydantic found in values for `model`, one problem an error, in its order."""
    found = error.errors(include_url=False)
    return tuple(_problem(details, model) for details in found if not _follows(details, found))


def _follows(details: ErrorDetails, found: Iterable[ErrorDetails]) -> bool:
    """Tell whether a list is called empty only because what is in it was wrong."""
    loc = details["loc"]
    return details["type"] == "too_short" and any(
        len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in found
    )


def _problem(details: ErrorDetails, model: type[BaseModel]) -> Problem:
    loc = tuple(step for step in details["loc"] if step != _DICT_KEY)
    if details["type"] == "extra_forbidden":
        known = _model_at(model, loc[:-1]).model_fields
        return Problem(loc, f"unknown field; {nearest(str(loc[-1]), known)}")
    text = _PLAIN.get(details["type"], details["msg"].removeprefix("Input "))
    return Problem(loc, text + _remedy(loc, details, model))


def _remedy(loc: Loc, details: ErrorDetails, model: type[BaseModel]) -> str:
    """Return how text is written that stands where a mapping with a URL should; else nothing."""
    text = details["input"]
    if details["type"] != "model_type" or not loc or not isinstance(text, str):
        return ""
    if "url" not in _model_at(model, loc).model_fields:
        return ""
    scheme = _SCHEME.match(text)  # no more of it is told, for it may hold a password
    return f"; write {loc[-1]}: {{url: {scheme[0] if scheme else ''}…}}"


def _model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel]:
    """Return the model that describes the mapping at `loc`."""
    for step in loc:
        if isinstance(step, str):
            model = next(models_in(model.model_fields[step].annotation))
    return model


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """Yield the models inside an annotation such as `tuple[Model, ...] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)
