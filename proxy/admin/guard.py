"""Guard: the gate as something that a route depends on.

This module must not know what a route does.
"""

from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from proxy.admin.auth import Caller, Gate, Grant, Role
from proxy.admin.refused import Refused

_BEARER: Final = HTTPBearer(auto_error=False, description="A token of `admin.tokens`.")


def needs(gate: Gate, role: Role) -> Dependency:
    """Return a dependency that lets callers of this role pass and raises `Refused` for others."""

    async def check(caller: Annotated[Caller, Depends(_caller)]) -> Grant:
        return gate.admit(caller, role)

    dependency: Dependency = Depends(check)
    return dependency


def introduces(gate: Gate) -> Dependency:
    """Return a dependency that asks `Gate.introduced` who it is: it lets pass who sends nothing."""

    async def check(caller: Annotated[Caller, Depends(_caller)]) -> Grant | Refused:
        return gate.introduced(caller)

    dependency: Dependency = Depends(check)
    return dependency


async def _caller(
    request: Request,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
) -> Caller:
    return Caller(
        peer=request.client.host if request.client else None,
        host=request.headers.get("host", ""),
        authorization=request.headers.get("authorization"),
    )
