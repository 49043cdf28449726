"""Plays past the lifetime: refreshes in the background, and stale answers in place of errors."""

import asyncio

import pytest

from proxy.engine.purge import Purge
from proxy.errors import UpstreamBroken, UpstreamTimeout, UpstreamUnreachable
from tests.engine.scripted import Play, Told, at, failing, reply, settle

FRESH = "Cache-Control: max-age=60"
TAGGED = (FRESH, 'ETag: "1"', "Last-Modified: " + at(-1000), "Date: " + at(0))


async def stale(play: Play, *lines: str) -> None:
    """Have a response stored and let its lifetime of 60 s pass by 10 s."""
    await play.fill(*(lines or TAGGED))
    play.later(70)


async def test_5861_3_stale_while_revalidate_answers_at_once_and_asks_once(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-while-revalidate=30", 'ETag: "1"')
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head))
    told = [await play.get(), await play.get(), await play.get("Range: bytes=0-1", method="HEAD")]
    assert {t.how for t in told} == {"hit; ttl=-10; detail=stale-while-revalidate"}
    await settle()
    assert play.asked == 2
    assert play.upstream.sent[-1].method == "GET"
    head.set()
    await settle()
    assert (await play.get()).how == "hit; ttl=60; detail=fresh"


async def test_a_refresh_stores_a_new_answer(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-while-revalidate=30")
    play.script(reply(200, FRESH, body=[b"n", b"ew"]))
    assert (await play.get("Range: bytes=0-1")).body == b"he"
    await settle()
    assert b"range" not in play.upstream.sent[-1].fields
    assert (await play.get()).body == b"new"


UNWANTED = {
    "unshareable": reply(200, "Cache-Control: private", body=[b"a", b"b"]),
    "error": reply(503, body=[b"a", b"b"]),
    "unreachable": failing(UpstreamUnreachable("refused")),
    "cut": reply(200, FRESH, "Content-Length: 9", body=[b"a", UpstreamBroken("cut")]),
    "unforeseen": failing(ZeroDivisionError("a bug")),
}


@pytest.mark.parametrize("name", UNWANTED)
async def test_a_refresh_that_brings_nothing_leaves_what_is_stored(play: Play, name: str) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-while-revalidate=30")
    play.script(UNWANTED[name], reply(304, FRESH))
    assert (await play.get()).body == b"hello"
    await settle()
    assert (await play.get()).reason == "stale-while-revalidate"
    await settle()
    assert (await play.get()).body == b"hello"


async def test_who_comes_past_the_window_follows_the_refresh_under_way(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-while-revalidate=30", 'ETag: "1"')
    head = asyncio.Event()
    play.script(reply(304, FRESH, waits=head))
    await play.get()
    play.later(60)
    follower = play.begin()
    await settle()
    head.set()
    assert (await follower).account.collapsed is True


async def test_early_refresh_comes_before_expiry(play: Play) -> None:
    play.under({"early_refresh": 1})

    def slow(_: object) -> object:
        play.later(2)
        return reply(200, FRESH, 'ETag: "1"')

    play.script(slow)  # type: ignore[arg-type]  # a step that lets time pass
    await play.get()
    play.later(50)
    play.clock.chance = 0.9
    assert (await play.get()).reason == "fresh"
    await settle()
    assert play.asked == 1
    play.later(7)
    play.script(reply(304, FRESH))
    assert (await play.get()).reason == "fresh"
    await settle()
    assert play.asked == 2
    assert play.stored().ttl(play.clock.now()) == 60


async def test_jitter_takes_off_a_share_of_the_rules_own_lifetime(play: Play) -> None:
    play.under({"ttl": 100, "jitter": 0.5})
    play.clock.chance = 0.5
    play.script(reply(200))
    assert (await play.get()).account.ttl == 75


@pytest.mark.parametrize(
    ("window", "answer"), [(10, "stale-if-error"), (9, None)], ids=["5861-4-within", "5861-4-past"]
)
async def test_9111_4_3_3_a_5xx_is_passed_on_or_replaced_within_its_window(
    play: Play, window: int, answer: str | None
) -> None:
    await stale(play, f"Cache-Control: max-age=60, stale-if-error={window}", 'ETag: "1"')
    play.script(reply(503, body=[b"do", b"wn"]))
    told = await play.get()
    if answer is None:
        assert (told.status, told.body, told.how) == (503, b"down", "fwd=stale; detail=status")
    else:
        assert (told.status, told.body) == (200, b"hello")
        assert told.how == "hit; ttl=-10; detail=stale-if-error"


async def test_5861_4_stale_if_error_serves_those_who_wait_as_well(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-if-error=60", 'ETag: "1"')
    head = asyncio.Event()
    play.script(reply(503, waits=head))
    clients = [play.begin() for _ in range(3)]
    await settle()
    head.set()
    assert {(await client).body for client in clients} == {b"hello"}


async def test_a_purge_takes_the_stale_answer_away_as_well(play: Play) -> None:
    await stale(play, "Cache-Control: max-age=60, stale-if-error=60", 'ETag: "1"')
    head = asyncio.Event()
    play.script(reply(503, body=b"down", waits=head))
    client = play.begin()
    await settle()
    play.ledger.purge(Purge(play.kept()[0].labels.tags), play.clock.time)
    head.set()
    assert (await client).body == b"down"


DISCONNECTED: dict[str, tuple[str, Exception, int, str]] = {
    "9111-4.2.4-unreachable": ("", UpstreamUnreachable(""), 200, "stale-unreachable"),
    "9111-4.2.4-broken": ("", UpstreamBroken(""), 200, "stale-unreachable"),
    "9111-4.2.4-timeout": ("", UpstreamTimeout(""), 200, "stale-unreachable"),
    "9111-5.2.2.2-must-revalidate": (
        ", must-revalidate",
        UpstreamUnreachable(""),
        504,
        "upstream-unreachable",
    ),
    "9111-5.2.2.8-proxy-revalidate": (
        ", proxy-revalidate",
        UpstreamTimeout(""),
        504,
        "upstream-timeout",
    ),
    "9111-5.2.2.10-s-maxage": (", s-maxage=60", UpstreamBroken(""), 504, "upstream-broken"),
}


@pytest.mark.parametrize(
    ("said", "error", "status", "detail"),
    [pytest.param(*row, id=name) for name, row in DISCONNECTED.items()],
)
async def test_an_upstream_that_cannot_be_reached(
    play: Play, said: str, error: Exception, status: int, detail: str
) -> None:
    await stale(play, FRESH + said, 'ETag: "1"')
    head = asyncio.Event()
    play.script(failing(error, waits=head))
    clients = [play.begin() for _ in range(2)]
    await settle()
    head.set()
    for client in clients:
        told: Told = await client
        assert (told.status, told.how.rpartition("detail=")[2]) == (status, detail)
