"""Whoami: as whom a caller is let in, so that a page can offer what they may do."""

from typing import Annotated

from fastapi import APIRouter

from proxy.admin.auth import Gate, Grant
from proxy.admin.guard import introduces
from proxy.admin.problems import told
from proxy.admin.refused import Refused


def router(gate: Gate) -> APIRouter:
    """Return the route."""
    routes = APIRouter(prefix="/v1", tags=["inspection"])

    @routes.get("/whoami", responses=told(401, 403, 429))
    async def whoami(who: Annotated[Grant | Refused, introduces(gate)]) -> dict[str, str | None]:
        """Return the name and role of the token that was sent; where there are none, `local`'s.

        Who sends no token though it takes one is nobody, with no role; `detail` says why.
        """
        if isinstance(who, Refused):
            return {"name": None, "role": None, "detail": str(who)}
        return {"name": who.name, "role": who.role.value, "detail": None}

    return routes
