"""The link: deadlines, the breaker and its probe, and connections that are never out of step."""

import asyncio
import random
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proxy.errors import StoreError
from proxy.store.redis import link as module
from proxy.store.redis.breaker import State
from proxy.store.redis.client import Client
from proxy.store.redis.link import Link
from proxy.store.redis.url import parse
from tests.redis.faultproxy import FaultProxy
from tests.redis.servers import RedisServer
from tests.redis.tier import eventually, open_link


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.05)


@pytest.fixture
async def proxied(valkey: RedisServer) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(valkey.port) as faults:
        yield faults


async def do(link: Link, *words: str | bytes | int) -> Any:  # noqa: ANN401 - a reply is anything
    async def operation(client: Client) -> Any:  # noqa: ANN401 - the same
        return await client.execute_command(*words)

    return await link.call(operation)


async def fail(link: Link, times: int, *words: str | bytes | int) -> None:
    for _ in range(times):
        with pytest.raises(StoreError):
            await do(link, *words)


async def test_calls_are_answered_and_counted(server: RedisServer) -> None:
    async with open_link(server.url) as link:
        assert await do(link, "SET", "a", b"\xff") is True
        assert await do(link, "GET", "a") == b"\xff"
        assert link.stats.operations == 2
        assert sum(link.stats.latency.counts) == 2
        assert not link.stats.failures


async def test_the_probe_opens_every_connection(server: RedisServer) -> None:
    async with open_link(server.url, connections=5) as link:
        before = server.run("INFO", "stats")["total_connections_received"]
        await asyncio.gather(*(do(link, "PING") for _ in range(20)))
        after = server.run("INFO", "stats")["total_connections_received"]
        assert after - before == 1  # the one that asks


async def test_nobody_calls_before_it_has_begun(valkey: RedisServer) -> None:
    link = Link(parse(valkey.url))
    assert not link.usable
    await fail(link, 1, "PING")
    assert (link.stats.spared, link.stats.operations) == (1, 0)
    await link.aclose()


