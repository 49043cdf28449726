"""Sharing: which requests may wait for one fetch, and whether what it brings is theirs as well.

This module must not know how anything is fetched or answered.
"""

from typing import assert_never

from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry
from proxy.engine.flights import (
    Elsewhere,
    Failed,
    Flight,
    Flights,
    Landed,
    Landing,
    Unshareable,
    Validated,
)
from proxy.engine.ledger import Ledger, Standing, Trust
from proxy.engine.visit import Visit
from proxy.errors import UpstreamError
from proxy.http.message import Request
from proxy.policy import credentials, reuse
from proxy.policy.parts import covers
from proxy.policy.reasons import Family
from proxy.policy.terms import RangeOnMiss
from proxy.policy.validation import CONDITIONS, is_partial_or_conditional, whole
from proxy.policy.verdicts import Absent, Bypass, MustValidate
from proxy.rules.labels import Labels


def may_lead(visit: Visit, flights: Flights, now: float) -> bool:
    """Tell whether others may wait for what this request will bring."""
    outbound = visit.boarded.outbound
    return (
        _may_share(visit)
        and not reuse.asked(outbound).no_store
        and (
            isinstance(visit.verdict, MustValidate)
            or not is_partial_or_conditional(outbound)
            or widened(visit) is not None
        )
        and not flights.marked(visit.boarded.key.digest, now)
    )


def widened(visit: Visit) -> Request | None:
    """Return the request for the whole in the place of one for a range, where the rule wants that.

    It is asked for once and kept; where that cannot be, the range itself is asked for.
    """
    outbound, terms = visit.boarded.outbound, visit.boarded.rule.terms
    if terms.range_on_miss is not RangeOnMiss.WHOLE or not isinstance(visit.verdict, Absent):
        return None
    conditions = CONDITIONS - {b"if-range"}
    if b"range" not in outbound.fields or not conditions.isdisjoint(outbound.fields.names()):
        return None
    return whole(outbound)


async def to_follow(visit: Visit, flights: Flights, ledger: Ledger) -> Flight | None:
    """Return the flight whose landing may serve this request too, if one is under way.

    While the ledger cannot be believed, only a fetch that began after the request came is as new
    as one of its own: everybody waits for the next, and the upstream is asked once at a time.
    """
    boarded = visit.boarded
    if not _may_share(visit) or reuse.asked(boarded.outbound).no_cache:
        return None  # 9111 §5.2.1.4: what left before this request may be older than it
    while (flight := flights.under_way(boarded.key)) is not None:
        landed = flight.landed
        labels = landed.labels if isinstance(landed, Landed) else boarded.labels
        if not _current(boarded, labels, flight, ledger) or _has_to_be_asked(landed, visit):
            return None
        lapsed = ledger.trust(visit.arrived) is Trust.LAPSED
        if not lapsed or flight.departed >= visit.arrived:
            return flight
        if landed is not None:
            return None
        await flight.wait()
    return None


def _has_to_be_asked(landed: Landing | None, visit: Visit) -> bool:
    """Tell whether what has arrived already is used only after validation (9111 §4)."""
    if not isinstance(landed, Landed):
        return False
    stored = landed.stored
    return stored.directives.no_cache or stored.ttl(visit.arrived) <= 0


def fits(visit: Visit, landing: Landing, flight: Flight, ledger: Ledger) -> bool:
    """Tell whether a follower may have what landed; if not, it fetches its own (9111 §4)."""
    if overtaken(visit.boarded, landing, flight, ledger):
        return False
    outbound = visit.boarded.outbound
    match landing:
        case Landed(stored=stored):
            return reuse.matches(outbound, stored.selecting) and covers(outbound, stored)
        case Validated(entry=Entry(stored=stored), storing=storing):
            kept = storing.meaning.family is Family.KEEP
            return kept and reuse.matches(outbound, stored.selecting)
        case Unshareable():
            return False
        case Failed(error=error):
            return isinstance(error, UpstreamError)  # any other is the leader's own fault
        case Elsewhere():
            return True
        case _:
            assert_never(landing)


def overtaken(boarded: Boarded, landing: Landing, flight: Flight, ledger: Ledger) -> bool:
    """Tell whether a purge has outdated what landed, for whoever waited."""
    match landing:
        case Landed(labels=labels) | Validated(entry=Entry(labels=labels)):
            return not _current(boarded, labels, flight, ledger)
        case _:
            return False


def _may_share(visit: Visit) -> bool:
    boarded = visit.boarded
    return (
        not isinstance(visit.verdict, Bypass)
        and boarded.outbound.method == "GET"
        and not credentials.carries(boarded.outbound.fields, boarded.rule.terms)
    )


def _current(boarded: Boarded, labels: Labels, flight: Flight, ledger: Ledger) -> bool:
    """Tell whether nothing that a flight brings has been purged since it began.

    What a body says of its tags is known only when all of it is there.
    """
    if boarded.rule.tagging.from_body and flight.born != ledger.position:
        return False
    return ledger.standing(labels, flight.born) is Standing.VALID
