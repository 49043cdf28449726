"""Limits: how much and how long a client may take, as the operator sets it.

The sentence below each field is its description in the JSON Schema and in docs/rules.md. This
module must not know how a limit is kept.
"""

from typing import Annotated, Final

from pydantic import BeforeValidator, StringConstraints, WithJsonSchema

from proxy.rules.strict import Strict, written
from proxy.rules.units import Count, Duration, Size, Timeout

_HOST: Final = (
    r"^(\*\.)?[a-z0-9_~-]+(\.[a-z0-9_~-]+)*(:[0-9]{1,5})?$|^\[[0-9a-f:.]+\](:[0-9]{1,5})?$"
)


def _names(value: object) -> object:
    """Split what a variable holds, and bring host names to the form in which they are compared."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return value
    return [part.strip().lower() if isinstance(part, str) else part for part in parts]


ServedHost = Annotated[str, StringConstraints(pattern=_HOST)]
ServedHosts = Annotated[tuple[ServedHost, ...], BeforeValidator(_names)]
Switch = Annotated[bool, WithJsonSchema({"enum": ["on", "off", True, False]})]


class Edge(Strict):
    """What a client may ask for, and how much and how long it may take."""

    hosts: ServedHosts = ()
    """Hosts that are served, all others are answered with 421; without any, every host is."""
    strict_targets: Switch = written("on")
    """Whether paths with `.` or `..` segments, or an encoded NUL, CR or LF, are refused."""

    max_head: Size = written("32KiB")
    """The most bytes of a request's head; a larger one is answered with 431."""
    max_fields: Count = 100
    """The most fields of a request's head; more are answered with 431."""
    max_target: Size = written("8KiB")
    """The longest request target; a longer one is answered with 414."""
    max_body: Size = written("1GiB")
    """The largest request body; a larger one is answered with 413."""
    max_pipelined: Count = 64
    """How many requests of one connection may wait for their turn; what follows is not read."""

    connections: Count = 10_000
    """The most connections at once; one more gets 503 and is closed. Each worker has its part."""
    connections_per_peer: Count | None = None
    """The most connections of one address, to each worker; without it, as many as of all."""

    head_timeout: Timeout = written("10s")
    """Time from a request's first byte, or from the connection's opening, to its head's end."""
    idle_timeout: Timeout = written("75s")
    """How long a connection is kept without a request."""
    body_timeout: Timeout = written("20s")
    """How long a request's body may come more slowly than `min_rate` while it is waited for."""
    send_timeout: Timeout = written("30s")
    """How long an answer may be taken more slowly than `min_rate` while it is ready."""
    min_rate: Size = written("256B")
    """Bytes a second, of a body that comes or an answer that is taken, below which it is slow."""
    tunnel_timeout: Timeout = written("5m")
    """How long a tunnel, as a WebSocket is, is kept while nothing goes through."""
    linger: Duration = written("2s")
    """How long what a refused client still sends is read and dropped, so that it can read why."""

    def serves(self, authority: bytes) -> bool:
        """Tell whether a Host field's value names a host that is served."""
        return not self.hosts or _listed(authority.decode("latin-1").lower(), self.hosts)


def _listed(authority: str, hosts: tuple[str, ...]) -> bool:
    bare = authority.rpartition(":")[0] if authority.rpartition(":")[2].isdigit() else authority
    names = {authority, bare.removesuffix("."), bare.removesuffix(":")}
    return any(_is(host, names) for host in hosts)


def _is(host: str, names: set[str]) -> bool:
    if host.startswith("*."):
        return any(name.endswith(host[1:]) and name != host[1:] for name in names)
    return host in names


NO_LIMITS_SET: Final = Edge()
"""The limits that hold where nobody has set others."""
