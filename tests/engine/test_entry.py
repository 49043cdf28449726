"""Entries: their cost, how parts join, and which variants stand together under one key."""

import gc
import tracemalloc
from dataclasses import replace

import pytest

from proxy.engine.entry import Entry, joined, with_entry
from proxy.engine.purge import Born
from proxy.rules.labels import TAG_OVERHEAD, Labels
from tests.engine.scripted import ask
from tests.policy.cases import at, stored

FRESH = "Cache-Control: max-age=60"
TAGGED = (FRESH, 'ETag: "1"')
LABELS = Labels((b"*", b"tone"), b"api.test/thing")
BORN = Born(b"epoch", 7)


def entry(*lines: str, body: bytes = b"hello", status: int = 200, asked: str = "X: 1") -> Entry:
    kept = stored(*(lines or (FRESH,)), status=status, request=ask(asked))
    return Entry(b"key", replace(kept, length=len(body)), body, LABELS, BORN)


def part(first: int, body: bytes, *lines: str, size: str = "10") -> Entry:
    place = f"Content-Range: bytes {first}-{first + len(body) - 1}/{size}"
    return entry(*(lines or TAGGED), place, body=body, status=206)


JOINING = {
    "9111-3.4-behind": (part(0, b"01234"), part(5, b"567"), (0, b"01234567")),
    "9111-3.4-before": (part(5, b"567"), part(0, b"01234"), (0, b"01234567")),
    "9111-3.4-overlapping-the-newer-wins": (part(0, b"01234"), part(3, b"XYZ"), (0, b"012XYZ")),
    "9111-3.4-within": (part(0, b"01234"), part(1, b"X"), (0, b"0X234")),
}


@pytest.mark.parametrize(("old", "new", "expected"), JOINING.values(), ids=list(JOINING))
def test_parts_join(old: Entry, new: Entry, expected: tuple[int, bytes]) -> None:
    both = joined(old, new)
    assert both is not None
    assert both.stored.part is not None
    assert (both.stored.part.first, both.body) == expected
    assert both.stored.length == both.stored.part.length == len(both.body)
    assert both.stored.status == 206


def test_9111_3_4_parts_that_leave_nothing_out_are_a_whole() -> None:
    both = joined(part(5, b"56789"), part(0, b"01234"))
    assert both is not None
    assert (both.body, both.stored.status, both.stored.part) == (b"0123456789", 200, None)
    assert b"content-range" not in both.stored.fields


APART = {
    "9110-15.3.7.3-gap": (part(0, b"012"), part(4, b"4")),
    "9110-15.3.7.3-no-tag": (part(0, b"0", FRESH), part(1, b"1", FRESH)),
    "9110-15.3.7.3-weak-tag": (
        part(0, b"0", FRESH, 'ETag: W/"1"'),
        part(1, b"1", FRESH, 'ETag: W/"1"'),
    ),
    "9110-15.3.7.3-another-tag": (part(0, b"0"), part(1, b"1", FRESH, 'ETag: "2"')),
    "9110-15.3.7.3-another-size": (part(0, b"0"), part(1, b"1", size="11")),
    "9110-15.3.7.3-unknown-size": (part(0, b"0", size="*"), part(1, b"1", size="*")),
    "a-whole": (entry(*TAGGED), part(1, b"1")),
}


@pytest.mark.parametrize(("old", "new"), APART.values(), ids=list(APART))
def test_parts_that_do_not_join(old: Entry, new: Entry) -> None:
    assert joined(old, new) is None


VARIED = (FRESH, "Vary: X")


def test_9111_4_1_the_newcomer_takes_the_place_of_what_would_match() -> None:
    one, two = entry(*VARIED, asked="X: 1"), entry(*VARIED, asked="X: 2")
    newer = entry(*VARIED, asked="X: 1", body=b"newer")
    assert with_entry((one, two), newer, ask("X: 1"), 9) == (newer, two)
    assert with_entry((), newer, ask("X: 1"), 9) == (newer,)


def test_no_more_stay_than_allowed() -> None:
    held: tuple[Entry, ...] = ()
    entries = [entry(*VARIED, asked=f"X: {n}") for n in range(4)]
    for number, newer in enumerate(entries):
        held = with_entry(held, newer, ask(f"X: {number}"), 2)
    assert held == (entries[3], entries[2])


def test_a_part_never_displaces_a_whole() -> None:
    whole, some = entry(*TAGGED), part(0, b"0")
    assert with_entry((whole,), some, ask(), 9) == (some, whole)


def test_a_part_takes_the_place_of_one_it_does_not_join() -> None:
    old, new = part(0, b"0"), part(5, b"5")
    assert with_entry((old,), new, ask(), 9) == (new,)


def test_joined_parts_that_are_whole_take_the_place_of_all() -> None:
    whole, old = entry(*TAGGED), part(0, b"01234")
    (only,) = with_entry((whole, old), part(5, b"56789"), ask(), 9)
    assert (only.body, only.stored.part) == (b"0123456789", None)


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


def build(number: int) -> Entry:
    """Make an entry that shares nothing with another, as one from the wire would."""
    request = ask(f"Accept-Language: l{number}", target=f"/items/{number}")
    kept = stored(*(line.format(number) for line in LINES), request=request)
    body = number.to_bytes(4, "big") * 512
    labels = Labels((b"t%16d" % number, b"h%16d" % number), b"a.test/items/%d" % number)
    text = b"k" * 100 + b"%d" % number
    return Entry(text, replace(kept, length=2048), body, labels, Born(b"e%d" % number, number))


def test_the_cost_is_the_memory_it_takes() -> None:
    build(1)  # what is made once is not an entry's cost
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    entries = [build(number) for number in range(2, 2_002)]
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    counted = sum(e.cost for e in entries)
    assert counted == pytest.approx(after - before, rel=0.4)


def test_what_a_client_sent_costs_as_much_as_what_is_kept_of_the_answer() -> None:
    short, long = (entry(FRESH, "Vary: X", asked=f"X: {'x' * size}") for size in (1, 10_001))
    assert long.cost - short.cost == 10_000


def test_what_an_upstream_calls_an_answer_costs_too() -> None:
    short, long = (
        replace(entry(), labels=LABELS.plus(b"t%4d" % number for number in range(count)))
        for count in (0, 100)
    )
    assert long.cost - short.cost == 100 * (5 + TAG_OVERHEAD)


def test_labels_are_each_there_once() -> None:
    assert LABELS.plus([b"tone", b"ttwo", b"ttwo"]).tags == (b"*", b"tone", b"ttwo")
