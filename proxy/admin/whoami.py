"""Whoami: as whom a caller is let in, so that a page can offer what they may do."""

from typing import Annotated

from fastapi import APIRouter

from proxy.admin.auth import Gate, Grant, Role
from proxy.admin.guard import needs
from proxy.admin.problems import told


def router(gate: Gate) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1", tags=["inspection"])

    @routes.get("/whoami", responses=told(401, 403, 429))
    async def whoami(grant: Annotated[Grant, needs(gate, Role.READ)]) -> dict[str, str]:
        """Return the name and role of the token that was sent; without tokens, `local`'s."""
        return {"name": grant.name, "role": grant.role.value}

    return routes
