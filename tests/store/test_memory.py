"""The memory tier: never above its bytes, and a scan cannot flush it."""

import gc
import random
import tracemalloc
from collections.abc import Iterable
from dataclasses import replace
from hashlib import blake2b

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proxy.engine.entry import Entry, another
from proxy.engine.naive import NaiveNear
from proxy.engine.purge import Born
from proxy.rules.labels import Labels
from proxy.store.memory import AWAKE, MemoryStore
from tests.engine.scripted import ask
from tests.policy.cases import at, stored

STORED = replace(stored("Cache-Control: max-age=60"), length=0)
BOUND = 60_000
GHOST = 112


def entry(size: int, body: bytes = b"x") -> Entry:
    return Entry(b"text", replace(STORED, length=size), body * size, Labels((), b""), Born(b"", 0))


def taken(*entries: Entry) -> int:
    """Return the bytes that a key with these entries takes."""
    memory = MemoryStore(2**30)
    memory.put(b"key", entries)
    return memory.bytes


def sized(cost: int) -> Entry:
    """Make an entry that takes `cost` bytes with its slot."""
    about = cost - taken(entry(0))
    made = entry(about + cost - taken(entry(about)))  # a number's own length depends on it
    assert taken(made) == cost
    return made


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
            assert all(any(e == one for one in rest) for e in found)

    @rule(digest=DIGESTS)
    def drop(self, digest: bytes) -> None:
        self.memory.drop(digest)
        self.naive.drop(digest)
        assert self.memory.get(digest) == ()

    @invariant()
    def within_bounds_and_true(self) -> None:
        held = [self.memory.get(b"%d" % number) for number in range(30)]
        ghosts = GHOST * len(self.memory._ghosts)  # noqa: SLF001 - nothing else tells
        assert self.memory.bytes == ghosts + sum(taken(*each) for each in held if each) <= BOUND
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
    memory = MemoryStore(42_000)
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
    one = sized(4_000)
    for bound, most in ((40_000, 40_000 / 16 / GHOST), (4_000_000, 1_000)):
        memory = MemoryStore(bound)
        for number in range(3_000):
            memory.put(b"%d" % number, (one,))
        ghosts = len(memory._ghosts)  # noqa: SLF001 - nothing else tells
        assert most * 0.8 < ghosts <= most
        assert memory.bytes == 4_000 * len(memory) + GHOST * ghosts <= bound


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


LINES = (
    "Cache-Control: public, max-age={}",
    'ETag: "{}"',
    "Content-Type: application/json; charset={}",
    "Last-Modified: " + at(-1000),
    "Date: " + at(0),
    "Server: example/{}",
    "X-Request-Id: {}",
    "Vary: Accept-Language",
)


def arrived(number: int, size: int) -> Entry:
    """Make an entry that shares nothing with another, as one from the wire would."""
    request = ask(f"Accept-Language: l{number}", target=f"/items/{number}")
    kept = stored(*(line.format(number) for line in LINES), request=request)
    labels = Labels((b"t%16d" % number, b"h%16d" % number), b"a.test/items/%d" % number)
    born, text = Born(b"e%d" % number, number), b"k" * 100 + b"%d" % number
    kept = replace(kept, length=size, response_time=number / 7)
    return Entry(text, kept, bytes(size), labels, born, id=another())


def put(memory: MemoryStore, numbers: Iterable[int], size: int, variants: int = 1) -> None:
    for number in numbers:
        entries = tuple(arrived(number, size) for _ in range(variants))
        memory.put(blake2b(b"%d" % number, digest_size=16).digest(), entries)


@pytest.mark.parametrize(
    ("size", "count", "variants"),
    [(200, 3_000, 1), (2_048, 2_000, 1), (100_000, 100, 1), (200, 600, 5)],
    ids=["200 B", "2 KiB", "100 KB", "five variants of 200 B"],
)
def test_the_bytes_it_tells_are_those_it_takes(size: int, count: int, variants: int) -> None:
    memory = MemoryStore(2**30)
    put(memory, range(count), size, variants)  # what is made once is no entry's cost
    gc.collect()
    told = memory.bytes
    tracemalloc.start()
    try:
        put(memory, range(count, 2 * count), size, variants)
        gc.collect()
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(memory) == 2 * count
    assert memory.bytes - told == pytest.approx(grown, rel=0.1)


def test_what_it_tells_counts_the_evicted_too() -> None:
    memory, one = MemoryStore(2_400_000), entry(200)
    gc.collect()
    tracemalloc.start()
    try:
        for number in range(4_000):
            memory.put(blake2b(b"%d" % number, digest_size=16).digest(), (one,))
        gc.collect()
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert memory.evictions > 400
    assert memory.bytes == pytest.approx(taken + 233 * len(memory), rel=0.1)  # all have one body


def test_what_was_asked_for_last_is_not_unpacked_anew() -> None:
    memory = MemoryStore(2**20)
    for number in range(AWAKE + 1):
        memory.put(b"%d" % number, (entry(1),))
    first = memory.get(b"0")
    for number in range(1, AWAKE):
        memory.get(b"%d" % number)
    assert memory.peek(b"0") is first
    memory.get(b"%d" % AWAKE)
    assert memory.peek(b"0") is not first
    assert memory.peek(b"0") == first
