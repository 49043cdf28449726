"""Explain: what would become of a request now, and what is held for it.

The corridor judges as it would for a client; nothing is sent. This module decides nothing.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query

from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control
from proxy.admin.entries import shown
from proxy.admin.guard import needs
from proxy.admin.plain import text
from proxy.admin.problems import told
from proxy.admin.refused import Refused
from proxy.admin.requests import LONGEST, line_of, request_of
from proxy.engine.entry import Entry
from proxy.engine.flights import Declined
from proxy.engine.visit import Visit
from proxy.errors import RequestError
from proxy.http.message import Line
from proxy.policy.reasons import Family, Reason
from proxy.rules import advice
from proxy.rules.keys import parts

Json = dict[str, Any]

LOOKED_AT: Final = 1_000
"""Keys in memory, the latest, by which the host of a path alone is guessed."""

MOST_HOSTS: Final = 8
"""Hosts that are tried for it."""

_MANY: Final = 64


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1", tags=["inspection"])

    @routes.get(
        "/explain", dependencies=[needs(gate, Role.READ)], responses=told(401, 403, 422, 429)
    )
    async def explain(
        url: Annotated[
            str,
            Query(max_length=LONGEST, examples=["http://shop.example/products/42", "/products/42"]),
        ],
        method: str = "GET",
        header: Annotated[
            list[str], Query(max_length=_MANY, description="`Name: value`, as often as needed")
        ] = [],  # noqa: B006 - FastAPI copies its defaults
    ) -> Json:
        """Tell which rule and key a request has, what is held for it, and what would become of it.

        The request is judged as a client's whom nobody vouches for. Where neither the URL nor a
        header names a host, it is the one by which the path was asked for lately, or which was
        asked for most, or else `localhost`. `declined` tells why the latest answer was not
        kept, if it was not; `advice` what would change that.
        """
        try:
            lines = [line_of(each) for each in header]
            visit = _visit(control, url, method, lines)
        except RequestError as error:
            raise Refused(422, str(error)) from error
        return await explained(visit, control)

    return routes


def _visit(control: Control, url: str, method: str, lines: Sequence[Line]) -> Visit:
    """Judge a request; that for a path alone, on each host that comes into question."""
    named = next((text(value) for name, value in lines if name.lower() == b"host"), None)
    if named is not None or not url.startswith("/"):
        request = request_of(url, method=method, lines=lines, host=named or "")
        return control.corridor.visit(request)
    visits = (
        control.corridor.visit(request_of(place + url, method=method, lines=lines, host=""))
        for place in _places(control)
    )
    first = next(visits)
    return next((each for each in chain((first,), visits) if _is_known(each, control)), first)


def _places(control: Control) -> Iterator[str]:
    """Yield the beginnings of URLs to which a path may belong, the likeliest first."""
    latest = control.memory.items(max(0, len(control.memory) - LOOKED_AT))
    locations = (entry.labels.location for _, entries in latest for entry in entries)
    hosts = Counter(location.partition(b"/")[0] for location in locations)
    hosts.update(declined.authority for declined in control.corridor.flights.declines())
    for host, _ in hosts.most_common(MOST_HOSTS) or [(b"localhost", 0)]:
        yield f"http://{text(host)}"
        yield f"https://{text(host)}"


def _is_known(visit: Visit, control: Control) -> bool:
    """Tell whether anything was fetched under a request's key lately."""
    digest = visit.boarded.key.digest
    return bool(control.memory.peek(digest)) or _declined(visit, control) is not None


async def explained(visit: Visit, control: Control) -> Json:
    """Return the story of a judged request."""
    boarded, key = visit.boarded, visit.boarded.key
    outbound, rule = boarded.outbound, boarded.rule
    keyed = outbound if boarded.beside is None else boarded.beside.outbound
    held = control.memory.peek(key.digest)
    shared = None if control.shared is None else await control.shared(key.digest)
    asks = visit.verdict.reason.meaning.family is Family.FORWARD
    declined = _declined(visit, control) if asks else None
    return {
        "request": {
            "method": outbound.method,
            "scheme": outbound.scheme,
            "authority": text(outbound.authority),
            "target": text(outbound.target),
        },
        "rule": {"name": rule.name, "place": rule.place},
        "key": {
            "digest": key.digest.hex(),
            "parts": [{"name": name, "value": value} for name, value in parts(rule, keyed)],
        },
        "verdict": _verdict(visit),
        "declined": _not_kept(declined, control),
        "advice": _advice(visit, declined),
        "memory": _held(held, visit, control),
        "shared": None if shared is None else _held(shared, visit, control),
        "ledger": {
            "trust": control.ledger.trust(control.now()).value,
            "sequence": control.ledger.sequence,
        },
    }


def _verdict(visit: Visit) -> Json:
    """Return the verdict by what is in memory; `next` says who would be asked then."""
    reason = visit.verdict.reason
    meaning = reason.meaning
    upstream = "the shared store, then the upstream" if visit.far else "the upstream"
    return {
        "verdict": type(visit.verdict).__name__.lower(),
        "reason": reason.token,
        "sentence": meaning.sentence,
        "clause": meaning.clause,
        "next": upstream if meaning.family is Family.FORWARD else None,
    }


def _declined(visit: Visit, control: Control) -> Declined | None:
    return control.corridor.flights.declined(visit.boarded.key.digest)


def _not_kept(declined: Declined | None, control: Control) -> Json | None:
    """Return why the latest answer was not kept, and how many seconds ago that was."""
    if declined is None:
        return None
    meaning, ago = declined.reason.meaning, max(0.0, control.now() - declined.at)
    return {
        "reason": declined.reason.token,
        "sentence": meaning.sentence,
        "clause": meaning.clause,
        "ago": round(ago, 3),
    }


def _advice(visit: Visit, declined: Declined | None) -> Json | None:
    """Return what would make a hit of it; of a first request nothing is known yet."""
    reason = visit.verdict.reason if declined is None else declined.reason
    if reason is Reason.URI_MISS:
        return None
    stored = None if visit.entry is None else visit.entry.stored
    found = advice.miss(visit.boarded.rule, reason, stored)
    if found is None:
        return None
    path = text(visit.boarded.outbound.target).partition("?")[0]
    narrow = advice.for_path(found, path)
    return {"text": narrow.text, "change": narrow.change}


def _held(entries: tuple[Entry, ...], visit: Visit, control: Control) -> list[Json]:
    """Return what is held under the key; another key's entries with its digest are not."""
    chosen = visit.entry
    return [
        shown(entry, control) | {"chosen": chosen is not None and entry.stored is chosen.stored}
        for entry in entries
        if entry.text == visit.boarded.key.text
    ]
