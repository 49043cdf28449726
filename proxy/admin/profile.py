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

LONGEST: Final = 60
"""Seconds of one profile."""

_ANSWER: Final[dict[str, Any]] = {
    "description": "The profile: a page, or what speedscope.app reads",
    "content": {form.value: {} for form in Form},
}


def router(control: Control, gate: Gate) -> APIRouter:
    """Return the route."""
    del control
    routes, profiling = APIRouter(prefix="/v1", tags=["inspection"]), Profiling()

    @routes.post(
        "/profile",
        dependencies=[needs(gate, Role.ADMIN)],
        response_class=Response,
        responses={**told(401, 403, 409, 422, 429, 501), 200: _ANSWER},
    )
    async def profile(
        seconds: Annotated[int, Query(ge=1, le=LONGEST)] = 10,
        accept: Annotated[str, Header()] = "",
    ) -> Response:
        """Watch the event loop's thread for a while, and tell what it did.

        That makes every call a little slower for so long. Needs the extra `profile`.
        """
        form = preferred(accept)
        return Response(await profiling.profile(seconds, form), media_type=form.value)

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
