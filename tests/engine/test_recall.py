"""What is remembered, for whom, and the first thing that ends it."""

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.ledger import LEASE, Ledger
from proxy.engine.purge import Mode
from proxy.engine.recall import LARGEST, MOST_OF_ONE, Asked, Memory, Recall
from proxy.engine.snapshot import Snapshot
from proxy.errors import RequestError
from proxy.http.message import Request
from proxy.store import memory as memory_tier
from proxy.store.memory import MemoryStore
from tests.engine.scripted import Play, ask, reply, settle

HEAD = b"age: %d; ttl=%d"


class Desk:
    """A corridor, and what is remembered of its answers."""

    def __init__(self, max_bytes: int = 2**20, play: Play | None = None) -> None:
        self.play = play or Play()
        self.recall = Recall(self.play.corridor, self.play.near, self.play.clock, max_bytes)

    async def fill(self, *lines: str, request: Request | None = None, body: bytes = b"x") -> None:
        self.play.script(reply(200, "Cache-Control: max-age=60", *lines, body=body))
        await self.play.tell(request or ask())
        await settle()

    def learn(self, request: Request | None = None) -> Memory | None:
        """Let the corridor answer, and return what is remembered then."""
        request = request or ask()
        visit = self.play.corridor.visit(request)
        answer = self.play.corridor.answer_now(visit)
        if answer is not None:
            self.recall.remember(asked(request), visit, answer, lambda: HEAD)
        return self.recall.find(asked(request))

    def holds(self, memory: Memory | None) -> bool:
        assert memory is not None
        return self.recall.holds(memory, self.play.clock.now())


def asked(request: Request, *, believed: bool = False) -> Asked:
    lines = [(b"host", request.authority), *((n.lower(), v) for n, v in request.fields)]
    return Asked(believed, request.method.encode(), request.target, lines)


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    await made.play.end()


async def test_a_hit_is_remembered_for_whoever_asks_the_same(desk: Desk) -> None:
    await desk.fill()
    memory = desk.learn(ask("User-Agent: one"))
    assert memory is not None
    assert (memory.body, memory.head) == (b"x", HEAD)
    assert desk.holds(memory)
    assert desk.recall.find(asked(ask("User-Agent: two"))) is memory
    assert desk.recall.find(asked(ask(method="HEAD"))) is None
    assert desk.recall.find(asked(ask(target="/thing?"))) is None
    assert desk.recall.find(asked(ask(host="other.test"))) is None
    assert desk.recall.find(asked(ask(), believed=True)) is None


async def test_expiry_ends_it(desk: Desk) -> None:
    await desk.fill()
    memory = desk.learn()
    desk.play.later(59.5)
    assert desk.holds(memory)
    desk.play.later(0.5)
    assert not desk.holds(memory)
    assert desk.recall.find(asked(ask())) is None
    assert desk.recall.stats.bytes == 0


async def test_not_while_it_may_be_refreshed_early(desk: Desk) -> None:
    """Whether it is, is drawn for each request, by the corridor."""
    desk.play.under({"name": "default", "early_refresh": 1})
    waits = asyncio.Event()
    desk.play.script(reply(200, "Cache-Control: max-age=60", waits=waits))
    asking = desk.play.begin()
    await settle()
    desk.play.later(1)  # so long the fetch takes
    waits.set()
    await asking
    memory = desk.learn()
    assert desk.holds(memory)
    desk.play.later(53)
    assert not desk.holds(memory)
    assert desk.learn() is None


async def test_an_entry_in_its_place_ends_it_and_lets_its_body_go(desk: Desk) -> None:
    await desk.fill()
    memory = desk.learn()
    desk.play.script(reply(200, "Cache-Control: max-age=60", body=b"other"))
    await desk.play.get("Cache-Control: no-cache")
    await settle()
    assert memory is not None
    assert (memory.until, memory.body) == (0.0, b"")
    assert not desk.holds(memory)
    assert desk.holds(desk.learn())


async def test_an_eviction_ends_it() -> None:
    desk = Desk(play=Play(near=MemoryStore(20_000, max_share=0.5)))
    await desk.fill(body=b"x" * 5_000)
    memory = desk.learn()
    for number in range(8):
        await desk.fill(request=ask(target=f"/{number}"), body=b"x" * 5_000)
    assert memory is not None
    assert memory.body == b""


@pytest.mark.parametrize("mode", list(Mode))
async def test_its_purge_ends_it_and_no_other_does(desk: Desk, mode: Mode) -> None:
    await desk.fill("Surrogate-Key: one")
    memory = desk.learn()
    for _ in range(3):
        await desk.play.purge("two", mode=mode)
        assert desk.holds(memory)
    await desk.play.purge("one", mode=mode)
    assert not desk.holds(memory)


