"""Boarding: what is settled about a request before anything is looked up.

Its rule, the form in which the upstream will see it, and its key, which is made from that very
form: what is not in the key and not on the rule's pass list does not go forward.
"""

from functools import lru_cache, partial
from typing import Final

from proxy.engine.snapshot import Snapshot
from proxy.http import hops
from proxy.http.codings import UNTOLD, Accepted, Coding, accepted
from proxy.http.message import Request
from proxy.policy import reuse
from proxy.policy.negotiation import preferred, refuses_plain, takes_coded
from proxy.policy.reasons import Reason
from proxy.policy.representation import as_upstream_knows, by_tag_alone, unranged
from proxy.policy.terms import Mode
from proxy.policy.validation import is_partial_or_conditional
from proxy.policy.verdicts import Bypass, Refuse
from proxy.rules import tags
from proxy.rules.keys import READS, Key, key_for, labels_for, selected
from proxy.rules.labels import Labels
from proxy.rules.paths import Capture
from proxy.rules.ruleset import Match, Rule
from proxy.values import replace, valueclass

LONGEST: Final = 2_048
"""Bytes of a head that is worth being known."""
_MOST: Final = 1_024
"""Requests that are known."""


@valueclass(frozen=True, slots=True)
class Boarded:
    """A request on board: `outbound` is what the upstream will see and policy judges.

    But for its conditions, which name representations as the client knows them until it is sent.
    `accepts` is what the client says of codings; what the upstream is told of them is the rule's.
    `came` is the request before the rule's selection. Where that very request goes up, and the
    answer to it comes back as it is, `passing` says why, and `beside` is the request as the cache
    would have it.
    """

    outbound: Request
    rule: Rule
    key: Key
    captures: tuple[Capture, ...]
    snapshot: Snapshot
    ambiguous: bool
    came: Request
    accepts: Accepted = UNTOLD
    ends_here: bool = False
    passing: Reason | None = None
    beside: "Boarded | None" = None

    @property
    def given(self) -> Coding | None:
        """The coding that is made for this client where it can be, None for the plain body."""
        return preferred(self.outbound, self.accepts, self.rule.terms)

    @property
    def as_sent(self) -> Request:
        """The request as it leaves, with the upstream's own tags in its conditions."""
        if self.passing is not None or not is_partial_or_conditional(self.outbound):
            return self.outbound
        return as_upstream_knows(self.outbound, self.given)

    @property
    def labels(self) -> Labels:
        """The labels of whatever answers the request: made anew, for whoever stores or purges."""
        own = tags.of_request(self.rule.tagging, self.captures, self.outbound)
        return labels_for(self.rule, self.outbound).plus(own)


def board(request: Request, snapshot: Snapshot) -> Boarded:
    """Settle rule, outbound form and key of a request; raises `RequestError`."""
    match = snapshot.ruleset.match(request)
    fields = hops.forwarded_request(
        request, pseudonym=snapshot.name.encode(), trusted=snapshot.trusts(request.peer)
    )
    accepts = accepted(request.fields.all(b"accept-encoding"))
    boarded = _boarded(match, request.having(fields), snapshot, accepts)
    return replace(boarded, ends_here=True) if hops.ends_here(request) else boarded


class Gangway:
    """Boards requests; one that has come before, under the same rules, is on board already."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._open(snapshot)

    def board(self, request: Request, snapshot: Snapshot) -> Boarded:
        """Return what `board` does, by the rules of `snapshot`; raises `RequestError`."""
        if snapshot is not self._snapshot:
            self._open(snapshot)
        length = len(request.target) + sum(
            [len(name) + len(value) for name, value in request.fields.lines]
        )
        return board(request, snapshot) if length > LONGEST else self._known(request)

    def _open(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._known = lru_cache(maxsize=_MOST)(partial(board, snapshot=snapshot))


def early(boarded: Boarded) -> Bypass | Refuse | None:
    """Decide what needs no look into the cache; None when the cache should be asked."""
    if boarded.ends_here:
        return Refuse(Reason.MAX_FORWARDS)
    if boarded.passing is not None:
        return Bypass(boarded.passing)
    return reuse.triage(boarded.outbound, boarded.rule.terms, ambiguous=boarded.ambiguous)


def passed(boarded: Boarded, snapshot: Snapshot) -> Boarded:
    """Return a request as it goes up where, by a snapshot, its rule leaves the cache out."""
    passing = _passing(boarded.rule, boarded.outbound.method, snapshot)
    if passing is None or boarded.passing is not None:
        return boarded
    return replace(boarded, outbound=boarded.came, passing=passing, beside=boarded)


def retrieval(boarded: Boarded) -> Boarded:
    """Return the GET, with its own rule and key, of the same target."""
    request = replace(boarded.outbound, method="GET", has_body=False)
    match = boarded.snapshot.ruleset.match(request)
    return _boarded(match, request, boarded.snapshot, boarded.accepts)


def _boarded(match: Match, request: Request, snapshot: Snapshot, accepts: Accepted) -> Boarded:
    outbound = selected(match.rule, request)
    terms = match.rule.terms
    if takes_coded(accepts, terms):
        outbound = by_tag_alone(outbound)
    if refuses_plain(accepts, terms):
        outbound = unranged(outbound)
    key = key_for(match.rule, outbound)
    parts = (outbound, match.rule, key, match.captures, snapshot, match.ambiguous)
    return passed(Boarded(*parts, came=request, accepts=accepts), snapshot)


def _passing(rule: Rule, method: str, snapshot: Snapshot) -> Reason | None:
    """Return why the upstream is to see a request as it came, and the client the answer to it."""
    if rule.terms.watch.mode is not Mode.SHADOW and rule.name not in snapshot.quarantined:
        return None
    if method not in READS:
        return Reason.METHOD
    shadow = rule.terms.watch.mode is Mode.SHADOW
    return Reason.SHADOW if shadow else Reason.QUARANTINED
