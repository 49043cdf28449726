"""Purges: `/v1/purge` and the receipts that it gives.

This module must not know how a purge reaches other replicas.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response

from proxy.admin import bodies
from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control
from proxy.admin.guard import needs
from proxy.admin.parts import purged
from proxy.admin.plain import when
from proxy.admin.problems import told
from proxy.admin.refused import Refused
from proxy.admin.selection import PurgeBody, purge_of
from proxy.engine.purge import Purge
from proxy.engine.purging import Source, Wait
from proxy.engine.receipts import Receipt, State
from proxy.engine.turns import by_turns
from proxy.errors import StoreError
from proxy.rules import labels, patterns

LATEST: Final = 100
"""Receipts that a list shows at most."""

Json = dict[str, Any]


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the routes; those that change something need the role purge."""
    routes = APIRouter(prefix="/v1", tags=["purges"])
    reading, purging = needs(gate, Role.READ), needs(gate, Role.PURGE)

    @routes.post(
        "/purge",
        dependencies=[purging],
        responses=told(202, 401, 403, 413, 415, 422, 429, 503),
        openapi_extra=bodies.documented(PurgeBody),
    )
    async def purge(request: Request, response: Response) -> Json:
        """Purge, and say which replicas have applied it; 200 once all have, 202 before that."""
        body = await bodies.read(request, PurgeBody)
        wanted = purge_of(body, control.corridor.snapshot.ruleset)
        if body.dry_run:
            count = await matching(control, wanted)
            return {"dry_run": True, "matching": count, "scope": "this replica's memory"}
        receipt = await _purged(control, wanted, Wait(body.wait), body.timeout)
        if receipt.state is not State.COMPLETE:
            response.status_code = 202
            response.headers["Location"] = f"/v1/purges/{receipt.id}"
        return shown(receipt)

    @routes.get("/purges", dependencies=[reading], responses=told(401, 403, 422, 429))
    async def latest(limit: Annotated[int, Query(ge=1, le=LATEST)] = LATEST) -> Json:
        """Return the latest receipts, as they stood when they were last asked for."""
        return {"purges": [shown(each) for each in control.purging.receipts(limit)]}

    @routes.get("/purges/{name}", dependencies=[reading], responses=told(401, 403, 404, 429, 503))
    async def receipt(name: str) -> Json:
        """Return a receipt as it stands now."""
        found = await control.purging.receipt(name)
        if found is None:
            raise Refused(404, "No such receipt is known here; it may be too old.")
        return shown(found)

    return routes


async def matching(control: Control, purge: Purge) -> int:
    """Count the entries in memory that a purge would void."""
    count = 0
    async for _, entries in by_turns(control.memory.items()):
        count += sum(purge.meets(entry.labels) for entry in entries)
    return count


def shown(receipt: Receipt) -> Json:
    """Return a receipt as the API shows it.

    `left_out` is how many tags and patterns `selected` does not name, `missing` who has not
    confirmed yet.
    """
    replicas = [
        {"name": each.name, "address": each.address, "state": each.state}
        for each in receipt.replicas
    ]
    return {
        "id": receipt.id,
        "state": receipt.state.value,
        "mode": receipt.purge.mode.value,
        "selected": _selected(receipt.purge),
        "left_out": receipt.left_out,
        "sequence": receipt.place.sequence,
        "epoch": receipt.place.epoch.decode(),
        "accepted": when(receipt.accepted),
        "replicas": replicas,
        "missing": [each["name"] for each in replicas if each["state"] == "pending"],
    }


async def _purged(control: Control, purge: Purge, wait: Wait, within: float) -> Receipt:
    try:
        return await purged(control, purge, wait, within, Source.ADMIN)
    except StoreError as error:
        detail = "The log of purges cannot be reached: this is purged here and nowhere else yet"
        raise Refused(503, f"{detail}. Repeat it once the shared store is back.") from error


def _selected(purge: Purge) -> list[str]:
    """Return what a purge is of, fit for people; URLs are known by their digests alone."""
    named = ["everything" if tag == labels.EVERYTHING else labels.shown(tag) for tag in purge.tags]
    pointing = [patterns.shown(pattern) for pattern in purge.patterns]
    return list(dict.fromkeys([*(name or "url" for name in named), *pointing]))
