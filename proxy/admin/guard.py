"""Guard: the gate as something that a route depends on.

This module must not know what a route does.
"""

from typing import Annotated, Final

from fastapi import Depends, Request, Security
from fastapi.params import Depends as Dependency
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from proxy.admin.auth import Caller, Gate, Grant, Role

_BEARER: Final = HTTPBearer(auto_error=False, description="A token of `admin.tokens`.")


def needs(gate: Gate, role: Role) -> Dependency:
    """Return a dependency that lets callers of this role pass and raises `Refused` for others."""

    async def check(
        request: Request,
        _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)],
    ) -> Grant:
        return gate.admit(_caller(request), role)

    dependency: Dependency = Depends(check)
    return dependency


def _caller(request: Request) -> Caller:
    return Caller(
        peer=request.client.host if request.client else None,
        host=request.headers.get("host", ""),
        authorization=request.headers.get("authorization"),
    )
