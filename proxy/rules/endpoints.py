"""Endpoints as an operator writes them: addresses to listen on, upstreams, networks.

Each is an annotated type with its check, its JSON Schema and an error text that says what is
accepted. Nothing is resolved or opened here.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final

from pydantic import BeforeValidator, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from proxy.errors import RequestError
from proxy.http.target import normal_authority, request_target, split_absolute
from proxy.rules.strict import switch

_ADDRESS: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\s:\[\]/@]+):([0-9]{1,5})")
_LARGEST_PORT: Final = 65_535
_PORT_HELP: Final = "a port is at most 65535"
_PORT_AT_END: Final = re.compile(r"https?://[^/?#@]*:([0-9]{5,10})/?", re.IGNORECASE)
_UNIX: Final = "unix://"
_LONGEST_SOCKET: Final = 100


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def _address(value: object) -> Address:
    found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
    if not found:
        raise PydanticCustomError("address", "an address is like '127.0.0.1:8080' or '[::1]:8080'")
    if int(found[2]) > _LARGEST_PORT:
        raise PydanticCustomError("address", _PORT_HELP)
    return Address(found[1].strip("[]"), int(found[2]))


def _address_or_off(value: object) -> Address | None:
    return None if switch(value) == "off" else _address(value)


def _origin(url: str) -> str:
    parts = split_absolute(url.encode())
    try:
        scheme, authority, _ = parts or ("", b"", b"")
        if parts and request_target("GET", url.encode(), authority)[1] == b"/":
            return f"{scheme}://{normal_authority(scheme, authority).decode()}"
    except RequestError:
        pass
    raise PydanticCustomError("origin", "{text}", {"text": _origin_help(url)})


def _origin_help(url: str) -> str:
    """Return what is wrong with an upstream, and what would be right; it may hold a password."""
    example = "an upstream is like 'http://127.0.0.1:8000'"
    if url and "://" not in url:
        return f"{example}; begin it with http:// or https://"
    found = _PORT_AT_END.fullmatch(url)
    if found and int(found[1]) > _LARGEST_PORT:
        return _PORT_HELP
    return f"{example}: no path, no query, no user"


def _unix(url: str) -> str:
    """Read the path of a unix socket, whose length the system limits."""
    path = url.removeprefix(_UNIX)
    if not path.startswith("/") or len(path) > _LONGEST_SOCKET or not path.isprintable():
        raise PydanticCustomError("origin", "a unix socket is like 'unix:///run/api.sock'")
    return url


def _origins(value: object) -> tuple[str, ...]:
    """Read one upstream or several, from a list or, as a variable has them, with commas."""
    urls = value.split(",") if isinstance(value, str) else value
    if not isinstance(urls, list | tuple) or not urls:
        urls = [""]
    texts = [url.strip(" ") if isinstance(url, str) else "" for url in urls]
    return tuple(_unix(text) if text.startswith(_UNIX) else _origin(text) for text in texts)


def _network(value: object) -> IPv4Network | IPv6Network:
    try:
        return ip_network(str(value))
    except ValueError as error:
        text = "a network is like '10.0.0.0/8', '192.0.2.7' or '::1'"
        raise PydanticCustomError("network", text) from error


def _comma_separated(value: object) -> object:
    """Split what a variable holds; the file has a list."""
    return [part.strip() for part in value.split(",")] if isinstance(value, str) else value


_ADDRESS_SCHEMA: Final = {"type": "string", "examples": ["127.0.0.1:8080", "[::1]:8080"]}

_ORIGIN_SCHEMA: Final = {
    "type": "string",
    "pattern": "^(https?://[^/?#@]+/?|unix:///.+)$",
    "examples": ["http://127.0.0.1:8000", "https://api.internal", "unix:///run/api.sock"],
}
Origins = Annotated[
    tuple[str, ...],
    PlainValidator(_origins),
    WithJsonSchema({"anyOf": [_ORIGIN_SCHEMA, {"type": "array", "items": _ORIGIN_SCHEMA}]}),
]
ListenAddress = Annotated[Address, PlainValidator(_address), WithJsonSchema(_ADDRESS_SCHEMA)]
OptionalAddress = Annotated[
    Address | None,
    PlainValidator(_address_or_off),
    WithJsonSchema({"anyOf": [_ADDRESS_SCHEMA, {"enum": ["off", False]}]}),
]
Network = Annotated[
    IPv4Network | IPv6Network,
    PlainValidator(_network),
    WithJsonSchema({"type": "string", "examples": ["10.0.0.0/8", "192.0.2.7", "::1"]}),
]
Networks = Annotated[tuple[Network, ...], BeforeValidator(_comma_separated)]
