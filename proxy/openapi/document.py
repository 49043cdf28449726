"""A document: its data, with references followed and whatever is not as it should be refused.

Only what lies in the document itself is followed: nothing is fetched. This module must not know
what operations are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from proxy.errors import ConfigError

Json = Mapping[str, Any]

MAX_HOPS: Final = 16
"""References that lead to one another."""

_READ: Final = ("3.0", "3.1")
_REFERENCE: Final = "$ref"


@dataclass(frozen=True, slots=True)
class Document:
    """An OpenAPI document and how it is called in messages."""

    name: str
    data: Json

    def checked(self) -> "Document":
        """Return itself; raises ConfigError where it is of another kind, or another version."""
        if "swagger" in self.data:
            given = self.text(self.data["swagger"], "swagger")
            told = f"Swagger {given} is not read; convert it to OpenAPI 3"
            raise self.refused("swagger", told)
        version = self.data.get("openapi")
        if not isinstance(version, str | float | int):
            raise self.refused("openapi", "is missing; this is no OpenAPI document")
        if not f"{version}.".startswith(tuple(f"{each}." for each in _READ)):
            raise self.refused("openapi", f"{version} is not read, only {' and '.join(_READ)}")
        return self

    def mapping(self, value: object, where: str) -> Json:
        """Return the mapping that a value is, or refers to; None is an empty one."""
        value = self._followed(value, where)
        if not isinstance(value, Mapping):
            raise self.refused(where, "should be a mapping")
        return value

    def items(self, value: object, where: str) -> Sequence[Any]:
        """Return the list that a value is; None is an empty one."""
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self.refused(where, "should be a list")
        return value

    def text(self, value: object, where: str) -> str:
        """Return a value as text; None is an empty one.

        A list is none: a few aliases of one another would be gigabytes as text.
        """
        if value is None:
            return ""
        if not isinstance(value, str | int | float):
            raise self.refused(where, "should be text")
        return str(value)

    def overlaid(self, value: object, where: str) -> Json:
        """Return a mapping with what it refers to below it, as a path item has it."""
        own = {} if value is None else value
        if not isinstance(own, Mapping) or _REFERENCE not in own:
            return self.mapping(own, where)
        beside = {name: each for name, each in own.items() if name != _REFERENCE}
        return {**self.mapping(own, where), **beside}

    def refused(self, where: str, why: str) -> ConfigError:
        """Return the error that a place deserves."""
        return ConfigError(f"{self.name}: {where}: {why}")

    def _followed(self, value: object, where: str) -> object:
        for _ in range(MAX_HOPS):
            if value is None:
                return {}
            if not isinstance(value, Mapping) or _REFERENCE not in value:
                return value
            value = self._at(value[_REFERENCE], where)
        raise self.refused(where, f"more than {MAX_HOPS} references lead to one another")

    def _at(self, reference: object, where: str) -> object:
        """Return what a reference within the document names (RFC 6901 §6)."""
        reference = self.text(reference, f"{where}.{_REFERENCE}")
        if reference[:1] != "#":
            remedy = "bundle the document into one file first"
            raise self.refused(where, f"{reference!r} leads out of the document; {remedy}")
        value: object = self.data
        for raw in unquote(reference[1:]).split("/")[1:]:
            step = raw.replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            elif isinstance(value, Mapping) and step in value:
                value = value[step]
            else:
                raise self.refused(where, f"{reference!r} leads nowhere")
        return value
