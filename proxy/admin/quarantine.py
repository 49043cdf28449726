"""Quarantine: which rules are out of use, and the end of that. Why is not known here."""

from typing import Annotated

from fastapi import APIRouter, Response

from proxy.admin.auth import Gate, Grant, Role
from proxy.admin.control import Control
from proxy.admin.guard import needs
from proxy.admin.problems import told
from proxy.admin.refused import Refused


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1/quarantine", tags=["inspection"])

    @routes.get("", dependencies=[needs(gate, Role.READ)], responses=told(401, 403, 429))
    async def quarantined() -> dict[str, list[str]]:
        """Return the rules that are passed by because callers got each other's answers."""
        return {"rules": sorted(control.corridor.snapshot.quarantined)}

    @routes.delete(
        "/{name}",
        status_code=204,
        responses=told(401, 403, 404, 429),
    )
    async def end(name: str, grant: Annotated[Grant, needs(gate, Role.ADMIN)]) -> Response:
        """Put a rule back into use here; what was kept under it before is not used again."""
        if not control.corridor.quarantine.end(name, grant.name):
            raise Refused(404, f"The rule '{name}' is not in quarantine.")
        return Response(status_code=204)

    return routes
