"""Plays of leases: who takes one, and that none is left behind, whatever happens."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.engine.house import House, told
from tests.engine.scripted import Play, Told, reply, settle

FRESH = "Cache-Control: max-age=60"
TAGGED = (FRESH, 'ETag: "1"')


NO_LEASE = {
    "9111-5.2.1.4-no-cache": "Cache-Control: no-cache",
    "9111-5.4-pragma": "Pragma: no-cache",
    "9111-5.2.1.5-no-store": "Cache-Control: no-store",
    "9111-3.5-credentials": "Authorization: Basic YTpi",
    "9110-14.2-range": "Range: bytes=0-1",
    "9110-13.1.2-condition": 'If-None-Match: "x"',
}


@pytest.mark.parametrize("line", NO_LEASE.values(), ids=NO_LEASE)
async def test_who_needs_an_answer_of_its_own_does_not_wait(house: House, line: str) -> None:
    lease = await house.lease()
    house.script(reply(200, FRESH))
    client = house.one.begin(line)
    await settle()
    assert house.asked == 1
    assert (await client).status in {200, 206}
    house.release(lease)


async def test_who_has_lost_its_lease_shares_nothing(house: House) -> None:
    head = asyncio.Event()
    house.script(reply(200, FRESH, body=b"late", waits=head), reply(200, FRESH, body=b"own"))
    late = house.one.begin()
    await settle()
    house.far.leases.held.clear()
    assert (await house.two.get()).body == b"own"
    head.set()
    assert (await late).body == b"late"
    assert house.shared() == [b"own"]
    assert [e.body for e in house.one.kept()] == [b"late"]


async def test_a_part_that_nobody_asked_for_leaves_no_lease_behind(house: House) -> None:
    part = reply(206, FRESH, "Content-Range: bytes 0-4/9")
    house.script(part)
    assert (await house.one.get()).status == 206
    await settle()
    assert not house.far.leases.held
    assert house.shared() == []


async def test_a_validation_of_what_has_left_memory_leaves_no_lease_behind(house: House) -> None:
    await house.one.fill(*TAGGED)
    house.later(70)
    head = asyncio.Event()
    house.script(reply(304, FRESH, waits=head))
    client = house.one.begin()
    await settle()
    house.one.near.drop(house.one.key().digest)
    head.set()
    assert (await client).body == b"hello"
    await settle()
    assert not house.far.leases.held


async def first_look(house: House, play: Play) -> "asyncio.Task[Told]":
    """Let a request get the lease and be kept waiting while it looks once more."""
    await house.fill(*TAGGED)
    house.later(70)
    client = play.begin()
    await asyncio.sleep(0)  # it has looked, and is about to claim
    house.far.waits = asyncio.Event()
    await settle()
    assert house.far.leases.held
    return client


async def test_who_leaves_while_it_looks_once_more_gives_the_lease_back(house: House) -> None:
    client = await first_look(house, house.one)
    client.cancel()
    with suppress(asyncio.CancelledError):
        await client
    await settle()
    assert not house.far.leases.held


async def test_who_finds_the_answer_when_it_looks_once_more_gives_the_lease_back(
    house: House,
) -> None:
    client = await first_look(house, house.one)
    (entry,) = house.two.kept()
    now = house.clock.now()
    newer = replace(entry, stored=replace(entry.stored, response_time=now, age_on_arrival=0))
    house.far.put(house.one.key().digest, newer, seconds=60, limit=9)
    assert house.far.waits is not None
    house.far.waits.set()
    (answer,) = await told(client)
    assert answer.how == "fwd=stale; ttl=60; collapsed; detail=stale"
    assert house.asked == 1
