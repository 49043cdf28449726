"""Boarding: what is settled about a request before anything is looked up.

Its rule, the form in which the upstream will see it, and its key, which is made from that very
form: what is not in the key and not on the rule's pass list does not go forward.
"""

from dataclasses import dataclass, replace

from proxy.engine.snapshot import Snapshot
from proxy.http import hops
from proxy.http.message import Request
from proxy.policy import reuse
from proxy.policy.invalidation import Uri
from proxy.policy.reasons import Reason
from proxy.policy.verdicts import Bypass, Refuse
from proxy.rules.keys import Key, key_for, selected, uri_of
from proxy.rules.ruleset import Match, Rule


@dataclass(frozen=True, slots=True)
class Boarded:
    """A request on board: `outbound` is what the upstream will see and policy judges."""

    outbound: Request
    rule: Rule
    key: Key
    tags: tuple[bytes, ...]
    snapshot: Snapshot
    ambiguous: bool
    ends_here: bool = False


def board(request: Request, snapshot: Snapshot) -> Boarded:
    """Settle rule, outbound form and key of a request; raises `RequestError`."""
    match = snapshot.ruleset.match(request)
    fields = hops.forwarded_request(
        request, pseudonym=snapshot.name.encode(), trusted=snapshot.trusts(request.peer)
    )
    boarded = _boarded(match, replace(request, fields=fields), snapshot)
    return replace(boarded, ends_here=True) if hops.ends_here(request) else boarded


def early(boarded: Boarded) -> Bypass | Refuse | None:
    """Decide what needs no look into the cache; None when the cache should be asked."""
    if boarded.ends_here:
        return Refuse(Reason.MAX_FORWARDS)
    return reuse.triage(boarded.outbound, boarded.rule.terms, ambiguous=boarded.ambiguous)


def retrieval(boarded: Boarded) -> Boarded:
    """Return the GET, with its own rule and key, of the same target."""
    request = replace(boarded.outbound, method="GET", has_body=False)
    return _boarded(boarded.snapshot.ruleset.match(request), request, boarded.snapshot)


def uri_tag(uri: Uri, snapshot: Snapshot) -> bytes:
    """Return the tag of everything that is stored for a URI, whatever else its keys hold."""
    return uri_of(snapshot.ruleset, Request("GET", *uri))


def _boarded(match: Match, request: Request, snapshot: Snapshot) -> Boarded:
    outbound = selected(match.rule, request)
    key = key_for(match.rule, outbound)
    return Boarded(outbound, match.rule, key, (key.uri,), snapshot, match.ambiguous)
