"""Explain: what would become of a request now, and what is held for it.

The corridor judges as it would for a client; nothing is sent. This module decides nothing.
"""

from typing import Annotated, Any

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
from proxy.engine.visit import Visit
from proxy.errors import RequestError
from proxy.policy.reasons import Family
from proxy.rules.keys import parts

Json = dict[str, Any]

_MANY = 64


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

        The request is judged as a client's whom nobody vouches for; its Host is `localhost` where
        neither the URL nor a header names one.
        """
        try:
            lines = [line_of(each) for each in header]
            named = next((text(v) for n, v in lines if n.lower() == b"host"), "localhost")
            visit = control.corridor.visit(request_of(url, method=method, lines=lines, host=named))
        except RequestError as error:
            raise Refused(422, str(error)) from error
        return await explained(visit, control)

    return routes


async def explained(visit: Visit, control: Control) -> Json:
    """Return the story of a judged request."""
    boarded, key = visit.boarded, visit.boarded.key
    outbound, rule = boarded.outbound, boarded.rule
    keyed = outbound if boarded.beside is None else boarded.beside.outbound
    held = control.memory.peek(key.digest)
    shared = None if control.shared is None else await control.shared(key.digest)
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
        "reason": reason.value,
        "sentence": meaning.sentence,
        "clause": meaning.clause,
        "next": upstream if meaning.family is Family.FORWARD else None,
    }


def _held(entries: tuple[Entry, ...], visit: Visit, control: Control) -> list[Json]:
    """Return what is held under the key; another key's entries with its digest are not."""
    chosen = visit.entry
    return [
        shown(entry, control) | {"chosen": chosen is not None and entry.stored is chosen.stored}
        for entry in entries
        if entry.text == visit.boarded.key.text
    ]
