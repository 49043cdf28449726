"""Profile: `/v1/profile`, which tells where a running proxy spends its time.

This module must not know how that is measured.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Query, Response

from proxy.admin.auth import Gate, Role
from proxy.admin.control import Control
from proxy.admin.guard import needs
from proxy.admin.problems import told
from proxy.admin.profiling import Form, Profiling
from proxy.admin.refused import Refused

LONGEST: Final = 60
"""Seconds of one profile."""
MOST_WORKERS: Final = 128
"""Workers that one proxy can have."""

WORKER: Final = "Sidecache-Worker"
"""The field that says which of a proxy's workers answers."""

_ANSWER: Final[dict[str, Any]] = {
    "description": "The profile: a page, or what speedscope.app reads",
    "content": {form.value: {} for form in Form},
    "headers": {WORKER: {"description": "Whose it is", "schema": {"type": "integer"}}},
}


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the route."""
    own = control.worker
    routes, profiling = APIRouter(prefix="/v1", tags=["inspection"]), Profiling()

    @routes.post(
        "/profile",
        dependencies=[needs(gate, Role.ADMIN)],
        response_class=Response,
        responses={**told(401, 403, 404, 409, 422, 429, 501, 503), 200: _ANSWER},
    )
    async def profile(
        seconds: Annotated[int, Query(ge=1, le=LONGEST)] = 10,
        worker: Annotated[int | None, Query(ge=0, le=MOST_WORKERS)] = None,
        accept: Annotated[str, Header()] = "",
    ) -> Response:
        """Watch the event loop's thread for a while, and tell what it did.

        That makes every call a little slower for so long. Of several workers the one of this number
        is watched, from 0, or else the one that is reached; `Sidecache-Worker` says which it was.
        Needs the extra `profile`.
        """
        if worker not in {None, own}:
            raise Refused(404, f"There is no worker {worker}; this is worker {own}.")
        form = preferred(accept)
        page = await profiling.profile(seconds, form, own)
        return Response(page, headers={WORKER: str(own)}, media_type=form.value)

    return routes


def preferred(accept: str) -> Form:
    """Return the form that an Accept field likes best (9110 §12.5.1).

    A page where it does not mind, and where it takes neither.
    """
    return max(Form, key=lambda form: _quality(accept, form.value))


def _quality(accept: str, media_type: str) -> float:
    """Return the weight of the most specific range that fits."""
    weights = dict(_weighed(member) for member in accept.lower().split(","))
    ranges = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
    return next((weights[each] for each in ranges if each in weights), 0.0)


def _weighed(member: str) -> tuple[str, float]:
    media_range, *parameters = (part.strip() for part in member.split(";"))
    weight = next((part[2:] for part in parameters if part.startswith("q=")), "1")
    try:
        return media_range, float(weight)
    except ValueError:
        return media_range, 0.0
