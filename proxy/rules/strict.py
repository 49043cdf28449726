"""Strict: what every mapping of the file has in common, and how its defaults are written.

This module must not know any setting.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


def written(text: str) -> Any:  # noqa: ANN401 - a default stands for the type it is read as
    """Return a default in the operator's own notation, read like anything from the file."""
    return Field(text, validate_default=True)


def switch(value: object) -> object:
    """Read a YAML 1.1 boolean, as templating tools leave it behind, as `on` or `off`."""
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else value


class Strict(BaseModel):
    """A mapping whose fields are all known; an empty one may be left without a value."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_empty(cls, data: object) -> object:
        return {} if data is None else data
