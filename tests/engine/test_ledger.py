"""The ledger: an entry is valid as long as no tag of it was purged after it was born."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.ledger import Ledger

TAGS = st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f"])


def test_what_was_born_before_a_purge_of_its_tag_is_void() -> None:
    ledger = Ledger()
    before = ledger.sequence
    assert ledger.valid([b"a"], before)
    after = ledger.purge([b"a", b"b"])
    assert after == ledger.sequence == 1
    assert not ledger.valid([b"a"], before)
    assert not ledger.valid([b"c", b"b"], before)
    assert ledger.valid([b"c"], before)
    assert ledger.valid([], before)
    assert ledger.valid([b"a", b"b"], after)


def test_beyond_its_limit_it_forgets_tags_but_no_purge() -> None:
    ledger = Ledger(limit=4)
    born = ledger.sequence
    for number in range(5):
        ledger.purge([b"%d" % number])
    assert not ledger.valid([b"untouched"], born)
    assert not ledger.valid([b"untouched"], 1)
    assert ledger.valid([b"untouched"], 2)
    assert not ledger.valid([b"4"], 4)
    assert ledger.valid([b"0"], 2)


def test_a_tag_that_is_purged_again_counts_as_young() -> None:
    ledger = Ledger(limit=2)
    for tag in (b"a", b"b", b"a", b"c"):
        ledger.purge([tag])
    assert not ledger.valid([b"a"], 2)
    assert ledger.valid([b"a"], 3)


@given(
    purges=st.lists(st.lists(TAGS, max_size=4), max_size=12),
    tags=st.lists(TAGS, max_size=3),
    born=st.integers(0, 12),
    limit=st.integers(1, 6),
)
def test_it_never_says_valid_of_what_was_purged(
    purges: list[list[bytes]], tags: list[bytes], born: int, limit: int
) -> None:
    ledger = Ledger(limit)
    for purged in purges:
        ledger.purge(purged)
    void = any(set(purged) & set(tags) for purged in purges[born:])
    assert not (void and ledger.valid(tags, born))
    if sum(map(len, purges)) <= limit:
        assert ledger.valid(tags, born) is not void
    assert ledger.valid(tags, ledger.sequence)
