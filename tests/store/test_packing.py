"""Packing: an entry comes back as it was, whatever it has, and its bodies are its own."""

from dataclasses import replace
from itertools import chain
from operator import is_

from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.entry import Entry
from proxy.http.ranges import ContentRange
from proxy.store.packing import pack, size, unpack
from tests.store.arbitrary import ENTRIES

MOST = 10**19 - 1
"""The largest number that a Content-Range is read with."""
PARTS = st.builds(
    ContentRange, st.integers(0, MOST), st.integers(0, MOST), st.none() | st.integers(0, MOST)
)


@given(entry=ENTRIES, part=st.none() | PARTS, minor=st.integers(0, 2**31))
def test_an_entry_comes_back_as_it_was(entry: Entry, part: ContentRange | None, minor: int) -> None:
    """Its place in a whole and what was purged here alone too, of which no other replica hears."""
    stored, born = replace(entry.stored, part=part), entry.born._replace(minor=minor)
    whole = replace(entry, stored=stored, born=born)
    (found,) = unpack(pack(whole))
    assert found == whole
    assert type(found.stored.lifetime.seconds) is type(whole.stored.lifetime.seconds)
    assert list(map(len, pack(found))) == list(map(len, pack(whole)))


@given(entries=st.lists(ENTRIES, max_size=3))
def test_several_lie_in_a_row(entries: list[Entry]) -> None:
    packed = [pack(entry) for entry in entries]
    assert unpack(tuple(chain.from_iterable(packed))) == tuple(entries)
    assert list(map(len, packed)) == list(map(size, entries))


@given(entry=ENTRIES)
def test_bodies_are_not_copied(entry: Entry) -> None:
    (found,) = unpack(pack(entry))
    assert found.body is entry.body
    assert all(map(is_, *([coded.body for coded in each.codings] for each in (found, entry))))
