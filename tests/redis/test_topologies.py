"""Every way to reach Redis: the same entries and leases, and what becomes of them at a failover."""

import ssl
from functools import partial
from pathlib import Path

import pytest

from proxy.engine.ports import Held, Taken
from proxy.store.redis import link
from proxy.store.redis.client import Tls
from proxy.store.redis.link import Link
from proxy.store.redis.url import parse
from tests.certificates import Authority
from tests.redis.faultproxy import FaultProxy
from tests.redis.fleets import Cluster, SentinelFleet
from tests.redis.servers import RedisServer
from tests.redis.tier import LIFE, Tier, anything, entry, eventually, language, open_tier

DIGESTS = [bytes([number]) * 16 for number in range(24)]
"""Enough for every primary of a cluster."""


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "PROBE_SECONDS", 0.1)


async def works(tier: Tier) -> None:
    """Put, find, and lease on many keys, with and without Vary."""
    for digest in DIGESTS:
        await tier.put(entry(digest), digest=digest)
        assert await tier.bodies(digest) == {digest}
        await tier.put(entry(b"de", language(b"de")), entry(b"en", language(b"en")), digest=digest)
        assert await tier.bodies(digest) == {b"de", b"en"}
        lease = await tier.leases.claim(digest)
        assert isinstance(lease, Held)
        assert lease.stored
        assert await tier.leases.claim(digest) == Taken()
        puts = tier.entries.stats.puts
        tier.entries.put(digest, entry(b"last"), seconds=LIFE, limit=2, lease=lease)
        await eventually(partial(has_put, tier, puts + 1))
        assert await tier.bodies(digest) == {b"last"}


def has_put(tier: Tier, puts: int) -> bool:
    return tier.entries.stats.puts == puts


async def works_again(tier: Tier) -> None:
    """Write through failures until every key can be written again."""
    for digest in DIGESTS:
        while await tier.bodies(digest) != {b"again"}:
            await eventually(lambda: tier.link.usable)
            tier.entries.put(digest, entry(b"again"), seconds=LIFE, limit=1)
            await eventually(lambda: not tier.entries.waiting)
    await works(tier)


async def test_single(server: RedisServer) -> None:
    async with open_tier(server.url) as tier:
        await works(tier)


async def test_unix_socket(server: RedisServer) -> None:
    async with open_tier(server.unix_url) as tier:
        await works(tier)


async def test_password() -> None:
    with RedisServer("--requirepass", "s3cret", userinfo=":s3cret") as server:
        async with open_tier(server.url) as tier:
            await works(tier)
        async with open_tier(server.unix_url) as tier:
            await works(tier)


async def test_database() -> None:
    with RedisServer() as server:
        async with open_tier(server.url.removesuffix("0") + "3") as tier:
            await tier.put(entry())
        assert "db3" in server.run("INFO", "keyspace")


# TLS


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def demanding(files: Tls, *, certificate: bool) -> ssl.SSLContext:
    """Return what a server shows, and whether it wants to be shown a certificate too."""
    assert files.certificate is not None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.ca)
    context.load_cert_chain(files.certificate, files.key)
    context.verify_mode = ssl.CERT_REQUIRED if certificate else ssl.CERT_NONE
    return context


@pytest.mark.parametrize("certificate", [False, True])
async def test_tls(authority: Authority, server: RedisServer, *, certificate: bool) -> None:
    context = demanding(authority.files("server"), certificate=certificate)
    async with FaultProxy(server.port, context) as front:
        tls = authority.files("client") if certificate else Tls(ca=authority.ca)
        async with open_tier(front.url, tls=tls) as tier:
            await works(tier)


async def test_whom_nobody_vouches_for_is_not_trusted(
    authority: Authority, server: RedisServer, tmp_path: Path
) -> None:
    context = demanding(authority.files("server"), certificate=False)
    async with FaultProxy(server.port, context) as front:
        refused = Link(parse(front.url), tls=Tls(ca=Authority(tmp_path, "another").ca))
        refused.start()
        await eventually(lambda: refused.stats.last_error)
        assert "certificate verify failed" in refused.stats.last_error.lower()
        assert not refused.usable
        await refused.aclose()


async def test_who_has_to_show_a_certificate_and_has_none(
    authority: Authority, server: RedisServer
) -> None:
    context = demanding(authority.files("server"), certificate=True)
    async with FaultProxy(server.port, context) as front:
        refused = Link(parse(front.url), tls=Tls(ca=authority.ca))
        refused.start()
        await eventually(lambda: refused.stats.last_error)
        assert not refused.usable
        await refused.aclose()


# Sentinel


async def test_sentinel_and_a_failover(sentinels: SentinelFleet) -> None:
    async with open_tier(sentinels.url) as tier:
        await works(tier)
        sentinels.failover()
        await works_again(tier)
        assert await tier.entries.get(DIGESTS[0], anything)
        assert sentinels.primary.run("DBSIZE") >= len(DIGESTS)


async def test_a_hung_sentinel_does_not_hide_the_others(sentinels: SentinelFleet) -> None:
    sentinels.sentinels[0].sigstop()
    try:
        async with open_tier(sentinels.url) as tier:
            await works(tier)
    finally:
        sentinels.sentinels[0].sigcont()


# Cluster


async def test_cluster(cluster: Cluster) -> None:
    async with open_tier(cluster.url) as tier:
        await works(tier)
        assert all(primary.run("DBSIZE") for primary in cluster.primaries)


async def test_a_key_of_another_type_in_a_cluster(cluster: Cluster) -> None:
    async with open_tier(cluster.url) as tier:
        key = b"test:{%s}" % DIGESTS[0].hex().encode()
        await tier.link.call(lambda client: client.execute_command("DEL", key))
        await tier.link.call(lambda client: client.execute_command("RPUSH", key, "a"))
        assert await tier.bodies(DIGESTS[0]) == set()
        assert tier.link.usable
        await tier.link.call(lambda client: client.execute_command("DEL", key))


async def test_a_cluster_whose_primary_is_killed(cluster: Cluster) -> None:
    cluster.until_replicated()
    async with open_tier(cluster.url) as tier:
        await works(tier)
        victim = cluster.primaries[0]
        victim.kill()
        try:
            await works_again(tier)
        finally:
            victim.start()
            cluster.until_ready()
