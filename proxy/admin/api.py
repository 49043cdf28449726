"""The admin API: FastAPI over what the proxy tells of itself.

This module must not reach into the engine; it is handed what it shows.
"""

from collections.abc import Callable

from fastapi import FastAPI, Response

from proxy import __version__
from proxy.admin.metrics import CONTENT_TYPE


def create_admin(*, ready: Callable[[], bool], metrics: Callable[[], bytes]) -> FastAPI:
    """Return the admin application; `ready` and `metrics` are asked at each request."""
    api = FastAPI(
        title="Sidecache admin",
        version=__version__,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )

    @api.get("/livez")
    async def livez() -> dict[str, str]:
        """Tell that the process runs and its loop turns."""
        return {"status": "alive"}

    @api.get("/readyz", responses={503: {"description": "Starting or draining"}})
    async def readyz(response: Response) -> dict[str, str]:
        """Tell whether requests should be sent here."""
        if ready():
            return {"status": "ready"}
        response.status_code = 503
        return {"status": "not ready"}

    @api.get("/metrics")
    async def prometheus() -> Response:
        """Return all metrics in Prometheus' text format."""
        return Response(metrics(), media_type=CONTENT_TYPE)

    return api
