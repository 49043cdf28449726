"""Freshening: what a response without a body makes of the entry that it speaks of.

A 304 confirms one (9111 §4.3.4), a 200 to HEAD confirms or casts doubt (§4.3.5). This module must
not know where entries rest.
"""

from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry, another
from proxy.http import hops
from proxy.http.message import Head
from proxy.policy import admission, freshness, reuse, validation
from proxy.policy.admission import Moment
from proxy.policy.stored import Stored
from proxy.policy.verdicts import Admission, Decline, Keep
from proxy.values import replace


def freshened(
    boarded: Boarded, entry: Entry, head: Head, moment: Moment
) -> tuple[Entry, Admission]:
    """Return an entry as a confirmation leaves it, and whether it may be kept as that.

    What may not be kept may be shown once.
    """
    merged = validation.updated(entry.stored, head)
    get = replace(boarded.outbound, method="GET")
    verdict = admission.judge(get, merged, boarded.rule.terms, moment)
    if isinstance(verdict, Decline):
        return replace(entry, stored=_confirmed(entry.stored, merged, moment)), verdict
    old = entry.stored
    own = old.own_etag and verdict.stored.etag == old.etag
    stored = replace(verdict.stored, length=old.length, part=old.part, own_etag=own)
    return replace(entry, stored=stored), verdict


def heeded(boarded: Boarded, entry: Entry, head: Head, moment: Moment) -> Entry | None:
    """Return an entry as a 200 to HEAD leaves it: fresher, or doubtful; None for another variant.

    The HEAD says nothing of purges: the entry is as old as it was.
    """
    get = replace(boarded.outbound, method="GET")
    if not reuse.matches(get, entry.stored.selecting):
        return None
    if validation.agrees(head, entry.stored):
        new, verdict = freshened(boarded, entry, head, moment)
        if isinstance(verdict, Keep):
            return replace(new, id=another())
    return replace(entry, stored=replace(entry.stored, overdue=True), id=another())


def _confirmed(stored: Stored, merged: Head, moment: Moment) -> Stored:
    date = freshness.date_of(merged.fields, moment.response_time)
    age = freshness.age_on_arrival(merged.fields, date, moment.request_time, moment.response_time)
    return replace(
        stored,
        fields=hops.end_to_end(merged.fields).without({b"age", b"content-length"}),
        response_time=moment.response_time,
        age_on_arrival=age,
    )
