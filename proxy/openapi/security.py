"""Security: which credentials an operation takes, how they travel, and whether it needs them.

This module must not know what a cache does about them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.openapi.document import Document, Json


class Via(Enum):
    """How credentials travel."""

    AUTHORIZATION = "Authorization"
    COOKIE = "cookie"
    HEADER = "header"
    QUERY = "query"
    CONNECTION = "connection"
    """By TLS, or in a way that the document does not tell."""


SEEN: Final = frozenset({Via.AUTHORIZATION, Via.COOKIE})
"""What a cache takes for credentials by itself."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One way to say who asks: how it travels, and under which name."""

    via: Via
    name: str = ""

    def __str__(self) -> str:
        return f"{self.via.value} {self.name}".strip()


@dataclass(frozen=True, slots=True)
class Security:
    """The credentials that an operation may take; `required` where it is not answered without."""

    credentials: tuple[Credential, ...] = ()
    required: bool = False

    @property
    def needed(self) -> bool:
        """Whether they are required, or could pass a cache unnoticed."""
        return self.required or any(each.via not in SEEN for each in self.credentials)


def security(document: Document, operation: Json, where: str) -> Security:
    """Return what an operation's own requirements say, or else the document's."""
    told = operation if "security" in operation else document.data
    alternatives = [
        document.mapping(each, f"{where}.security")
        for each in document.items(told.get("security"), f"{where}.security")
    ]
    found = dict.fromkeys(
        credential
        for each in alternatives
        for name in each
        for credential in _credentials(document, name, where)
    )
    return Security(tuple(found), required=bool(alternatives) and all(alternatives))


def _credentials(document: Document, name: str, where: str) -> Iterator[Credential]:
    components = document.mapping(document.data.get("components"), "components")
    schemes = document.mapping(components.get("securitySchemes"), "components.securitySchemes")
    scheme = document.mapping(schemes.get(name), f"{where}.security.{name}")
    match scheme.get("type"), scheme.get("in"):
        case (("http" | "oauth2" | "openIdConnect"), _):
            yield Credential(Via.AUTHORIZATION)
        case "apiKey", ("header" | "cookie" | "query") as place:
            field = document.text(scheme.get("name"), f"{where}.security.{name}")
            if place == "header" and field.lower() == "authorization":
                yield Credential(Via.AUTHORIZATION)
            else:
                yield Credential(Via(place), field.lower() if place == "header" else field)
        case _:
            yield Credential(Via.CONNECTION, name)
