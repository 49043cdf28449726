"""Reload: operators have the settings read anew. How that is done is not known here."""

from typing import Any

from fastapi import APIRouter

from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control, Outcome
from proxy.admin.guard import needs
from proxy.admin.problems import told
from proxy.admin.refused import Refused


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the route."""
    routes = APIRouter(
        prefix="/v1/config",
        tags=["settings"],
        dependencies=[needs(gate, Role.ADMIN)],
        responses=told(401, 403, 422, 429),
    )

    @routes.post("/reload")
    async def reload() -> dict[str, Any]:
        """Read file and variables anew, and put them in force if nothing is wrong with them.

        `restart_needed` names what differs and only a restart can change. 422: nothing has changed,
        and the detail has a line for each problem.
        """
        done = await control.reload()
        if done.outcome is Outcome.REFUSED:
            raise Refused(422, "\n".join(done.errors))
        return {
            "outcome": done.outcome.value,
            "generation": done.generation,
            "restart_needed": list(done.restart),
        }

    return routes
