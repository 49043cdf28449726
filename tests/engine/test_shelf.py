"""The shelf: what the ledger lets be seen and kept."""

from dataclasses import replace

from proxy.engine.entry import Entry
from proxy.engine.ledger import Ledger
from proxy.engine.ports import NaiveNear
from proxy.engine.shelf import Shelf
from proxy.rules.keys import Key
from tests.engine.scripted import ask
from tests.policy.cases import stored

KEY = Key(b"digest", b"text", b"uri")
OTHER = Key(b"digest", b"other text", b"other uri")


def entry(body: bytes = b"hello", key: Key = KEY, born: int = 0) -> Entry:
    kept = stored("Cache-Control: max-age=60", "Vary: X", request=ask(f"X: {body.decode()}"))
    return Entry(key.text, replace(kept, length=len(body)), body, (key.uri,), born)


def keep(shelf: Shelf, one: Entry, key: Key = KEY) -> bool:
    return shelf.keep(key, one, ask(f"X: {one.body.decode()}"), 9)


def test_what_is_kept_is_seen() -> None:
    shelf, one, two = Shelf(NaiveNear(), Ledger()), entry(b"one"), entry(b"two")
    assert keep(shelf, one)
    assert keep(shelf, two)
    assert shelf.variants(KEY) == (two, one)


def test_of_another_key_with_the_same_digest_nothing_is_seen() -> None:
    shelf = Shelf(NaiveNear(), Ledger())
    keep(shelf, entry())
    assert shelf.variants(OTHER) == ()
    other = entry(key=OTHER)
    keep(shelf, other, OTHER)
    assert shelf.variants(OTHER) == (other,)
    assert shelf.variants(KEY) == ()


def test_what_a_purge_has_overtaken_is_neither_seen_nor_kept() -> None:
    shelf = Shelf(NaiveNear(), Ledger())
    keep(shelf, entry(b"one"))
    shelf.ledger.purge([KEY.uri])
    assert shelf.variants(KEY) == ()
    assert not keep(shelf, entry(b"two"))
    assert keep(shelf, entry(b"three", born=1))
    assert [e.body for e in shelf.variants(KEY)] == [b"three"]


def test_an_entry_is_swapped_or_taken_away() -> None:
    shelf, one, two = Shelf(NaiveNear(), Ledger()), entry(b"one"), entry(b"two")
    keep(shelf, one)
    keep(shelf, two)
    newer = entry(b"new")
    shelf.swap(KEY, one, newer)
    assert shelf.variants(KEY) == (newer, two)
    shelf.swap(KEY, newer, None)
    assert shelf.variants(KEY) == (two,)
    shelf.swap(KEY, two, None)
    assert shelf.variants(KEY) == ()


def test_what_has_been_replaced_meanwhile_is_not_swapped() -> None:
    shelf, one = Shelf(NaiveNear(), Ledger()), entry(b"one")
    newer = entry(b"one")
    keep(shelf, one)
    keep(shelf, newer)
    shelf.swap(KEY, one, entry(b"late"))
    shelf.swap(KEY, one, None)
    assert shelf.variants(KEY) == (newer,)
