"""Url: where Redis or Valkey is, read from one line of text.

Words only: nothing here connects. A password is held, and never shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import parse_qsl, unquote

Address = tuple[str, int]

ACCEPTED: Final = (
    "redis://, rediss://, valkey://, valkeys:// or unix://, with [user:password@]host[:port][/db]; "
    "redis+sentinel:// with [user:password@]host:port,host:port/primary-name[/db]; "
    "redis+cluster:// with [user:password@]host:port,host:port; the s in rediss means TLS"
)


class Topology(Enum):
    """How many servers there are, and who says which of them to ask."""

    SINGLE = "single"
    UNIX = "unix"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_SCHEMES: Final = {"redis": False, "rediss": True, "valkey": False, "valkeys": True}
_TOPOLOGIES: Final = {
    "": Topology.SINGLE,
    "sentinel": Topology.SENTINEL,
    "cluster": Topology.CLUSTER,
}
_PORTS: Final = {Topology.SINGLE: 6379, Topology.SENTINEL: 26379, Topology.CLUSTER: 6379}
_PARAMETERS: Final = {
    Topology.SINGLE: {"db"},
    Topology.UNIX: {"db"},
    Topology.SENTINEL: {"db", "sentinel_username", "sentinel_password"},
    Topology.CLUSTER: set[str](),
}


@dataclass(frozen=True, slots=True)
class Location:
    """Where the store is and who to be there.

    `addresses` are those of the servers, or of the sentinels; `path` is that of a unix socket,
    `primary` what the sentinels call it.
    """

    topology: Topology
    scheme: str
    addresses: tuple[Address, ...] = ()
    path: str = ""
    primary: str = ""
    db: int = 0
    tls: bool = False
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)

    @property
    def masked(self) -> str:
        """The location as people may see it: without any password."""
        user = self.username or ""
        secret = ":***" if self.password else ""
        hosts = ",".join(f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.addresses)
        parts = [self.path.lstrip("/"), self.primary, str(self.db) if self.db else ""]
        at = "@" if user or secret else ""
        tail = "".join(f"/{part}" for part in parts if part)
        return f"{self.scheme}://{user}{secret}{at}{hosts}{tail}"


def parse(text: str) -> Location:
    """Read a location.

    Raises `ValueError`, whose text says what is accepted and never repeats what was given, since
    that may hold a password.
    """
    scheme, sep, rest = text.strip().partition("://")
    if not sep:
        raise ValueError(f"the URL has no scheme; accepted are {ACCEPTED}")
    if "#" in rest:
        raise ValueError("the URL has a '#', which must be written %23 in a name or a password")
    topology, tls = _scheme(scheme.lower())
    rest, _, query = rest.partition("?")
    authority, _, path = rest.partition("/")
    userinfo, _, hosts = authority.rpartition("@")
    user, _, password = userinfo.partition(":")
    parameters = _parameters(query, _PARAMETERS[topology])
    place = _place(topology, hosts, [unquote(part) for part in path.split("/") if part])
    return Location(
        topology=topology,
        scheme=scheme.lower(),
        addresses=place.addresses,
        path=place.path,
        primary=place.primary,
        db=_number(parameters.get("db", place.db), "the database", 1 << 31),
        tls=tls,
        username=unquote(user) or None,
        password=unquote(password) or None,
        sentinel_username=parameters.get("sentinel_username"),
        sentinel_password=parameters.get("sentinel_password"),
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """What the authority and the path of a URL say."""

    addresses: tuple[Address, ...] = ()
    path: str = ""
    primary: str = ""
    db: str = "0"


def _scheme(scheme: str) -> tuple[Topology, bool]:
    if scheme == "unix":
        return Topology.UNIX, False
    base, _, kind = scheme.partition("+")
    if base not in _SCHEMES or kind not in _TOPOLOGIES:
        raise ValueError(f"the URL's scheme is unknown; accepted are {ACCEPTED}")
    return _TOPOLOGIES[kind], _SCHEMES[base]


def _place(topology: Topology, hosts: str, path: list[str]) -> _Place:
    if topology is Topology.UNIX:
        if hosts or not path:
            raise ValueError("a unix:// URL is unix:///path/of/the/socket[?db=0]")
        return _Place(path="/" + "/".join(path))
    addresses = tuple(_address(host, _PORTS[topology]) for host in hosts.split(","))
    names = path[:1] if topology is Topology.SENTINEL else []
    rest = path[len(names) :]
    if topology is Topology.SENTINEL and not names:
        raise ValueError("a URL of sentinels ends in the primary's name: /mymaster[/db]")
    if topology is Topology.SINGLE and len(addresses) > 1:
        raise ValueError("several hosts are for redis+sentinel:// and redis+cluster://")
    if len(rest) > (topology is not Topology.CLUSTER):
        raise ValueError(f"the URL's path is too long; accepted are {ACCEPTED}")
    return _Place(addresses, primary="".join(names), db="".join(rest) or "0")


def _address(text: str, port: int) -> Address:
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError("an IPv6 address stands in brackets: [::1]:6379")
        number = rest[1:]
    else:
        host, _, number = text.partition(":")
    if not host:
        raise ValueError(f"the URL has no host; accepted are {ACCEPTED}")
    return host, _number(number or str(port), "the port", 65_536)


def _number(text: str, what: str, limit: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(limit))):
        raise ValueError(f"{what} in the URL is not a number")
    if int(text) >= limit:
        raise ValueError(f"{what} in the URL is {limit} or more")
    return int(text)


def _parameters(query: str, known: set[str]) -> Mapping[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    if {name for name, _ in pairs} - known:
        names = ", ".join(sorted(known)) or "none"
        raise ValueError(f"the URL has a parameter that is unknown there; known are: {names}")
    return dict(pairs)