async def test_a_log_that_falls_silent_ends_it() -> None:
    desk = Desk(play=Play(ledger=Ledger(max_unverified=60.0)))
    desk.play.ledger.confirm(desk.play.clock.now())
    await desk.fill()
    memory = desk.learn()
    assert desk.holds(memory)
    desk.play.later(LEASE + 0.1)
    assert not desk.holds(memory)
    assert desk.learn() is None, "an answer that says so"


async def test_other_rules_end_it(desk: Desk) -> None:
    await desk.fill()
    memory = desk.learn()
    desk.play.under({"name": "default", "key": {"headers": ["X-Tenant"]}})
    assert not desk.holds(memory)


@pytest.mark.parametrize(
    "line", ["Cache-Control: max-age=50", "Pragma: other", "Range: bytes=0-0", "If-Match: *"]
)
async def test_what_time_or_a_part_decides_is_not_remembered(desk: Desk, line: str) -> None:
    await desk.fill(body=b"xyz")
    assert desk.learn(ask(line)) is None


async def test_what_hangs_on_the_peer_is_not_remembered(desk: Desk) -> None:
    await desk.fill("Vary: X-Forwarded-For")
    assert desk.learn() is None


async def test_what_is_keyed_by_the_peer_is_not_remembered(desk: Desk) -> None:
    """No line of the request tells: of a peer that is not trusted it is the address alone."""
    desk.play.under({"key": {"headers": ["X-Forwarded-For"]}})
    await desk.fill()
    assert desk.learn() is None


async def test_large_bodies_are_not_remembered(desk: Desk) -> None:
    await desk.fill(body=b"x" * LARGEST)
    assert desk.holds(desk.learn())
    desk.play.script(reply(200, "Cache-Control: max-age=60", body=b"x" * (LARGEST + 1)))
    await desk.play.get(target="/larger")
    assert desk.learn(ask(target="/larger")) is None


async def test_it_is_bounded_the_oldest_leave_first() -> None:
    desk = Desk(max_bytes=20_000)
    memories = []
    for number in range(40):
        request = ask(target=f"/{number}")
        await desk.fill(request=request)
        memories.append(desk.learn(request))
        assert desk.recall.stats.bytes <= 20_000
    held = [memory for memory in memories if memory is not None and memory.until]
    assert held == memories[-len(held) :]
    assert len(held) > 5


async def test_many_callers_of_one_target_are_bounded_too() -> None:
    desk = Desk(max_bytes=20_000)
    await desk.fill()
    for number in range(100):
        desk.learn(ask(f'If-None-Match: "{number}"'))
        assert desk.recall.stats.bytes <= 20_000
    assert desk.recall.stats.bytes > 0


async def test_so_many_of_one_target() -> None:
    desk = Desk(max_bytes=2**24)
    await desk.fill()
    memories = [desk.learn(ask(f'If-None-Match: "{n}"')) for n in range(MOST_OF_ONE + 10)]
    assert [m for m in memories if m is not None and m.until] == memories[-MOST_OF_ONE:]


async def test_so_many_of_what_lies_under_one_key() -> None:
    """However many targets the rule takes for one: what ends them ends them all at once."""
    desk = Desk(max_bytes=2**24)
    desk.play.under({"key": {"query": {"exclude": ["n"]}}})
    await desk.fill()
    memories = [desk.learn(ask(target=f"/thing?n={n}")) for n in range(MOST_OF_ONE + 10)]
    assert [m for m in memories if m is not None and m.until] == memories[-MOST_OF_ONE:]


LONG = tuple(f"X-Field-{number}: {'v' * 30}" for number in range(12))
"""Fields that an entry holds, and no memory."""


async def test_memories_take_no_more_than_is_accounted_for() -> None:
    desk, many = Desk(max_bytes=2**24), 400
    desk.play.under({"key": {"query": {"exclude": ["n"]}}})
    await desk.fill("Vary: X-One")
    desk.learn()
    asking = [ask(target=f"/thing?n={number}") for number in range(many)]
    for request in asking:  # who is on board is remembered elsewhere
        desk.play.corridor.visit(request)
    gc.collect()
    tracemalloc.start()
    try:
        for request in asking:
            desk.learn(request)
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert desk.recall.stats.answers == many + 1
    assert taken < desk.recall.stats.bytes


async def test_neither_do_those_of_many_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_tier, "AWAKE", 1)
    desk, many = Desk(max_bytes=2**24), 300
    for number in range(many):
        await desk.fill(*LONG, request=ask(target=f"/{number}"))
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(many):
            desk.learn(ask(target=f"/{number}"))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert desk.recall.stats.answers == many
    assert taken == pytest.approx(desk.recall.stats.bytes, rel=0.1)


