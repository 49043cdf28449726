"""What docs/purging.md says that a user needs is enough, and no more than that."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from proxy.engine.purge import Purge
from proxy.errors import StoreError
from proxy.store.redis import purges
from tests.redis.fleets import Cluster
from tests.redis.servers import BINARIES, RedisServer
from tests.redis.stage import A, ask, open_logs, tell
from tests.redis.test_topologies import works
from tests.redis.tier import eventually, open_tier

PAGE: Final = Path(__file__).parents[2].joinpath("docs", "purging.md").read_text()
RULES: Final = re.findall(r"ACL SETUSER proxy on >secret (.*)", PAGE)
IN_A_CLUSTER: Final = re.findall(r"in a Cluster, on every node, `(.*)` as well", PAGE)
NAMESPACE: Final = "test"


def allow(node: RedisServer, *more: str) -> None:
    rules = " ".join((*RULES, *more)).replace("shop", NAMESPACE)
    node.run("ACL", "SETUSER", "proxy", "on", ">secret", *rules.split())


def denied(node: RedisServer) -> list[object]:
    return list(node.run("ACL", "LOG"))


def as_user(url: str) -> str:
    return url.replace("://", "://proxy:secret@")


@pytest.fixture(params=BINARIES)
def nodes(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """Start a cluster of each kind of server."""
    with Cluster(BINARIES[request.param]) as cluster:
        yield cluster


async def log_works(url: str, servers: Sequence[RedisServer]) -> None:
    """Use the log, lose it, and use it again."""
    async with open_logs(url, "one", "other", namespace=NAMESPACE) as (one, other):
        for number in range(30):
            await tell(one, b"ta", b"t%d" % number)
        await one.publish(Purge((b"tb",), (b"shop.example/*",)))
        await eventually(lambda: other.applied)
        assert (await ask(other, A)).hard
        epoch = one._ledger.epoch  # noqa: SLF001 - what a test may look at
        for key in ("ledger", "replicas"):
            _holder(servers).run("DEL", f"{{{NAMESPACE}}}:{key}")
        await eventually(lambda: one._ledger.epoch != epoch)  # noqa: SLF001 - as above
        await tell(one, b"ta")
        assert await one.replicas()
        assert _holder(servers).run("HGET", f"{{{NAMESPACE}}}:ledger", "replid")


def _holder(servers: Sequence[RedisServer]) -> RedisServer:
    """Return the primary that holds the log."""
    held = f"{{{NAMESPACE}}}:log"
    (holder,) = (each for each in servers if held.encode() in each.run("KEYS", "*"))
    return holder


async def test_on_one_server(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(purges.Purges.__init__, "__kwdefaults__", {"limit": 40, "slots": 4})
    allow(server)
    async with open_tier(as_user(server.url)) as tier:
        await works(tier)
        with pytest.raises(StoreError):
            await tier.link.call(lambda client: client.execute_command("KEYS", "*"))
    server.run("ACL", "LOG", "RESET")
    await log_works(as_user(server.url), [server])
    assert denied(server) == []


async def test_in_a_cluster(nodes: Cluster) -> None:
    for node in nodes.nodes:
        allow(node, *IN_A_CLUSTER)
    async with open_tier(as_user(nodes.url)) as tier:
        await works(tier)
    await log_works(as_user(nodes.url), nodes.primaries)
    assert [denied(node) for node in nodes.nodes] == [[]] * len(nodes.nodes)
