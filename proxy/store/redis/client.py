"""Client: redis-py's clients, made without the defaults that hurt a proxy.

Its retries wait seconds, its maintenance notifications switch off the check for closed
connections, and its introductions cost a round trip each. How long a call may take is the
caller's business; what is set here only keeps a hung server from holding a look-up of the
topology for ever.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, assert_never

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig

from proxy.store.redis.url import Location, Topology

Client = Redis | RedisCluster

CONNECT_SECONDS: Final = 2.0
"""For a connection with its TLS handshake; never on a request's time."""

LOOKUP_SECONDS: Final = 0.5
"""For the word of one sentinel or node, so that a hung one leaves time to ask the others."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust, and who to be: paths of PEM files. Without `ca`, the system's."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    check_hostname: bool = True


def connect(
    location: Location,
    tls: Tls | None = None,
    *,
    connections: int = 8,
    patience: float | None = None,
) -> Client:
    """Return a client of what is at `location`; it opens connections when it is used.

    `patience` is the seconds that one reply may take, for callers without deadlines of their
    own; `connections` how many there are at most (to each node of a cluster).
    """
    transport = _transport(location, tls, patience)
    client = transport | {
        "username": location.username,
        "password": location.password,
        "max_connections": connections,
    }
    match location.topology:
        case Topology.SINGLE:
            host, port = location.addresses[0]
            return Redis(**client, host=host, port=port, db=location.db)
        case Topology.UNIX:
            return Redis(**client, unix_socket_path=location.path, db=location.db)
        case Topology.SENTINEL:
            return _primary(location, transport, client)
        case Topology.CLUSTER:
            nodes = [ClusterNode(host, port) for host, port in location.addresses]
            return RedisCluster(
                **client | {"socket_timeout": patience or LOOKUP_SECONDS}, startup_nodes=nodes
            )
        case _ as never:
            assert_never(never)


async def close(client: Client) -> None:
    """Close a client's connections, those to the sentinels too that it asked."""
    await client.aclose()
    if isinstance(client, RedisCluster):  # does nothing by itself before its topology is known
        await client.nodes_manager.aclose()
        await client.nodes_manager.aclose("startup_nodes")
    elif isinstance(client.connection_pool, SentinelConnectionPool):
        await client.connection_pool.sentinel_manager.aclose()


def _primary(location: Location, transport: dict[str, Any], client: dict[str, Any]) -> Client:
    asking = transport | {
        "username": location.sentinel_username,
        "password": location.sentinel_password,
        "socket_timeout": LOOKUP_SECONDS,
        "socket_connect_timeout": LOOKUP_SECONDS,
    }
    make: Any = Sentinel  # its constructor has no types
    sentinel = make(location.addresses, sentinel_kwargs=asking, **client, db=location.db)
    primary: Client = sentinel.master_for(location.primary)
    return primary


def _transport(location: Location, tls: Tls | None, patience: float | None) -> dict[str, Any]:
    common: dict[str, Any] = {
        "protocol": 2,
        "decode_responses": False,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": patience,
        "socket_connect_timeout": CONNECT_SECONDS,
        "health_check_interval": 0,
        "driver_info": None,
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }
    if not location.tls:
        return common
    chosen = tls or Tls()
    return common | {
        "ssl": True,
        "ssl_ca_certs": chosen.ca and str(chosen.ca),
        "ssl_certfile": chosen.certificate and str(chosen.certificate),
        "ssl_keyfile": chosen.key and str(chosen.key),
        "ssl_check_hostname": chosen.check_hostname,
    }
