"""The memory tier: never above its bytes, and a scan cannot flush it."""

import random
from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.engine.entry import Entry
from proxy.engine.naive import NaiveNear
from proxy.engine.purge import Born
from proxy.rules.labels import Labels
from proxy.store.memory import MemoryStore
from tests.policy.cases import stored

STORED = stored("Cache-Control: max-age=60")
BOUND = 60_000
SLOT = 300


def entry(size: int, body: bytes = b"x") -> Entry:
    return Entry(b"text", replace(STORED, length=size), body * size, Labels((), b""), Born(b"", 0))


UNIT = entry(0).cost


def sized(cost: int) -> Entry:
    """Make an entry that takes `cost` bytes with its slot."""
    return entry(cost - UNIT - SLOT)


DIGESTS = st.sampled_from([b"%d" % number for number in range(30)])


class AgainstTheNaiveOne(RuleBasedStateMachine):
    """Whatever it still returns is what was put last; its bytes stay within the bound."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryStore(BOUND, 0.2)
        self.naive = NaiveNear()

    @rule(digest=DIGESTS, sizes=st.lists(st.integers(0, 12_000), max_size=3))
    def put(self, digest: bytes, sizes: list[int]) -> None:
        entries = tuple(entry(size) for size in sizes)
        self.memory.put(digest, entries)
        self.naive.put(digest, entries)

    @rule(digest=DIGESTS, times=st.integers(1, 4))
    def get(self, digest: bytes, times: int) -> None:
        for _ in range(times):
            found, last = self.memory.get(digest), self.naive.get(digest)
            rest = iter(last)
            assert all(any(e is one for one in rest) for e in found)

    @rule(digest=DIGESTS)
    def drop(self, digest: bytes) -> None:
        self.memory.drop(digest)
        self.naive.drop(digest)
        assert self.memory.get(digest) == ()

    @invariant()
    def within_bounds_and_true(self) -> None:
        held = [self.memory.get(b"%d" % number) for number in range(30)]
        taken = sum(SLOT + sum(e.cost for e in entries) for entries in held if entries)
        assert self.memory.bytes == taken <= BOUND
        assert len(self.memory) == sum(bool(entries) for entries in held)


AgainstTheNaiveOne.TestCase.settings = settings(max_examples=60, stateful_step_count=60)
TestAgainstTheNaiveOne = AgainstTheNaiveOne.TestCase


def test_a_scan_does_not_flush_what_is_hot() -> None:
    cost, slots = 4_000, 1_000
    memory = MemoryStore(cost * slots)
    chance = random.Random(5)  # noqa: S311 - a reproducible mix of requests
    hot = [b"hot %d" % number for number in range(slots // 2)]

    def ask(digest: bytes) -> bool:
        found = bool(memory.get(digest))
        if not found:
            memory.put(digest, (sized(cost),))
        return found

    for _ in range(4):
        for digest in hot:
            ask(digest)
    hits = []
    for number in range(slots * 10):
        ask(b"scan %d" % number)
        hits.append(ask(chance.choice(hot)))
    assert sum(hits) / len(hits) > 0.95
    assert memory.evictions > slots * 8
    assert memory.bytes <= cost * slots


def test_without_a_hit_the_oldest_newcomer_goes_first() -> None:
    memory = MemoryStore(10_000, 0.4)
    for number in range(4):
        memory.put(b"%d" % number, (sized(4_000),))
    assert [bool(memory.get(b"%d" % number)) for number in range(4)] == [False, False, True, True]
    assert memory.evictions == 2


def test_what_comes_back_soon_after_it_was_evicted_stays() -> None:
    memory = MemoryStore(40_000)
    memory.put(b"back", (sized(4_000),))
    for number in range(10):
        memory.put(b"scan %d" % number, (sized(4_000),))
    assert memory.get(b"back") == ()
    memory.put(b"back", (sized(4_000),))
    for number in range(10, 40):
        memory.put(b"scan %d" % number, (sized(4_000),))
    assert memory.get(b"back") != ()


def test_a_resident_nobody_asks_for_leaves_in_the_end() -> None:
    memory = MemoryStore(40_000)
    memory.put(b"once hot", (sized(4_000),))
    for _ in range(5):
        memory.get(b"once hot")
    for number in range(200):
        digest = b"new %d" % (number // 2 % 40)
        memory.put(digest, (sized(4_000),))
        memory.get(digest)
        memory.get(digest)
    assert memory.get(b"once hot") == ()


def test_of_the_residents_one_that_was_asked_for_stays_longer() -> None:
    memory = MemoryStore(40_000)
    digests = [b"%d" % number for number in range(20)]
    for digest in digests:  # the second half drives out the first
        memory.put(digest, (sized(4_000),))
    for digest in digests[:9]:  # which comes back to stay
        memory.put(digest, (sized(4_000),))
    assert memory.get(digests[0])
    memory.put(digests[9], (sized(4_000),))
    assert [bool(memory.get(digest)) for digest in digests[:10]] == [True, False] + [True] * 8


def test_no_key_takes_more_than_its_share() -> None:
    memory = MemoryStore(100_000, 0.1)
    memory.put(b"fits", (sized(10_000),))
    assert memory.get(b"fits") != ()
    memory.put(b"too large", (sized(10_001),))
    assert memory.get(b"too large") == ()


def test_a_key_that_outgrows_its_share_loses_what_it_had() -> None:
    memory = MemoryStore(100_000, 0.1)
    memory.put(b"key", (sized(5_000),))
    memory.put(b"key", (sized(10_001),))
    assert memory.get(b"key") == ()
    assert memory.bytes == 0


def test_of_many_variants_the_oldest_are_left_out() -> None:
    memory = MemoryStore(100_000, 0.1)
    variants = tuple(sized(4_000) for _ in range(4))
    memory.put(b"key", variants)
    assert memory.get(b"key") == variants[:2]
    assert memory.bytes <= 10_000


def test_the_memory_of_the_evicted_is_bounded() -> None:
    memory = MemoryStore(40_000)
    for number in range(3_000):
        memory.put(b"%d" % number, (sized(4_000),))
    assert len(memory._ghosts) == 1_000  # noqa: SLF001 - nothing else tells


def test_what_is_asked_for_more_is_hotter_and_to_look_is_no_request() -> None:
    memory = MemoryStore(40_000)
    for name, times in ((b"cold", 0), (b"warm", 1), (b"hot", 3)):
        memory.put(name, (sized(4_000),))
        for _ in range(times):
            memory.get(name)
    for _ in range(2):
        memory.peek(b"cold")
        heats = [memory.heat(name) for name in (b"unknown", b"cold", b"warm", b"hot")]
        assert heats == [0, 0, 2, 6]


def test_of_equals_the_resident_is_hotter() -> None:
    memory = MemoryStore(40_000)
    memory.put(b"back", (sized(4_000),))
    for number in range(10):
        memory.put(b"%d" % number, (sized(4_000),))
    memory.put(b"back", (sized(4_000),))
    assert memory.heat(b"back") > memory.heat(b"9") == 0
