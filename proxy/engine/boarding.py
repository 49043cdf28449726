"""Boarding: what is settled about a request before anything is looked up.

Its rule, the form in which the upstream will see it, and its key, which is made from that very
form: what is not in the key and not on the rule's pass list does not go forward.
"""

from dataclasses import dataclass, replace

from proxy.engine.snapshot import Snapshot
from proxy.http import hops
from proxy.http.message import Request
from proxy.policy.invalidation import Uri
from proxy.rules.keys import Key, key_for, selected
from proxy.rules.ruleset import Rule


@dataclass(frozen=True, slots=True)
class Boarded:
    """A request on board: `outbound` is what the upstream will see and policy judges."""

    outbound: Request
    rule: Rule
    key: Key
    tags: tuple[bytes, ...]
    snapshot: Snapshot
    ambiguous: bool


def board(request: Request, snapshot: Snapshot) -> Boarded:
    """Settle rule, outbound form and key of a request; raises `RequestError`."""
    match = snapshot.ruleset.match(request)
    fields = hops.forwarded_request(
        request, pseudonym=snapshot.name.encode(), trusted=snapshot.trusts(request.peer)
    )
    outbound = selected(match.rule, replace(request, fields=fields))
    key = key_for(match.rule, outbound)
    return Boarded(outbound, match.rule, key, (key.uri,), snapshot, match.ambiguous)


def uri_tag(uri: Uri, snapshot: Snapshot) -> bytes:
    """Return the tag of everything that is stored for a URI, whatever else its keys hold."""
    scheme, authority, target = uri
    request = Request("GET", scheme, authority, target)
    rule = snapshot.ruleset.match(request).rule
    return key_for(rule, selected(rule, request)).uri
