"""The ledger: what was purged after it was born is never valid, whatever was lost meanwhile.

Each guard of the ledger, and what fails without it:

- fast path                      test_what_is_born_here_and_now_is_not_looked_into
- epoch of a birth               test_what_another_log_knew_counts_for_nothing
- watermark                      test_beyond_its_limit_it_forgets_tags_but_no_purge
- watermark of a rebase          test_before_a_rebase_nothing_is_known
- hard before soft               test_a_hard_purge_is_not_undone_by_a_soft_one
- a tag purged again is young    test_a_tag_that_is_purged_again_counts_as_young
- a pattern purged again too     test_a_pattern_that_is_purged_again_counts_as_young
- patterns end at the birth      test_a_pattern_meets_what_is_older_than_it
- patterns limited               test_of_patterns_too_it_forgets_the_oldest
- minor, and its end             test_what_is_applied_alone_holds_here
- minor in the watermark         test_what_was_applied_alone_and_forgotten_is_not_known
- births further on in the log   test_what_others_fetched_further_on_is_older_than_what_is_alone
- next sequence                  test_only_the_next_record_is_applied[gap, again]
- chain of nonces                test_only_the_next_record_is_applied[broken-chain]
- no way back in an epoch        test_a_log_that_goes_back_in_its_epoch_is_refused
- epoch of the facts             test_facts_judge[epoch-of-facts, epoch-of-birth]
- floor of the facts             test_facts_judge[below-the-floor-of-the-log]
- hard facts, soft facts         test_facts_judge[hard, soft]
- what is known here of tags     test_facts_judge[applied-since, soft-applied-since]
- facts older than the watermark test_facts_that_are_older_than_what_is_known_here_judge_nothing
- as good as the lesser place    test_facts_judge[log-is-further, log-is-behind]
- floor of the ledger, patterns  test_what_no_log_could_tell_is_not_verified[pattern]
- floor of the ledger, alone     test_what_no_log_could_tell_is_not_verified[alone]
- patterns given at a rebase     test_before_a_rebase_patterns_are_known
- clearing at a rebase           test_a_rebase_forgets_what_another_log_said
- lease, max_unverified          test_trust
- confirmations in any order     test_an_older_confirmation_takes_nothing_back
- watchers                       test_watchers_hear_of_everything
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.engine.ledger import LEASE, Ledger, Standing, Trust
from proxy.engine.purge import Born, Facts, Mode, Purge, Record
from proxy.rules import patterns
from proxy.rules.labels import Labels

EPOCH: Final = b"epoch"
VALID, SOFTENED, PURGED, UNKNOWN = Standing
HARD, SOFT = Mode.HARD, Mode.SOFT


def labels(*tags: bytes, location: bytes = b"a.test/x/1") -> Labels:
    return Labels(tags, location)


def tags(*names: bytes, mode: Mode = HARD) -> Purge:
    return Purge(names, mode=mode)


def prefix(text: bytes, mode: Mode = HARD) -> Purge:
    return Purge(patterns=(patterns.prefix(text),), mode=mode)


def lone(*purges: Purge, tag_limit: int = 99, pattern_limit: int = 99) -> Ledger:
    """Make a ledger that is the log itself; the n-th purge is accepted at the time n."""
    ledger = Ledger(EPOCH, tag_limit=tag_limit, pattern_limit=pattern_limit)
    for number, purge in enumerate(purges, 1):
        assert ledger.purge(purge, float(number)) == number
    return ledger


def born(sequence: int, minor: int = 0, epoch: bytes = EPOCH) -> Born:
    return Born(epoch, sequence, minor)


def record(sequence: int, purge: Purge) -> Record:
    """Make a record whose nonce tells its number; it is accepted at the time of its number."""
    return Record(sequence, b"%d" % sequence, b"%d" % (sequence - 1), purge, float(sequence))


def copy(sequence: int = 0, *purges: Purge, tag_limit: int = 99, pattern_limit: int = 99) -> Ledger:
    """Make a copy of a log that it knows from `sequence` on."""
    ledger = Ledger(tag_limit=tag_limit, pattern_limit=pattern_limit, max_unverified=0.0)
    ledger.rebase(EPOCH, sequence, b"%d" % sequence)
    for purge in purges:
        assert ledger.apply(record(ledger.sequence + 1, purge))
    return ledger


# Tags


def test_what_was_born_before_a_purge_of_its_tag_is_void() -> None:
    ledger = lone()
    before = ledger.position
    assert ledger.standing(labels(b"a"), before) is VALID
    ledger.purge(tags(b"a", b"b"), 0.0)
    assert ledger.position == born(1)
    assert ledger.standing(labels(b"a"), before) is PURGED
    assert ledger.standing(labels(b"c", b"b"), before) is PURGED
    assert ledger.standing(labels(b"c"), before) is VALID
    assert ledger.standing(labels(), before) is VALID
    assert ledger.standing(labels(b"a", b"b"), ledger.position) is VALID


def test_what_is_born_here_and_now_is_not_looked_into() -> None:
    ledger = lone(tags(b"a"), prefix(b"/"))
    ledger.apply_alone(tags(b"a"), 3.0)
    assert ledger.standing(labels(b"a"), ledger.position) is VALID
    assert ledger.purge(tags(b"a"), 4.0) == 3
    assert ledger.position == born(3)


def test_what_another_log_knew_counts_for_nothing() -> None:
    ledger = lone(tags(b"a"))
    assert ledger.standing(labels(b"b"), born(1, epoch=b"other")) is PURGED
    assert ledger.standing(labels(b"b"), born(0, epoch=b"other")) is PURGED


def test_a_tag_that_is_purged_again_counts_as_young() -> None:
    ledger = lone(tags(b"a"), tags(b"b"), tags(b"a"), tags(b"c"), tag_limit=2)
    assert ledger.standing(labels(b"a"), born(2)) is PURGED
    assert ledger.standing(labels(b"a"), born(3)) is VALID


def test_beyond_its_limit_it_forgets_tags_but_no_purge() -> None:
    ledger = lone(*(tags(b"%d" % number) for number in range(1, 6)), tag_limit=4)
    assert ledger.standing(labels(b"untouched"), born(0)) is UNKNOWN
    assert ledger.standing(labels(b"1"), born(0)) is UNKNOWN
    assert ledger.standing(labels(b"untouched"), born(1)) is VALID
    assert ledger.standing(labels(b"2"), born(1)) is PURGED


def test_soft_purges_are_forgotten_as_well() -> None:
    ledger = lone(*(tags(b"%d" % number, mode=SOFT) for number in range(1, 6)), tag_limit=4)
    assert ledger.standing(labels(b"1"), born(0)) is UNKNOWN
    assert ledger.standing(labels(b"2"), born(1)) is SOFTENED


def test_much_is_forgotten_at_a_time_so_that_it_costs_little() -> None:
    ledger = lone(*(tags(b"%d" % number) for number in range(1, 66)), tag_limit=64)
    assert ledger.standing(labels(), born(8)) is UNKNOWN
    assert ledger.standing(labels(), born(9)) is VALID


# Soft and hard


@pytest.mark.parametrize("mode", [Mode.SOFT, Mode.REFRESH])
def test_a_soft_purge_leaves_what_is_stale(mode: Mode) -> None:
    ledger = lone(tags(b"a", mode=mode))
    assert ledger.standing(labels(b"a"), born(0)) is SOFTENED
    assert ledger.standing(labels(b"a"), born(1)) is VALID


def test_a_hard_purge_is_not_undone_by_a_soft_one() -> None:
    ledger = lone(tags(b"a"), tags(b"a", mode=SOFT), prefix(b"/x", SOFT))
    assert ledger.standing(labels(b"a"), born(0)) is PURGED
    assert ledger.standing(labels(b"a"), born(1)) is SOFTENED


def test_it_is_stale_since_the_first_soft_purge_that_met_it() -> None:
    soft = (tags(b"a", mode=SOFT), prefix(b"/x", SOFT), tags(b"b", mode=SOFT), tags(b"c"))
    ledger = lone(*soft)
    times = [ledger.softened_at(labels(b"a", b"b"), born(birth)) for birth in range(3)]
    assert times == [1.0, 2.0, 3.0]
    assert ledger.softened_at(labels(b"a", location=b"a.test/y"), born(0)) == 1.0


def test_of_a_tag_that_was_purged_twice_the_last_time_is_known() -> None:
    ledger = lone(tags(b"a", mode=SOFT), tags(b"a", mode=SOFT))
    assert [ledger.softened_at(labels(b"a"), born(birth)) for birth in (0, 1)] == [2.0, 2.0]


def test_what_the_log_softened_is_stale_since_the_time_it_tells() -> None:
    ledger, facts = copy(5), Facts(EPOCH, 5, soft=3, soft_at=3.5)
    assert ledger.softened_at(labels(b"a"), born(1), facts) == 3.5
    assert ledger.apply(record(6, tags(b"a", mode=SOFT)))
    assert ledger.softened_at(labels(b"a"), born(1), facts) == 3.5
    assert ledger.softened_at(labels(b"a"), born(3), facts) == 6.0


# Patterns


def test_a_pattern_meets_what_is_older_than_it() -> None:
    ledger = lone(tags(b"a"), prefix(b"/x"), tags(b"a"))
    here, there = labels(b"b"), labels(b"b", location=b"a.test/y")
    assert ledger.standing(here, born(1)) is PURGED
    assert ledger.standing(here, born(2)) is VALID
    assert ledger.standing(there, born(1)) is VALID


def test_a_soft_pattern_behind_a_hard_one_hides_nothing() -> None:
    ledger = lone(prefix(b"/x"), prefix(b"/x", SOFT))
    assert [ledger.standing(labels(), born(birth)) for birth in (0, 1)] == [PURGED, SOFTENED]


def test_of_patterns_too_it_forgets_the_oldest() -> None:
    ledger = lone(*(prefix(b"/%d" % number) for number in range(1, 6)), pattern_limit=4)
    assert ledger.standing(labels(), born(0)) is UNKNOWN
    assert ledger.standing(labels(), born(1)) is VALID
    assert ledger.standing(labels(location=b"a.test/2"), born(1)) is PURGED


def test_a_pattern_that_is_purged_again_counts_as_young() -> None:
    ledger = lone(prefix(b"/x"), prefix(b"/y"), prefix(b"/x"), prefix(b"/z"), pattern_limit=3)
    assert ledger.standing(labels(location=b"a.test/w"), born(0)) is VALID, "nothing is forgotten"
    assert ledger.standing(labels(), born(2)) is PURGED
    assert ledger.standing(labels(), born(3)) is VALID


# Alone


def test_what_is_applied_alone_holds_here() -> None:
    ledger = copy(0, tags(b"a"))
    before = ledger.position
    ledger.apply_alone(tags(b"a", mode=SOFT), 1.5)
    between = ledger.position
    ledger.apply_alone(tags(b"b"), 1.6)
    assert (before, between, ledger.position) == (born(1), born(1, 1), born(1, 2))
    assert ledger.standing(labels(b"a"), before) is SOFTENED
    assert ledger.softened_at(labels(b"a"), before) == 1.5
    assert ledger.standing(labels(b"a"), between) is VALID
    assert ledger.standing(labels(b"b"), between) is PURGED
    assert ledger.standing(labels(b"b"), ledger.position) is VALID
    assert ledger.apply(record(2, tags(b"c")))
    assert ledger.position == born(2)
    assert ledger.standing(labels(b"b"), between) is PURGED


def test_what_others_fetched_further_on_is_older_than_what_is_alone() -> None:
    ledger = copy(3)
    assert ledger.standing(labels(b"a"), born(7)) is VALID
    ledger.apply_alone(tags(b"a"), 0.0)
    ledger.apply_alone(prefix(b"/y", SOFT), 1.0)
    assert ledger.standing(labels(b"a"), born(7)) is PURGED
    assert ledger.standing(labels(b"b"), born(7)) is VALID
    assert ledger.standing(labels(b"b", location=b"a.test/y"), born(7)) is SOFTENED
    assert ledger.softened_at(labels(b"b", location=b"a.test/y"), born(7)) == 1.0


def test_what_was_applied_alone_and_forgotten_is_not_known() -> None:
    ledger = copy(3, tag_limit=1)
    early, other = ledger.position, born(7)
    ledger.apply_alone(tags(b"a"), 0.0)
    ledger.apply_alone(tags(b"b"), 0.0)
    assert ledger.standing(labels(b"a"), early) is UNKNOWN
    assert ledger.standing(labels(b"a"), other) is UNKNOWN
    assert ledger.standing(labels(b"a"), ledger.position) is VALID
    assert ledger.apply(record(4, tags(b"c")))
    assert ledger.standing(labels(b"a"), ledger.position) is VALID


# The log and its copies

NOT_NEXT: Final = {
    "gap": record(3, tags(b"b")),
    "again": record(1, tags(b"a")),
    "broken-chain": replace(record(2, tags(b"b")), prior=b"other"),
}


@pytest.mark.parametrize("wrong", NOT_NEXT.values(), ids=list(NOT_NEXT))
def test_only_the_next_record_is_applied(wrong: Record) -> None:
    ledger = copy(0, tags(b"a"))
    heard: list[Purge] = []
    ledger.watch(heard.append)
    assert not ledger.apply(replace(wrong, prior=wrong.prior if wrong.sequence == 2 else b"1"))
    assert (ledger.position, ledger.nonce, heard) == (born(1), b"1", [])
    assert ledger.standing(labels(b"b"), born(0)) is VALID
    assert ledger.apply(record(2, tags(b"b")))
    assert (ledger.position, ledger.nonce) == (born(2), b"2")
    assert ledger.standing(labels(b"b"), born(0)) is PURGED


def test_before_a_rebase_nothing_is_known() -> None:
    ledger = copy(0, tags(b"a"))
    ledger.rebase(EPOCH, 5, b"5")
    assert ledger.position == born(5)
    assert [ledger.standing(labels(b"b"), born(birth)) for birth in (1, 4)] == [UNKNOWN] * 2
    assert ledger.standing(labels(b"b"), born(5)) is VALID
    assert ledger.apply(record(6, tags(b"a")))
    assert ledger.standing(labels(b"a"), born(5)) is PURGED
    assert ledger.standing(labels(b"b"), born(5)) is VALID


def test_a_rebase_forgets_what_another_log_said() -> None:
    ledger = copy(0, tags(b"a"), tags(b"b", mode=SOFT), prefix(b"/x"))
    ledger.apply_alone(tags(b"c"), 0.0)
    ledger.rebase(b"other", 0, b"")
    assert ledger.position == born(0, epoch=b"other")
    assert ledger.standing(labels(b"a", b"b", b"c"), born(9, epoch=b"other")) is VALID
    assert ledger.standing(labels(b"z"), born(3)) is PURGED


def test_before_a_rebase_patterns_are_known() -> None:
    ledger, facts = copy(0), Facts(EPOCH, 9)
    told = [record(2, prefix(b"/x")), record(4, prefix(b"/y", SOFT))]
    ledger.rebase(EPOCH, 9, b"9", told)
    assert ledger.standing(labels(b"a"), born(1)) is UNKNOWN
    assert ledger.verified(labels(b"a"), born(1), facts) == (PURGED, born(1))
    assert ledger.verified(labels(b"a"), born(2), facts) == (VALID, born(9))
    below = labels(b"a", location=b"a.test/y")
    assert ledger.verified(below, born(2), facts) == (SOFTENED, born(9))
    assert ledger.softened_at(below, born(2), facts) == 4.0


BACKWARDS: Final = {"back": (3, b"3"), "another-record": (4, b"other")}


@pytest.mark.parametrize(("sequence", "nonce"), BACKWARDS.values(), ids=list(BACKWARDS))
def test_a_log_that_goes_back_in_its_epoch_is_refused(sequence: int, nonce: bytes) -> None:
    ledger = copy(3, tags(b"a"))
    with pytest.raises(ValueError, match="another epoch"):
        ledger.rebase(EPOCH, sequence, nonce)
    assert (ledger.position, ledger.nonce) == (born(4), b"4")
    assert ledger.standing(labels(b"a"), born(3)) is PURGED
    ledger.rebase(EPOCH, 4, b"4")
    assert ledger.standing(labels(b"b"), born(3)) is UNKNOWN
    ledger.rebase(b"other", sequence, nonce)
    assert ledger.position == born(sequence, epoch=b"other")


# Facts: a ledger that knows the log from 5 to 7, in which tag b was purged last, softly before

KNOWN: Final = (tags(b"b", mode=SOFT), tags(b"c"))
JUDGED: Final = {
    "nothing": (Facts(EPOCH, 7), b"a", born(2), (VALID, born(7))),
    "hard": (Facts(EPOCH, 7, hard=3), b"a", born(2), (PURGED, born(2))),
    "hard-before-birth": (Facts(EPOCH, 7, hard=2), b"a", born(2), (VALID, born(7))),
    "soft": (Facts(EPOCH, 7, soft=3), b"a", born(2), (SOFTENED, born(7))),
    "soft-before-birth": (Facts(EPOCH, 7, soft=2), b"a", born(2), (VALID, born(7))),
    "soft-and-hard": (Facts(EPOCH, 7, hard=3, soft=4), b"a", born(2), (PURGED, born(2))),
    "epoch-of-facts": (Facts(b"other", 7), b"a", born(2), (PURGED, born(2))),
    "epoch-of-birth": (
        Facts(EPOCH, 7),
        b"a",
        born(2, epoch=b"other"),
        (PURGED, born(2, epoch=b"other")),
    ),
    "below-the-floor-of-the-log": (Facts(EPOCH, 7, floor=3), b"a", born(2), (PURGED, born(2))),
    "at-the-floor-of-the-log": (Facts(EPOCH, 7, floor=2), b"a", born(2), (VALID, born(7))),
    "log-is-further": (Facts(EPOCH, 9), b"a", born(2), (VALID, born(7))),
    "log-is-behind": (Facts(EPOCH, 6), b"a", born(2), (VALID, born(6))),
    "applied-since": (Facts(EPOCH, 5), b"c", born(2), (PURGED, born(2))),
    "soft-applied-since": (Facts(EPOCH, 5), b"b", born(2), (SOFTENED, born(5))),
}


@pytest.mark.parametrize(("facts", "tag", "birth", "expected"), JUDGED.values(), ids=list(JUDGED))
def test_facts_judge(
    facts: Facts, tag: bytes, birth: Born, expected: tuple[Standing, Born]
) -> None:
    ledger = copy(5, *KNOWN)
    assert ledger.standing(labels(tag), birth) in {UNKNOWN, PURGED}
    assert ledger.verified(labels(tag), birth, facts) == expected


def test_facts_that_are_older_than_what_is_known_here_judge_nothing() -> None:
    ledger = copy(5, *KNOWN)
    assert ledger.verified(labels(b"a"), born(2), Facts(EPOCH, 4)) == (PURGED, born(2))


def test_what_is_applied_alone_counts_beside_the_facts() -> None:
    ledger = copy(5)
    ledger.apply_alone(tags(b"a"), 5.5)
    assert ledger.apply(record(6, tags(b"b")))
    assert ledger.verified(labels(b"a"), born(2), Facts(EPOCH, 6)) == (PURGED, born(2))


LOST: Final = {"pattern": prefix(b"/x"), "alone": tags(b"a")}


@pytest.mark.parametrize("name", LOST)
def test_what_no_log_could_tell_is_not_verified(name: str) -> None:
    ledger = copy(5, tag_limit=1, pattern_limit=1)
    if name == "alone":
        ledger.apply_alone(tags(b"a"), 5.5)
        ledger.apply_alone(tags(b"b"), 5.5)
        assert ledger.apply(record(6, tags(b"b")))
    else:
        assert ledger.apply(record(6, prefix(b"/x")))
        assert ledger.apply(record(7, prefix(b"/y")))
    facts = Facts(EPOCH, ledger.sequence)
    assert ledger.standing(labels(b"a"), born(2)) is UNKNOWN
    assert ledger.verified(labels(b"a"), born(2), facts) == (PURGED, born(2))


def test_tags_that_are_forgotten_here_the_log_still_knows() -> None:
    ledger = copy(5, tags(b"a"), tags(b"b"), tag_limit=1)
    assert ledger.standing(labels(b"z"), born(5)) is UNKNOWN
    assert ledger.verified(labels(b"z"), born(5), Facts(EPOCH, 7)) == (VALID, born(7))


# Trust

TRUST: Final = {
    "alone": (None, LEASE + 1e9, Trust.CONFIRMED),
    "strict-within-the-lease": (0.0, LEASE, Trust.CONFIRMED),
    "strict-after-it": (0.0, LEASE + 0.001, Trust.LAPSED),
    "within-the-lease": (30.0, LEASE, Trust.CONFIRMED),
    "after-it": (30.0, LEASE + 0.001, Trust.UNCONFIRMED),
    "unverified-to-the-end": (30.0, LEASE + 30.0, Trust.UNCONFIRMED),
    "unverified-for-too-long": (30.0, LEASE + 30.001, Trust.LAPSED),
}


@pytest.mark.parametrize(("bound", "after", "expected"), TRUST.values(), ids=list(TRUST))
def test_trust(bound: float | None, after: float, expected: Trust) -> None:
    ledger = Ledger(max_unverified=bound)
    ledger.confirm(1_000_000.0)
    assert ledger.trust(1_000_000.0 + after) is expected
    assert ledger.lag(1_000_000.0 + after) == (0.0 if bound is None else pytest.approx(after))
    assert ledger.lag(0.0) == 0.0


def test_what_was_never_confirmed_is_not_trusted() -> None:
    assert Ledger(max_unverified=30.0).trust(1_000_000.0) is Trust.LAPSED


def test_an_older_confirmation_takes_nothing_back() -> None:
    ledger = Ledger(max_unverified=0.0)
    ledger.confirm(100.0)
    ledger.confirm(90.0)
    assert ledger.trust(100.0 + LEASE) is Trust.CONFIRMED


def test_watchers_hear_of_everything() -> None:
    heard: list[tuple[int, Purge]] = []
    ledger = lone()
    for number in (1, 2):
        ledger.watch(lambda purge, number=number: heard.append((number, purge)))  # type: ignore[misc]  # a default binds it
    said = [tags(b"a"), prefix(b"/x", SOFT), tags(b"b", mode=Mode.REFRESH)]
    ledger.purge(said[0], 0.0)
    assert ledger.apply(Record(2, b"2", ledger.nonce, said[1]))
    ledger.apply_alone(said[2], 0.0)
    ledger.rebase(b"other", 0, b"", [record(1, prefix(b"/y"))])
    assert heard == [(number, purge) for purge in (*said, Purge()) for number in (1, 2)]


# Whatever happens

TAGS: Final = st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=2, unique=True).map(tuple)
PLACES: Final = [b"a.test/x/1", b"a.test/y/1"]
PATTERNS: Final = st.lists(
    st.sampled_from([patterns.prefix(b"/x"), patterns.prefix(b"/y"), patterns.prefix(b"/z")]),
    max_size=1,
).map(tuple)
PURGES: Final = st.builds(Purge, TAGS, PATTERNS, st.sampled_from(Mode))
LABELS: Final = st.builds(Labels, TAGS, st.sampled_from(PLACES))


def meets(purge: Purge, its: Labels) -> bool:
    """Tell whether a purge is meant for an answer, in the plainest way."""
    located = any(patterns.matches(pattern, its.location) for pattern in purge.patterns)
    return located or not set(purge.tags).isdisjoint(its.tags)


@given(purges=st.lists(PURGES, max_size=12), its=LABELS, birth=st.integers(0, 12))
def test_while_nothing_is_forgotten_it_is_exact(
    purges: list[Purge], its: Labels, birth: int
) -> None:
    birth = min(birth, len(purges))
    modes = {purge.mode for purge in purges[birth:] if meets(purge, its)}
    expected = PURGED if HARD in modes else SOFTENED if modes else VALID
    for ledger in (lone(*purges), copy(0, *purges)):
        assert ledger.standing(its, born(birth)) is expected
    # and so is whoever came late, once the log has been asked
    late = copy(0)
    known = [record(number, purge) for number, purge in enumerate(purges, 1)]
    late.rebase(EPOCH, len(purges) + 1, b"", known)
    fleet = Fleet(records=known)
    found, _ = late.verified(its, born(birth), fleet.facts(its, len(purges) + 1))
    assert found is expected


@dataclass
class Kept:
    """An answer: its place in the log, and when its fetch began in the order of all events."""

    its: Labels
    born: Born
    departed: int


@dataclass
class Fleet:
    """A log with two readers: a ledger that may be late, cut off or forgetful, and the others.

    Time is a count of events. `accepted` has every purge of which this replica has heard, with
    when it was accepted; `untold` what it applied alone, with its place in the log once it is told.
    """

    ledger: Ledger = field(default_factory=Ledger)
    records: list[Record] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    floor: int = 0
    epoch: bytes = EPOCH
    now: int = 0
    accepted: list[tuple[int, Purge]] = field(default_factory=list)
    untold: list[tuple[Purge, int | None]] = field(default_factory=list)
    kept: list[Kept] = field(default_factory=list)

    def facts(self, its: Labels, sequence: int) -> Facts:
        """Tell what the log does of some tags, without what lies below its floor."""
        met = [
            (each.sequence, each.purge.mode is HARD)
            for each in self.records[:sequence]
            if each.sequence > self.floor and not set(each.purge.tags).isdisjoint(its.tags)
        ]
        hard = max((number for number, is_hard in met if is_hard), default=0)
        soft = max((number for number, is_hard in met if not is_hard), default=0)
        return Facts(self.epoch, sequence, self.floor, hard, soft, float(soft))

    # What can happen

    def publish(self, purge: Purge) -> None:
        prior = self.records[-1].nonce if self.records else b""
        number = len(self.records) + 1
        self.records.append(Record(number, b"%d" % number, prior, purge, float(self.now)))
        self.times.append(self.now)

    def apply_alone(self, purge: Purge) -> None:
        self.ledger.apply_alone(purge, float(self.now))
        self.accepted.append((self.now, purge))
        self.untold.append((purge, None))

    def tell(self) -> None:
        for number, (purge, place) in enumerate(self.untold):
            if place is None:
                self.publish(purge)
                self.untold[number] = (purge, len(self.records))

    def catch_up(self, count: int) -> None:
        if self.ledger.epoch != self.epoch:
            return self.rebase()
        for each in self.records[self.ledger.sequence :][:count]:
            assert self.ledger.apply(each)
            self.accepted.append((self.times[each.sequence - 1], each.purge))
        return self.settle()

    def rebase(self) -> None:
        heard = zip(self.times, self.records, strict=True)
        self.accepted += [(time, each.purge) for time, each in heard]
        nonce = self.records[-1].nonce if self.records else b""
        known = [each for each in self.records if each.purge.patterns]
        self.ledger.rebase(self.epoch, len(self.records), nonce, known)
        self.settle()

    def settle(self) -> None:
        """Do as whoever tells the log: what is not here in its place is applied once more."""
        self.untold = [
            (purge, place)
            for purge, place in self.untold
            if place is None or place > self.ledger.sequence
        ]
        for purge, _ in self.untold:
            self.ledger.apply_alone(purge, float(self.now))

    def lose(self) -> None:
        """Lose the log; what was told to the lost one is told to the next."""
        self.epoch, self.floor = b"%d" % self.now, 0
        self.records, self.times = [], []
        self.untold = [(purge, None) for purge, _ in self.untold]

    def trim(self, count: int) -> None:
        self.floor = max(self.floor, len(self.records) - count)

    def fetch(self, its: Labels) -> None:
        self.kept.append(Kept(its, self.ledger.position, self.now))

    def fetch_elsewhere(self, its: Labels, late: int) -> None:
        place = Born(self.epoch, max(0, len(self.records) - late))
        self.kept.append(Kept(its, place, self.now))

    def share(self) -> None:
        """Let everything go through the shared tier, which knows no minor."""
        for one in self.kept:
            one.born = one.born._replace(minor=0)

    def verify(self, late: int) -> None:
        """Have the log asked about everything UNKNOWN, the answers taking a while to come."""
        sequence = max(0, len(self.records) - late)
        for one in self.kept:
            if self.ledger.standing(one.its, one.born) is UNKNOWN:
                facts = self.facts(one.its, sequence)
                found, place = self.ledger.verified(one.its, one.born, facts)
                self.hold_true(one, found)
                if found is VALID:
                    one.born = place

    # What must hold

    def hold_true(self, one: Kept, found: Standing) -> None:
        """Nothing of which this replica has heard may be overlooked."""
        for time, purge in self.accepted:
            if time > one.departed and meets(purge, one.its):
                assert found is not VALID, purge
                assert purge.mode is not HARD or found is not SOFTENED, purge

    def check(self) -> None:
        for one in self.kept:
            found = self.ledger.standing(one.its, one.born)
            self.hold_true(one, found)
            if found is SOFTENED:
                assert 0.0 <= self.ledger.softened_at(one.its, one.born) <= self.now


EVENTS: Final = st.one_of(
    st.tuples(st.just("publish"), PURGES),
    st.tuples(st.just("apply_alone"), PURGES),
    st.tuples(st.just("tell")),
    st.tuples(st.just("catch_up"), st.integers(1, 3)),
    st.tuples(st.just("rebase")),
    st.tuples(st.just("lose")),
    st.tuples(st.just("trim"), st.integers(0, 3)),
    st.tuples(st.just("fetch"), LABELS),
    st.tuples(st.just("fetch_elsewhere"), LABELS, st.integers(0, 2)),
    st.tuples(st.just("share")),
    st.tuples(st.just("verify"), st.integers(0, 2)),
)


def played(events: list[tuple[str, *tuple[object, ...]]], ledger: Ledger) -> Iterator[Fleet]:
    fleet = Fleet(ledger)
    fleet.rebase()
    for fleet.now, (name, *arguments) in enumerate(events, 1):
        getattr(fleet, name)(*arguments)
        yield fleet


@given(events=st.lists(EVENTS, max_size=25), tag_limit=st.integers(1, 4), limit=st.integers(1, 3))
def test_whatever_happens_nothing_purged_is_valid(
    events: list[tuple[str, *tuple[object, ...]]], tag_limit: int, limit: int
) -> None:
    for fleet in played(events, Ledger(tag_limit=tag_limit, pattern_limit=limit)):
        fleet.check()
