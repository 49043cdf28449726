"""Fleets of real servers: a primary under three sentinels, and a cluster of six nodes."""

import contextlib
from itertools import pairwise
from pathlib import Path
from typing import Final, Self

from bench.ports import free_port
from tests.redis.servers import VALKEY, RedisServer, until

NAME: Final = "mymaster"
SLOTS: Final = 16_384

_SENTINEL: Final = """
port {{port}}
bind 127.0.0.1
dir {{folder}}
protected-mode no
sentinel monitor mymaster 127.0.0.1 {primary} 2
sentinel down-after-milliseconds mymaster 500
sentinel failover-timeout mymaster 2000
"""


def _pairs(reply: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(reply[::2], reply[1::2], strict=True))


def _linked(node: RedisServer) -> bool:
    """Tell whether a primary has a replica that follows, or a replica follows."""
    role = node.run("ROLE")
    return bool(role[2]) if role[0] == b"master" else role[3] == b"connected"


class SentinelFleet:
    """A primary with a replica, and three sentinels that watch them."""

    def __init__(self, binary: Path = VALKEY) -> None:
        self.nodes = [RedisServer(binary=binary) for _ in range(2)]
        config = _SENTINEL.format(primary=self.nodes[0].port)
        self.sentinels = [RedisServer("--sentinel", binary=binary, config=config) for _ in range(3)]

    @property
    def url(self) -> str:
        """Where the sentinels listen."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{NAME}"

    @property
    def primary(self) -> RedisServer:
        """The node that most of the sentinels call the primary."""
        said = [self._primary_port(sentinel) for sentinel in self.sentinels]
        port = max(said, key=said.count)
        return next(node for node in self.nodes if node.port == port)

    def failover(self) -> None:
        """Let the sentinels promote the replica; the old primary becomes one."""
        self.until_ready()
        old = self.primary
        until(lambda: self.sentinels[0].run("SENTINEL", "FAILOVER", NAME), "a failover to begin")
        until(lambda: self.primary is not old, "a failover")
        old.run("REPLICAOF", "127.0.0.1", self.primary.port)  # as the sentinels would in 8 s
        until(_linked, "a demotion", old)

    def until_ready(self) -> None:
        """Wait until a failover is possible."""
        for sentinel in self.sentinels:
            until(self._is_ready, "sentinels that know each other", sentinel)

    def _is_ready(self, sentinel: RedisServer) -> bool:
        primary = _pairs(sentinel.run("SENTINEL", "MASTER", NAME))
        replicas = [_pairs(each) for each in sentinel.run("SENTINEL", "REPLICAS", NAME)]
        linked = any(each[b"master-link-status"] == b"ok" for each in replicas)
        return linked and primary[b"num-other-sentinels"] == b"2" and primary[b"flags"] == b"master"

    @staticmethod
    def _primary_port(sentinel: RedisServer) -> int:
        return int(sentinel.run("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self.nodes[1].run("REPLICAOF", "127.0.0.1", self.nodes[0].port)
            for node in reversed(self.nodes):  # what a sentinel sees first it looks at 10 s later
                until(_linked, "a linked replica", node)
            for sentinel in self.sentinels:
                stack.enter_context(sentinel)
            self.until_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class Cluster:
    """Three primaries, each with a replica."""

    def __init__(self, binary: Path = VALKEY) -> None:
        self._bus = [free_port() for _ in range(6)]
        self.nodes = [
            RedisServer(
                *("--cluster-enabled", "yes", "--cluster-port", str(bus)),
                *("--cluster-node-timeout", "1000", "--cluster-replica-validity-factor", "0"),
                binary=binary,
            )
            for bus in self._bus
        ]

    @property
    def url(self) -> str:
        """Where the first nodes listen."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes[:3])
        return f"redis+cluster://{hosts}"

    @property
    def primaries(self) -> list[RedisServer]:
        """The living nodes that are primaries now."""
        return [node for node in self.nodes if node.alive and node.run("ROLE")[0] == b"master"]

    def until_ready(self) -> None:
        """Wait until every living node finds the cluster whole."""
        for node in self.nodes:
            if node.alive:
                until(self._is_whole, "a whole cluster", node)

    def until_replicated(self) -> None:
        """Wait until every primary can be done without."""
        for node in self.nodes:
            until(_linked, "linked replicas", node)

    @staticmethod
    def _is_whole(node: RedisServer) -> bool:
        return b"cluster_state:ok" in node.run("CLUSTER", "INFO")

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node)
            self._join()
            self._stack = stack.pop_all()
        return self

    def _join(self) -> None:
        bounds = [SLOTS * n // 3 for n in range(4)]
        for node, (first, end) in zip(self.nodes[:3], pairwise(bounds), strict=True):
            node.run("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        for node, bus in zip(self.nodes[1:], self._bus[1:], strict=True):
            self.nodes[0].run("CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        for primary, replica in zip(self.nodes[:3], self.nodes[3:], strict=True):
            name = primary.run("CLUSTER", "MYID")
            until(replica.run, "a known primary", "CLUSTER", "REPLICATE", name)
        self.until_ready()
        self.until_replicated()

    def __exit__(self, *_: object) -> None:
        self._stack.close()
