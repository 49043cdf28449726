"""Snapshot: the rules in force and the proxy's name, held as one reference.

A request keeps the snapshot that it boarded with.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from proxy.rules.ruleset import Ruleset

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rules, and how the proxy names itself in Via and Cache-Status."""

    ruleset: Ruleset
    name: str = "sidecache"
    show_key: bool = False
    trusted_peers: tuple[Network, ...] = ()
    quarantined: frozenset[str] = frozenset()
    """Rules under which callers got each other's answers; their requests pass the cache by."""

    @property
    def deciding(self) -> frozenset[bytes]:
        """Lower-case names of the request fields on which an answer may depend, but for Vary's."""
        return self.ruleset.deciding

    def trusts(self, peer: str | None) -> bool:
        """Tell whether the forwarding fields of a peer are believed."""
        return bool(self.trusted_peers) and peer is not None and _within(peer, self.trusted_peers)


@lru_cache(maxsize=4096)
def _within(peer: str, networks: tuple[Network, ...]) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:  # a unix socket has no address
        return False
    return any(address in network for network in networks)
