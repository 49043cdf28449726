"""Renewal: what is stored and about to end, or stale, is fetched anew in the background.

One fetch a key, whoever asks. This module must not know how anything is fetched or answered.
"""

from collections.abc import Callable
from functools import partial

from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry
from proxy.engine.errand import Errand
from proxy.engine.flights import Flight, Flights, Validated
from proxy.engine.ports import Clock
from proxy.engine.shelf import Shelf
from proxy.engine.stats import Stats
from proxy.engine.visit import Visit, judged
from proxy.policy.validation import whole
from proxy.policy.verdicts import Fresh, Stale
from proxy.values import replace

Depart = Callable[[Errand, Flight], None]
"""What starts a fetch as a task of its own."""


def count_refetched(stats: Stats, errand: Errand, flight: Flight) -> None:
    """Count whether a fetch that has ended brought the body of what it was to replace."""
    old, landed = errand.entry, flight.landed
    new = landed.entry if isinstance(landed, Validated) else flight.kept
    if old is not None and new is not None:
        tally = stats.rules[errand.boarded.rule.name]
        tally.refetched(old.stored, same=new.body == old.body)


class Renewal:
    """Begins fetches that nobody waits for."""

    def __init__(self, shelf: Shelf, flights: Flights, clock: Clock, depart: Depart) -> None:
        self._shelf = shelf
        self._flights = flights
        self._clock = clock
        self._depart = depart

    def if_due(self, visit: Visit, entry: Entry) -> None:
        """Begin where the verdict asks for it."""
        if isinstance(visit.verdict, Fresh | Stale) and visit.verdict.refresh:
            self.begin(visit, entry)

    def begin(self, visit: Visit, entry: Entry) -> bool:
        """Begin to validate in the background; False where someone already does."""
        boarded = visit.boarded
        if self._flights.under_way(boarded.key) is not None:
            return False
        outbound = whole(replace(boarded.outbound, method="GET"))
        flight = Flight(self._shelf.ledger.position, self._clock.now(), attended=False)
        self._flights.lead(boarded.key, flight)
        answered = partial(self._renewed, boarded, entry)
        errand = Errand(replace(boarded, outbound=outbound), entry=entry, answered=answered)
        self._depart(errand, flight)
        return True

    def _renewed(self, boarded: Boarded, old: Entry) -> bool:
        """Tell whether another, fresh answer lies on the shelf by now in the place of `old`."""
        again = judged(boarded, self._shelf, self._clock.now(), self._clock.draw())
        other = again.entry is not None and not again.entry.same_answer(old)
        return other and isinstance(again.verdict, Fresh)