async def test_no_old_rules_are_kept_for_what_nobody_asks_for_again(desk: Desk) -> None:
    await desk.fill()
    memory = desk.learn()
    old = id(desk.play.corridor.snapshot)
    desk.play.under({"name": "default"})
    await desk.fill(request=ask(target="/other"))
    assert desk.holds(desk.learn(ask(target="/other")))
    assert desk.recall.find(asked(ask())) is memory
    gc.collect()
    assert not any(id(each) == old and isinstance(each, Snapshot) for each in gc.get_objects())


async def test_what_was_found_valid_is_not_held_against_old_purges_again(desk: Desk) -> None:
    await desk.fill()
    memory = desk.learn()
    await desk.play.purge("two")
    assert desk.holds(memory)
    assert memory is not None
    assert memory.born == desk.play.ledger.position


async def test_what_is_remembered_anew_takes_the_place_of_the_old(desk: Desk) -> None:
    await desk.fill()
    first, before = desk.learn(), desk.recall.stats.bytes
    second = desk.learn()
    assert first is not second
    assert not desk.holds(first)
    assert desk.holds(second)
    assert desk.recall.stats.bytes == before


FIELDS = ("X-One", "X-Two", "Accept-Language", "Authorization", "Cookie", "Accept-Encoding")
RULES: tuple[dict[str, Any], ...] = (
    {},
    {"key": {"headers": ["X-One"]}},
    {"key": {"cookies": ["a"]}, "credentials": "key"},
    {"credentials": "share"},
    {"match": {"headers": {"X-Two": True}}, "ttl": "30s"},
    {"forward": ["X-One"]},
)

a_line = st.tuples(st.sampled_from(FIELDS), st.sampled_from(("a", "b", "a=1; b=2", "br", "gzip")))
a_request = st.builds(
    lambda lines, method, target: ask(
        *(f"{n}: {v}" for n, v in lines), method=method, target=target
    ),
    st.lists(a_line, max_size=3),
    st.sampled_from(("GET", "GET", "HEAD")),
    st.sampled_from(("/a", "/b?x=1")),
)
a_vary = st.lists(st.sampled_from((*FIELDS, "*")), max_size=2).map(", ".join)


@given(
    rules=st.lists(st.sampled_from(RULES), max_size=2),
    varies=st.lists(a_vary, min_size=1, max_size=4),
    requests=st.lists(a_request, min_size=2, max_size=14),
    public=st.booleans(),
)
async def test_whoever_is_recalled_to_would_be_told_the_same(
    rules: list[dict[str, Any]], varies: list[str], requests: list[Request], *, public: bool
) -> None:
    """Whatever came before: what is found for a request is what the corridor answers it."""
    desk = Desk()
    desk.play.under(*rules, {"name": "default"})
    shared = "public, " if public else ""
    said = iter(range(1_000_000))
    for request in requests * 2:
        memory = desk.recall.find(asked(request))
        holding = memory is not None and desk.holds(memory)
        try:
            visit = desk.play.corridor.visit(request)
        except RequestError:
            assert not holding
            continue
        answer = desk.play.corridor.answer_now(visit)
        if holding:
            assert memory is not None
            assert answer is not None
            assert (memory.body, memory.account) == (answer.body or b"", answer.account)
        if answer is not None:
            desk.recall.remember(asked(request), visit, answer, lambda: HEAD)
            continue
        number = next(said)
        vary = varies[number % len(varies)]
        body = b'{"number": %d}' % number * 200
        lines = (f"Cache-Control: {shared}max-age=60", "Content-Type: application/json")
        desk.play.script(reply(200, *lines, *([f"Vary: {vary}"] if vary else []), body=body))
        await desk.play.tell(request)
        await settle()
    await desk.play.end()


@pytest.mark.parametrize("model", [{"mode": {"verify": "1%"}}, {"mode": "shadow"}])
async def test_where_hits_are_sampled_or_none_are_given_nothing_is_remembered(
    desk: Desk, model: dict[str, Any]
) -> None:
    desk.play.clock.chance = 0.5
    desk.play.under(model)
    desk.play.script(reply(200, "Cache-Control: max-age=60"))
    await desk.play.get()
    await settle()
    assert desk.learn() is None


async def test_a_quarantine_ends_it(desk: Desk) -> None:
    await desk.fill()
    memory = desk.learn()
    (rule,) = desk.play.corridor.snapshot.ruleset.rules
    desk.play.corridor.quarantine.begin(rule, ("authorization",))
    assert not desk.holds(memory)
    assert desk.learn() is None