async def test_it_connects_whenever_the_server_comes(
    valkey: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said once that there is none, whoever waits for it and however long."""
    caplog.set_level("INFO", "sidecache.store")
    valkey.kill()
    link, other = Link(parse(valkey.url)), Link(parse(valkey.url), quiet=True)
    other.start()
    link.start()
    await eventually(lambda: link.stats.last_error and other.stats.last_error)
    await asyncio.sleep(0.2)
    assert not link.usable
    valkey.start()
    await eventually(lambda: link.usable and other.usable)
    await asyncio.gather(link.aclose(), other.aclose())
    missing, answers = [record.getMessage() for record in caplog.records]
    assert "out of reach" in missing
    assert "Connection refused" in missing
    assert "answers: redis://" in answers


async def test_a_hung_server_costs_three_deadlines_and_then_nothing(valkey: RedisServer) -> None:
    async with open_link(valkey.url, deadline=0.2) as link:
        valkey.sigstop()
        await fail(link, 3, "GET", "a")
        assert link.stats.failures == {"timeout": 3}
        assert link.breaker.state is State.OPEN
        await fail(link, 1_000, "GET", "a")
        assert (link.stats.operations, link.stats.spared) == (3, 1_000)
        valkey.sigcont()
        await eventually(lambda: link.usable)
        assert await do(link, "GET", "a") is None


async def test_a_killed_server_is_found_again(valkey: RedisServer) -> None:
    async with open_link(valkey.url) as link:
        valkey.kill()
        await fail(link, 3, "GET", "a")
        assert link.stats.failures == {"connection": 3}
        valkey.start()
        await eventually(lambda: link.usable)
        assert await do(link, "SET", "a", "b")


async def test_a_slow_server_stays_left_alone(proxied: FaultProxy) -> None:
    async with open_link(proxied.url, deadline=0.1) as link:
        proxied.replies.delay = 0.3
        await fail(link, 3, "GET", "a")
        probes = proxied.accepted
        await eventually(lambda: proxied.accepted > probes + 8)  # connected, and found too slow
        assert not link.usable
        proxied.replies.delay = 0.0
        await eventually(lambda: link.usable)


async def test_lost_connections_are_opened_again_before_they_are_needed(
    proxied: FaultProxy,
) -> None:
    async with open_link(proxied.url, connections=3) as link:
        proxied.replies.stall()
        call = asyncio.create_task(do(link, "GET", "a"))
        await asyncio.sleep(0.01)
        proxied.reset()
        with pytest.raises(StoreError):
            await call
        proxied.replies.flow()
        await eventually(lambda: proxied.accepted >= 6)
        assert link.usable


@pytest.mark.parametrize("fault", ["reset", "half-close", "drip"])
async def test_a_reply_that_breaks_off(proxied: FaultProxy, fault: str) -> None:
    async with open_link(proxied.url, deadline=0.5, connections=1) as link:
        await do(link, "SET", "a", b"x" * 100_000)
        proxied.replies.stall()
        call = asyncio.create_task(do(link, "GET", "a"))
        if fault == "drip":
            proxied.replies.drip, proxied.replies.delay = 100, 0.01
            proxied.replies.flow()
        else:
            proxied.replies.cut = fault == "half-close"
            await asyncio.sleep(0.01)
            proxied.reset()
        with pytest.raises(StoreError):
            await call
        proxied.replies.drip, proxied.replies.delay, proxied.replies.cut = 65_536, 0.0, False
        proxied.replies.flow()
        await eventually(lambda: link.usable)
        assert len(await do(link, "GET", "a")) == 100_000


async def test_replies_are_never_out_of_step(proxied: FaultProxy) -> None:
    """Half the callers leave and many replies are late: each gets its own, or none."""
    chance = random.Random(7)  # noqa: S311 - a play, not a secret
    async with open_link(proxied.url, deadline=0.02, connections=4) as link:

        async def ask(number: int) -> None:
            call = asyncio.create_task(do(link, "ECHO", f"{number}"))
            if chance.random() < 0.5:
                await asyncio.sleep(chance.random() * 0.01)
                call.cancel()
            try:
                assert await call == b"%d" % number
                answered.append(number)
            except (StoreError, asyncio.CancelledError):
                pass

        answered: list[int] = []
        for turn in range(40):
            proxied.replies.delay = chance.choice((0.0, 0.0, 0.005, 0.03))
            await asyncio.gather(*(ask(turn * 50 + each) for each in range(50)))
        proxied.replies.delay = 0.0
        await eventually(lambda: link.usable)
        await ask(4_000)
        assert answered


async def test_a_caller_that_leaves_costs_no_connection(proxied: FaultProxy) -> None:
    async with open_link(proxied.url, connections=2) as link:
        proxied.replies.stall()
        calls = [asyncio.create_task(do(link, "GET", "a")) for _ in range(2)]
        await asyncio.sleep(0.01)
        for call in calls:
            call.cancel()
        proxied.replies.flow()
        assert await do(link, "ECHO", "a") == b"a"
        assert proxied.accepted == 2
        assert not link.stats.failures


async def test_callers_that_find_no_connection_do_not_blame_the_server(
    valkey: RedisServer,
) -> None:
    async with open_link(valkey.url, deadline=0.1, connections=1) as link:
        link.breaker = type(link.breaker)(limit=2)
        link.breaker.close()
        async with link._slots:  # noqa: SLF001 - somebody has the one connection
            calls = (do(link, "GET", "a") for _ in range(5))
            replies = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(reply, StoreError) for reply in replies)
        assert link.stats.failures == {"saturated": 5}
        assert link.usable


async def test_a_bug_does_not_end_the_probes(
    valkey: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def bug(client: Client, connections: int) -> None:
        raise KeyError(client, connections)

    link = Link(parse(valkey.url))
    with monkeypatch.context() as buggy:
        buggy.setattr(module, "_all_at_once", bug)
        link.start()
        await eventually(lambda: caplog.text.count("cannot be probed") > 1)
    await eventually(lambda: link.usable)
    await link.aclose()


async def test_a_wrong_command_says_nothing_of_the_server(server: RedisServer) -> None:
    async with open_link(server.url) as link:
        await do(link, "SET", "a", "b")
        await fail(link, 5, "HGET", "a", "b")
        assert link.stats.failures == {"command": 5}
        assert link.usable


REFUSALS = {
    "READONLY": ("REPLICAOF", "127.0.0.1", "1"),
    "OOM": ("CONFIG", "SET", "maxmemory", "1"),
    "NOPERM": ("ACL", "SETUSER", "default", "-set"),
}


@pytest.mark.parametrize("refusal", REFUSALS)
async def test_a_server_that_refuses_opens_the_breaker(
    server: RedisServer, refusal: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_link(server.url) as link:
        monkeypatch.setattr(module, "PROBE_SECONDS", 10.0)
        server.run(*REFUSALS[refusal])
        await fail(link, 3, "SET", "a", "b")
        assert link.stats.failures == {"refused": 3}
        assert not link.usable


async def test_a_wrong_password_is_said_and_not_shown(valkey: RedisServer) -> None:
    valkey.run("CONFIG", "SET", "requirepass", "right")
    link = Link(parse(f"redis://:wrongword@127.0.0.1:{valkey.port}"))
    link.start()
    await eventually(lambda: link.stats.last_error)
    assert "AuthenticationError" in link.stats.last_error
    assert "wrongword" not in link.stats.last_error
    assert not link.usable
    await link.aclose()


async def test_a_name_that_is_none_is_an_error_like_others() -> None:
    link = Link(parse(f"redis://{'a' * 70}.invalid"))
    link.start()
    await eventually(lambda: link.stats.last_error)
    assert not link.usable
    await link.aclose()


async def test_an_opening_during_the_probe_is_not_lost(valkey: RedisServer) -> None:
    async with open_link(valkey.url, deadline=0.3) as link:
        valkey.run("REPLICAOF", "127.0.0.1", "1")
        await asyncio.gather(*(fail(link, 1, "SET", "a", "b") for _ in range(4)))
        assert link.breaker.opened == 1
        valkey.run("REPLICAOF", "NO", "ONE")
        await eventually(lambda: link.usable)
        assert await do(link, "SET", "a", "b")


async def test_the_end_closes_who_has_just_been_replaced(valkey: RedisServer) -> None:
    """The task that would have is cancelled before it begins."""
    link = Link(parse(valkey.url))
    link.start()
    await eventually(lambda: link.usable)
    first = link._client  # noqa: SLF001 - held, lest it be closed for want of a holder
    assert await link._probe()  # noqa: SLF001 - as after a lost connection
    await link.aclose()
    await eventually(lambda: valkey.run("CLIENT", "LIST").count(b"\n") == 1)  # who asks
    del first


async def test_the_end_sees_calls_through(valkey: RedisServer) -> None:
    async with open_link(valkey.url) as link:
        call = asyncio.create_task(do(link, "BLPOP", "list", 5))
        await eventually(lambda: valkey.run("INFO", "clients")["blocked_clients"])
        closing = asyncio.create_task(link.aclose())
        valkey.run("RPUSH", "list", "there")
        assert await call == (b"list", b"there")
        await closing
        assert not link.usable
