"""Stale answers: given where the response or the rule allows it, refused where it forbids it.

Nothing waits for time to pass: a response that is old on arrival is stale at once.
"""

import asyncio

import pytest

from tests.plays.house import House
from tests.plays.scripted import End, ScriptedUpstream, Step, fresh, ok, response

STALE = ("Age: 61", 'ETag: "one"')
"""A second past the lifetime that `fresh` gives."""


async def test_a_304_freshens_what_is_kept(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh(b"hello", *STALE))
    await proxy.ask("/thing")
    upstream.reply(response("304 Not Modified", 'ETag: "one"', "Cache-Control: max-age=90"))
    answer = await proxy.ask("/thing")
    assert (answer.status, answer.body, answer.all("cache-control")) == (
        *(200, b"hello", [b"max-age=90"]),
    )
    assert answer.told == "sidecache; fwd=stale; fwd-status=304; ttl; stored; detail=stale"
    assert upstream.heard[1].first("if-none-match") == b'"one"'
    assert (await proxy.ask("/thing")).told == "sidecache; hit; ttl; detail=fresh"


async def test_a_200_replaces_what_is_kept(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh(b"old", *STALE))
    await proxy.ask("/thing")
    upstream.reply(fresh(b"new", 'ETag: "two"'))
    answer = await proxy.ask("/thing")
    assert (answer.body, answer.told) == (
        b"new",
        "sidecache; fwd=stale; ttl; stored; detail=stale",
    )
    assert (await proxy.ask("/thing")).body == b"new"


GONE: dict[str, tuple[Step, ...]] = {
    "closed": (End.CLOSE,),
    "reset": (End.RESET,),
    "garbage": (b"garbage\r\n\r\n",),
}


@pytest.mark.parametrize("steps", GONE.values(), ids=GONE)
async def test_an_upstream_that_is_gone_is_stood_in_for(
    proxy: House, upstream: ScriptedUpstream, steps: tuple[Step, ...]
) -> None:
    """9111 §4.2.4: a cache that is disconnected may give what it has."""
    upstream.reply(fresh(b"hello", *STALE))
    await proxy.ask("/thing")
    upstream.reply(*steps)
    answer = await proxy.ask("/thing")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.told == "sidecache; hit; ttl; detail=stale-unreachable"


@pytest.mark.parametrize("steps", GONE.values(), ids=GONE)
async def test_must_revalidate_is_kept_to(
    proxy: House, upstream: ScriptedUpstream, steps: tuple[Step, ...]
) -> None:
    """9111 §5.2.2.2: then a 504 is the only answer."""
    upstream.reply(ok(b"hello", "Cache-Control: max-age=60, must-revalidate", *STALE))
    await proxy.ask("/thing")
    upstream.reply(*steps)
    answer = await proxy.ask("/thing")
    assert (answer.status, answer.told) == (504, "sidecache; fwd=stale; detail=upstream-broken")


@pytest.mark.parametrize("status", ["500 Oh", "502 Oh", "503 Oh", "504 Oh"])
async def test_stale_if_error(proxy: House, upstream: ScriptedUpstream, status: str) -> None:
    """5861 §4."""
    upstream.reply(ok(b"hello", "Cache-Control: max-age=60, stale-if-error=60", *STALE))
    await proxy.ask("/thing")
    upstream.reply(ok(b"sorry", status=status))
    answer = await proxy.ask("/thing")
    assert (answer.status, answer.body) == (200, b"hello")
    assert answer.told == "sidecache; hit; ttl; detail=stale-if-error"


async def test_an_error_without_permission_is_passed_on(
    proxy: House, upstream: ScriptedUpstream
) -> None:
    upstream.reply(fresh(b"hello", *STALE))
    await proxy.ask("/thing")
    upstream.reply(ok(b"sorry", status="503 Busy"))
    answer = await proxy.ask("/thing")
    assert (answer.status, answer.body) == (503, b"sorry")
    assert answer.told == "sidecache; fwd=stale; detail=status"


async def test_stale_while_revalidate(proxy: House, upstream: ScriptedUpstream) -> None:
    """5861 §3: everyone is answered at once, and one refresh runs behind them."""
    upstream.reply(ok(b"old", "Cache-Control: max-age=60, stale-while-revalidate=60", *STALE))
    await proxy.ask("/thing")
    hold = asyncio.Event()
    upstream.reply(hold, fresh(b"new"))
    for _ in range(5):
        answer = await proxy.ask("/thing")
        assert (answer.body, answer.told) == (
            b"old",
            "sidecache; hit; ttl; detail=stale-while-revalidate",
        )
    hold.set()
    await proxy.quiet()
    assert (await proxy.ask("/thing")).body == b"new"
    assert len(upstream.heard) == 2


async def test_a_refresh_that_fails_harms_nobody(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(ok(b"old", "Cache-Control: max-age=60, stale-while-revalidate=60", *STALE))
    await proxy.ask("/thing")
    upstream.reply(End.RESET)
    for _ in range(2):
        assert (await proxy.ask("/thing")).body == b"old"
        await proxy.quiet()
        upstream.reply(ok(b"private", "Set-Cookie: a=b"))
    assert len(upstream.heard) == 3


async def test_max_stale(proxy: House, upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh(b"hello", *STALE))
    await proxy.ask("/thing")
    answer = await proxy.ask("/thing", "Cache-Control: max-stale=100")
    assert answer.told == "sidecache; hit; ttl; detail=max-stale"
