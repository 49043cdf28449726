"""The admin API: FastAPI over the control of one proxy, a router for each noun.

This module must not reach into the engine; it is handed what it shows.
"""

from typing import Any, Final

from fastapi import FastAPI, Response

from proxy import __version__
from proxy.admin import (
    advice,
    dashboard,
    entries,
    explain,
    history,
    problems,
    profile,
    purges,
    quarantine,
    reload,
    state,
    warm,
    whoami,
)
from proxy.admin.auth import Gate
from proxy.admin.control import Control, Phase
from proxy.admin.metrics import CONTENT_TYPE

_ROUTERS: Final = (
    *(purges.router, explain.router, entries.router),
    *(state.router, advice.router, history.router, quarantine.router),
    *(reload.router, warm.router, profile.router),
)
_ABOUT: Final = """What operators see and do of one Sidecache.

Tokens are sent as `Authorization: Bearer …`; their roles are read, purge and admin. Errors are
RFC 9457 problems. Times are seconds where nothing else is said."""

_UNREADY: Final[dict[int | str, dict[str, Any]]] = {
    503: {"description": "Not yet, or not any more"}
}


def create_admin(control: Control, gate: Gate) -> FastAPI:
    """Return the admin application over `control`, for whom `gate` lets in."""
    api = FastAPI(
        title="Sidecache admin",
        description=_ABOUT,
        version=__version__,
        docs_url=None,  # these two pages get their scripts from the internet
        redoc_url=None,
        redirect_slashes=False,  # it would send whoever asks to the Host that they named
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    problems.install(api)
    _health(api, control)
    api.include_router(dashboard.router())
    api.include_router(whoami.router(gate))
    for router in _ROUTERS:
        api.include_router(router(control, gate))
    return api


def _health(api: FastAPI, control: Control) -> None:
    """Add what anybody may ask: probes and metrics."""

    @api.get("/livez", tags=["health"])
    async def livez() -> dict[str, str]:
        """Tell that the process runs and its loop turns."""
        return {"status": "alive"}

    @api.get("/startupz", tags=["health"], responses=_UNREADY)
    async def startupz(response: Response) -> dict[str, str]:
        """Tell whether the proxy has started."""
        return _status(response, good=control.phase() is not Phase.STARTING, word="started")

    @api.get("/readyz", tags=["health"], responses=_UNREADY)
    async def readyz(response: Response) -> dict[str, str]:
        """Tell whether requests should be sent here."""
        return _status(response, good=control.phase() is Phase.READY, word="ready")

    @api.get("/metrics", tags=["health"])
    async def prometheus() -> Response:
        """Return all metrics in Prometheus' text format."""
        return Response(control.metrics(), media_type=CONTENT_TYPE)


def _status(response: Response, *, good: bool, word: str) -> dict[str, str]:
    if not good:
        response.status_code = 503
    return {"status": word if good else f"not {word}"}
