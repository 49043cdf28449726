"""Conditions: what a rule asks of a request beside its path, each a value that holds or not.

This module must not know in which order rules are tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from proxy.http.message import Request
from proxy.http.target import normal_authority
from proxy.rules.parts import MatchModel
from proxy.rules.query import parameters


class Condition(Protocol):
    """Something that a request meets or not."""

    def holds(self, request: Request) -> bool:
        """Tell whether the request meets it."""
        ...


@dataclass(frozen=True, slots=True)
class Methods:
    """The method is one of these; a method is case-sensitive (9110 §9.1)."""

    names: frozenset[str]

    def holds(self, request: Request) -> bool:
        """Tell whether the request meets it."""
        return request.method in self.names


@dataclass(frozen=True, slots=True)
class Hosts:
    """The host, whatever the port, is one of these, or ends in one of the suffixes."""

    exact: frozenset[bytes]
    suffixes: tuple[bytes, ...]

    def holds(self, request: Request) -> bool:
        """Tell whether the request meets it."""
        host = _host(normal_authority(request.scheme, request.authority))
        return host in self.exact or host.endswith(self.suffixes)


@dataclass(frozen=True, slots=True)
class Header:
    """A field has this whole value, or is present, or is absent."""

    name: bytes
    wanted: bytes | bool

    def holds(self, request: Request) -> bool:
        """Tell whether the request meets it."""
        value = request.fields.joined(self.name)
        if isinstance(self.wanted, bool):
            return (value is not None) is self.wanted
        return value == self.wanted


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter has this value once at least, or is present, or is absent."""

    name: bytes
    wanted: bytes | bool

    def holds(self, request: Request) -> bool:
        """Tell whether the request meets it."""
        values = [value for name, value in parameters(request.query) if name == self.name]
        if isinstance(self.wanted, bool):
            return bool(values) is self.wanted
        return self.wanted in values


def conditions_of(match: MatchModel) -> tuple[Condition, ...]:
    """Return what `match` asks for beside the path, the cheapest first."""
    return tuple(_conditions(match))


def _conditions(match: MatchModel) -> Iterator[Condition]:
    if match.methods is not None:
        yield Methods(frozenset(match.methods))
    if match.host is not None:
        hosts = [host.encode() for host in match.host]
        yield Hosts(
            frozenset(host for host in hosts if not host.startswith(b"*")),
            tuple(host[1:] for host in hosts if host.startswith(b"*")),
        )
    for name, wanted in match.headers.items():
        yield Header(name.encode(), _bytes(wanted))
    for name, wanted in match.query.items():
        yield Parameter(name.encode(), _bytes(wanted))


def _bytes(wanted: bool | str) -> bytes | bool:  # noqa: FBT001 - a value, not a switch
    return wanted if isinstance(wanted, bool) else wanted.encode()


def _host(authority: bytes) -> bytes:
    """Return an authority without its port; a colon inside brackets is not one's start."""
    host, _, port = authority.rpartition(b":")
    return host if host and port.isdigit() else authority
