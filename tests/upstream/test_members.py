"""Several addresses: who is picked, who is left alone, what names stand for, who waits."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import replace

import httpx
import pytest

from bench.ports import free_port
from proxy.errors import UpstreamBroken, UpstreamBusy, UpstreamTimeout, UpstreamUnreachable
from proxy.policy.terms import Timeouts
from proxy.upstream.address import Address, Origin, look_up
from proxy.upstream.breaker import BreakerTerms, State
from proxy.upstream.build import Plan, gateway
from proxy.upstream.gate import Full, Gate
from proxy.upstream.health import HealthTerms
from proxy.upstream.members import Members
from proxy.upstream.pool import Keep, Pool, Room
from proxy.upstream.retry import RetryTerms
from proxy.upstream.stats import UpstreamStats
from tests.plays.scripted import End, ScriptedUpstream, ok, response
from tests.upstream.asking import SHORT, outbound, pieces, read


async def test_requests_go_to_all_and_most_to_the_least_busy() -> None:
    async with AsyncExitStack() as stack:
        origins = [await stack.enter_async_context(ScriptedUpstream()) for _ in range(3)]
        pool = gateway([origin.url for origin in origins])
        for origin in origins:
            for _ in range(60):
                origin.reply(ok())
        for _ in range(60):
            await read(await pool.send(outbound()))
        assert all(origin.heard for origin in origins)
        await pool.aclose()


async def test_who_refuses_is_left_alone_and_nobody_notices(origin: ScriptedUpstream) -> None:
    pool = gateway([origin.url, f"http://127.0.0.1:{free_port()}"])
    stats = pool.dispatcher.stats
    for _ in range(30):
        origin.reply(ok())
        body = pieces(b"a")  # a body is no hindrance: nothing of it has been read
        assert await read(await pool.send(outbound(method="POST", body=body))) == b"hello"
    assert len(origin.heard) == 30
    assert stats.ejections >= 1
    assert stats.retries <= 3
    assert stats.in_flight == 0
    await pool.aclose()


async def test_who_answers_that_it_cannot_is_left_alone_where_others_can() -> None:
    async with ScriptedUpstream() as ill, ScriptedUpstream() as well:
        terms = BreakerTerms(failures=2, shortest=60, longest=60)
        pool = gateway([ill.url, well.url], Plan(breaker=terms))
        for _ in range(60):
            ill.reply(ok(status="503 Busy"))
            well.reply(ok())
            await read(await pool.send(outbound()))
        assert len(ill.heard) == 2
        await pool.aclose()


async def test_an_only_address_that_answers_with_an_error_is_believed(
    origin: ScriptedUpstream,
) -> None:
    pool = gateway([origin.url])
    for _ in range(10):
        origin.reply(ok(status="503 Busy"))
        assert (await pool.send(outbound())).head.status == 503
    await pool.aclose()


@pytest.mark.parametrize("how", ["refused", "silent", "broken"])
async def test_an_upstream_that_fails_is_left_alone_and_tried_again(
    how: str, origin: ScriptedUpstream
) -> None:
    terms = BreakerTerms(failures=3, shortest=0.2, longest=0.2)
    url = origin.url if how != "refused" else f"http://127.0.0.1:{free_port()}"
    pool = gateway([url], Plan(breaker=terms), draw=lambda: 0.999)
    (member,) = pool.dispatcher.members
    error = {"refused": UpstreamUnreachable, "silent": UpstreamTimeout, "broken": UpstreamBroken}
    for _ in range(3):
        origin.reply(asyncio.Event() if how == "silent" else End.CLOSE)
        with pytest.raises(error[how]):
            await pool.send(outbound(times=Timeouts(first_byte=0.05)))
    assert member.breaker.state is State.OPEN
    with pytest.raises(UpstreamUnreachable, match="left alone"):
        await pool.send(outbound())
    assert pool.dispatcher.stats.failed_fast == 1
    await asyncio.sleep(0.25)
    if how != "refused":
        for _ in range(2):
            origin.reply(ok(b"good"))
            assert await read(await pool.send(outbound())) == b"good"
        assert pool.dispatcher.members.states()["closed"] == 1
    await pool.aclose()


async def test_a_probe_that_is_cancelled_blocks_nobody(origin: ScriptedUpstream) -> None:
    terms = BreakerTerms(failures=1, shortest=0.01, longest=0.01)
    pool = gateway([origin.url], Plan(breaker=terms))
    origin.reply(End.CLOSE)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound())
    await asyncio.sleep(0.02)
    origin.reply(asyncio.Event())
    probe = asyncio.create_task(pool.send(outbound()))
    await origin.arrival(2)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    origin.reply(ok())
    assert await read(await pool.send(outbound())) == b"hello"
    await pool.aclose()


async def test_retries_have_a_budget(origin: ScriptedUpstream) -> None:
    pool = gateway([origin.url], Plan(retry=RetryTerms(share=0.0, floor=0.0)))
    origin.reply(ok())
    await read(await pool.send(outbound()))
    origin.reply(End.CLOSE)
    with pytest.raises(UpstreamBroken):
        await pool.send(outbound(repeatable=True))
    stats = pool.dispatcher.stats
    assert (stats.retries, stats.retries_spared) == (0, 1)
    await pool.aclose()


# --- names


class Names:
    """What a name stands for, as the test says."""

    def __init__(self, *hosts: str) -> None:
        self.hosts = hosts
        self.asked = 0

    async def __call__(self, origin: Origin) -> tuple[Address, ...]:
        self.asked += 1
        if not self.hosts:
            raise httpx.ConnectError("no such name")
        return tuple(origin.at(host) for host in self.hosts)


def members(names: Names) -> Members:
    stats = UpstreamStats()
    room = Room(8, Keep(), stats)
    origin = Origin.of("http://api.test:80")
    return Members(
        [origin], lambda a: Pool(a, room), BreakerTerms(), stats, lambda: 0.0, look=names
    )


async def test_every_address_of_a_name_is_a_member_and_news_are_followed() -> None:
    names = Names("10.0.0.1", "10.0.0.2")
    known = members(names)
    now = asyncio.get_running_loop().time()
    await known.pick(now)
    kept = {str(member.address): member for member in known}
    assert set(kept) == {"10.0.0.1:80", "10.0.0.2:80"}
    await known.pick(now + 5)
    assert names.asked == 1
    names.hosts = ("10.0.0.2", "10.0.0.3")
    await known.pick(now + 11)  # nobody waits for the news
    await known.aclose()
    await known.pick(now + 11)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert {str(member.address) for member in known} == {"10.0.0.2:80", "10.0.0.3:80"}
    assert kept["10.0.0.2:80"] in set(known)
    assert kept["10.0.0.1:80"].gone
    await known.aclose()


async def test_a_failed_connection_has_names_looked_up_again() -> None:
    names = Names("10.0.0.1")
    known = members(names)
    now = asyncio.get_running_loop().time()
    first = await known.pick(now)
    names.hosts = ("10.0.0.2",)
    await known.reconsider(now + 0.5)
    assert names.asked == 1
    await known.reconsider(now + 1.5)
    assert str((await known.pick(now + 1.5, but=(first,))).address) == "10.0.0.2:80"
    names.hosts = ()
    await known.reconsider(now + 3)
    assert len(known) == 1  # a name that is not found keeps what it stood for
    await known.aclose()


async def test_a_name_that_stands_for_nothing_is_unreachable() -> None:
    known = members(Names())
    with pytest.raises(httpx.ConnectError, match="no address"):
        await known.pick(asyncio.get_running_loop().time())
    await known.aclose()


async def test_names_are_looked_up_by_the_system() -> None:
    assert "127.0.0.1:80" in map(str, await look_up(Origin.of("http://localhost")))
    assert await look_up(Origin.of("http://[::1]:9")) == (Address("::1", 9),)
    with pytest.raises(httpx.ConnectError):
        await look_up(Origin.of("http://nowhere.invalid"))


async def test_a_name_of_which_one_address_is_deaf(origin: ScriptedUpstream) -> None:
    """`localhost` may be ::1 as well, where nobody listens."""
    pool = gateway([f"http://localhost:{origin.port}"])
    for _ in range(10):
        origin.reply(ok())
        assert await read(await pool.send(outbound())) == b"hello"
    await pool.aclose()


@pytest.mark.parametrize(
    ("url", "shown", "literal"),
    [
        ("http://127.0.0.1", "127.0.0.1:80", True),
        ("https://127.0.0.1:8443", "127.0.0.1:8443", True),
        ("https://api.test", "api.test:443", False),
        ("http://[::1]:8000", "[::1]:8000", True),
        ("unix:///run/api.sock", "unix:///run/api.sock", True),
        ("http+unix://%2Frun%2Fapi.sock", "unix:///run/api.sock", True),
    ],
)
def test_where_an_upstream_is(url: str, shown: str, *, literal: bool) -> None:
    origin = Origin.of(url)
    assert (str(origin.at(origin.host)), origin.literal) == (shown, literal)


# --- checks


async def test_who_fails_its_checks_gets_no_requests() -> None:
    async with ScriptedUpstream() as ill, ScriptedUpstream() as well:
        terms = HealthTerms("/healthz", interval=60, timeout=1, row=2, host="api.test")
        pool = gateway([ill.url, well.url], Plan(health=terms))
        checks = pool._checks  # noqa: SLF001 - there is no other way to have them now
        assert checks is not None
        for status in ("200 OK", "500 Oops", "404 No"):
            ill.reply(ok(status=status))
            well.reply(ok())
            await checks.once()
        assert pool.dispatcher.members.states() == {
            "closed": 1,
            "open": 0,
            "probing": 0,
            "unwell": 1,
        }
        assert ill.heard[0].target == b"/healthz"
        assert ill.heard[0].first("host") == b"api.test"
        for _ in range(20):
            well.reply(ok())
            await read(await pool.send(outbound()))
        assert len(ill.heard) == 3
        for _ in range(2):
            ill.reply(ok())
            well.reply(ok())
            await checks.once()
        assert pool.dispatcher.members.states()["closed"] == 2
        await pool.aclose()


async def test_checks_that_all_fail_are_not_believed(origin: ScriptedUpstream) -> None:
    terms = HealthTerms("/wrong", interval=0.01, timeout=0.5, row=1)
    pool = gateway([origin.url], Plan(health=terms))
    for _ in range(3):
        origin.reply(ok(status="404 Not Found"))
    pool.start()
    await origin.until(lambda: pool.dispatcher.members.states()["unwell"] == 1)
    await pool._checks.aclose()  # type: ignore[union-attr]  # noqa: SLF001 - it checks no more
    origin.reply(ok())
    assert await read(await pool.send(outbound())) == b"hello"
    await pool.aclose()


# --- the gate and the room


async def test_who_waits_is_let_in_in_order(origin: ScriptedUpstream) -> None:
    pool = gateway([origin.url], Plan(most=1, queue=2, queue_seconds=10))
    stats = pool.dispatcher.stats
    hold = asyncio.Event()
    origin.reply(hold, ok())
    first = asyncio.create_task(pool.send(outbound(target=b"/1")))
    await origin.arrival()
    others = [asyncio.create_task(pool.send(outbound(target=b"/%d" % n))) for n in (2, 3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (stats.in_flight, stats.waiting) == (1, 2)
    with pytest.raises(UpstreamBusy, match="free"):
        await pool.send(replace(outbound(), patient=False))
    with pytest.raises(UpstreamBusy, match="wait"):
        await pool.send(outbound())
    origin.reply(ok())
    origin.reply(ok())
    hold.set()
    for task in (first, *others):
        await read(await task)
    assert [heard.target for heard in origin.heard] == [b"/1", b"/2", b"/3"]
    assert (stats.in_flight, stats.waiting, stats.queued, stats.turned_away) == (0, 0, 2, 1)
    await pool.aclose()


async def test_a_place_that_nobody_takes_any_more_goes_to_the_next() -> None:
    stats = UpstreamStats()
    gate = Gate(1, 5, stats)
    assert gate.try_enter()
    waiting = [asyncio.create_task(gate.enter(float("inf"))) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    gate.leave()  # to the first or, since that has left, to the second
    waiting[1].cancel()
    results = await asyncio.gather(*waiting[:2], return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results)
    await waiting[2]
    assert (stats.in_flight, stats.waiting) == (1, 0)
    with pytest.raises(Full):
        await gate.enter(0.01)
    gate.leave()
    assert stats.in_flight == 0


async def test_an_idle_connection_makes_room_for_one_elsewhere() -> None:
    async with ScriptedUpstream() as one, ScriptedUpstream() as two:
        draws = iter([0.0, 0.0] * 2 + [0.9, 0.9] * 2)
        pool = gateway([one.url, two.url], Plan(most=1), draw=lambda: next(draws))
        seen: Counter[int] = Counter()
        for _ in range(4):
            one.reply(ok(b"1"))
            two.reply(ok(b"2"))
            seen[int(await read(await pool.send(outbound())))] += 1
            assert pool.dispatcher.stats.open == 1
        assert len(seen) == 2
        await pool.aclose()


@pytest.mark.parametrize(
    "keep", [Keep(idle=0), Keep(idle_seconds=0.01), Keep(age_seconds=0.0)], ids=str
)
async def test_a_connection_is_kept_only_so_long(origin: ScriptedUpstream, keep: Keep) -> None:
    pool = gateway([origin.url], Plan(keep=keep))
    for number in range(2):
        origin.reply(ok())
        assert await read(await pool.send(outbound())) == b"hello"
        await asyncio.wait_for(origin.heard[number].gone.wait(), 10)
    assert origin.connections == 2
    await pool.aclose()


async def test_time_outs_are_counted_by_phase(origin: ScriptedUpstream) -> None:
    pool = gateway([origin.url])
    origin.reply(asyncio.Event())
    with pytest.raises(UpstreamTimeout):
        await pool.send(outbound(times=SHORT))
    origin.reply(response("200 OK", "Content-Length: 5"), asyncio.Event())
    inbound = await pool.send(outbound(times=SHORT))
    with pytest.raises(UpstreamTimeout):
        await read(inbound)
    assert pool.dispatcher.stats.timeouts == {"first_byte": 1, "between_bytes": 1}
    await pool.aclose()
