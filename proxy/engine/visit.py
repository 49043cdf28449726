"""A visit: a request that has been boarded and judged against what may be used of the store.

This module must not know what is done about the verdict.
"""

from proxy.engine.boarding import Boarded, early, passed
from proxy.engine.entry import Entry
from proxy.engine.ledger import Trust
from proxy.engine.ports import Informed
from proxy.engine.shelf import Shelf
from proxy.engine.snapshot import Snapshot
from proxy.policy import reuse
from proxy.policy.reasons import Reason
from proxy.policy.verdicts import Absent, Fresh, Stale, Verdict
from proxy.values import replace, valueclass


@valueclass(frozen=True, slots=True)
class Visit:
    """A judged request; `entry` is what is stored for it, if anything is.

    `arrived` is when it was first judged, `far` whether the shared tier is still to be asked,
    `informed` hears of interim responses to a fetch of its own.
    """

    boarded: Boarded
    verdict: Verdict
    entry: Entry | None
    arrived: float
    far: bool = False
    informed: Informed | None = None

    @property
    def served(self) -> bool:
        """Whether the entry answers the request."""
        return self.entry is not None and isinstance(self.verdict, Fresh | Stale)


def judged(  # noqa: PLR0913 - each is an input of the judgement
    boarded: Boarded,
    shelf: Shelf,
    now: float,
    draw: float,
    *,
    far: bool = False,
    found: tuple[Entry, ...] = (),
) -> Visit:
    """Judge a request by what lies in memory; `draw` is a random number in [0, 1).

    `found` is what the shared tier has just given, which memory may have had no room for.
    """
    outbound, terms = boarded.outbound, boarded.rule.terms
    entries = shelf.variants(boarded.key, now)
    further = [e for e in found if not any(map(e.same_answer, entries))]
    entries += tuple(e for e in further if shelf.usable(e, now))
    entry = _selected(boarded, entries)
    stored = None if entry is None else entry.stored
    verdict = reuse.judge(outbound, stored, terms, now, draw, variants=bool(entries))
    if isinstance(verdict, Absent) and shelf.ledger.trust(now) is Trust.LAPSED:
        verdict = Absent(Reason.UNVERIFIED)
    return Visit(boarded, verdict, entry, now, far)


def _selected(boarded: Boarded, entries: tuple[Entry, ...]) -> Entry | None:
    if not entries:
        return None
    stored = reuse.select(boarded.outbound, [entry.stored for entry in entries])
    return next((entry for entry in entries if entry.stored is stored), None)


def by_now(visit: Visit, snapshot: Snapshot) -> Visit:
    """Return a visit as it stands now that its rule may have come into quarantine."""
    boarded = passed(visit.boarded, snapshot)
    if boarded is visit.boarded:
        return visit
    return replace(visit, boarded=boarded, verdict=early(boarded) or visit.verdict, entry=None)
