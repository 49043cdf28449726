"""Work in the background: bounded by bytes, in order under a key, seen through at the end."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import pytest

from proxy.store.redis import writes
from proxy.store.redis.writes import Writes
from tests.redis.tier import eventually


def noting(notes: list[str], gate: asyncio.Event) -> Callable[[str], Callable[[], Awaitable[None]]]:
    async def work(name: str) -> None:
        notes.append(f"{name} begins")
        await gate.wait()
        notes.append(f"{name} ends")

    return lambda name: partial(work, name)


async def test_one_key_in_order_and_others_beside_it() -> None:
    notes, gate, some = list[str](), asyncio.Event(), Writes(writers=2)
    work = noting(notes, gate)
    for key, name in ((b"a", "1"), (b"a", "2"), (b"b", "3")):
        assert some.begin(key, 1, work(name))
    await asyncio.sleep(0)
    gate.set()
    await some.aclose()
    assert notes.index("1 ends") < notes.index("2 begins")
    assert notes.index("3 begins") < notes.index("1 ends")
    assert some.bytes == 0


async def test_no_more_at_a_time_than_there_are_writers() -> None:
    notes, gate, some = list[str](), asyncio.Event(), Writes(writers=2)
    work = noting(notes, gate)
    for name in "abc":
        some.begin(name.encode(), 1, work(name))
    for _ in range(5):
        await asyncio.sleep(0)
    assert notes == ["a begins", "b begins"]
    gate.set()
    await some.aclose()
    assert notes[-1] == "c ends"


async def test_beyond_the_bytes_nothing_begins_until_some_have_gone() -> None:
    notes, gate, some = list[str](), asyncio.Event(), Writes(limit=10)
    work = noting(notes, gate)
    assert some.begin(b"a", 6, work("a"))
    assert not some.begin(b"b", 5, work("b"))
    assert some.begin(b"c", 4, work("c"))
    gate.set()
    await eventually(lambda: not some.bytes)
    assert some.begin(b"b", 10, work("b"))
    await some.aclose()
    assert not some.begin(b"d", 0, work("d"))


async def test_the_end_waits_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes, "PARTING_SECONDS", 0.01)
    notes, some = list[str](), Writes()
    some.begin(b"a", 1, noting(notes, asyncio.Event())("a"))
    await some.aclose()
    assert notes == ["a begins"]
    assert some.bytes == 0


async def test_the_end_gives_up_all_of_a_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes, "PARTING_SECONDS", 0.01)
    notes, some = list[str](), Writes()
    work = noting(notes, asyncio.Event())
    for name in "123":
        some.begin(b"a", 1, work(name))
    await some.aclose()
    assert notes == ["1 begins"]
    assert some.bytes == 0
    assert not asyncio.all_tasks() - {asyncio.current_task()}
