"""Accounts: answers for one caller alone, behind Authorization.

Account 7 is `Authorization: Bearer account-7`, or Basic with `account-7` and `password-7`.
"""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Request, Response
from fastapi.security import (
    HTTPAuthorizationCredentials,
    HTTPBasic,
    HTTPBasicCredentials,
    HTTPBearer,
)

from examples.catalog.conditions import Representation, answer
from examples.catalog.dependencies import TheStore
from examples.catalog.models import Account, Orders
from examples.catalog.store import Missing, Store

USER = re.compile(r"account-([1-9][0-9]{0,8})")
PRIVATE = {"Cache-Control": "private, no-cache"}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="catalog", Basic realm="catalog"'}

router = APIRouter(prefix="/me", tags=["accounts"])


def account_of(store: Store, user: str, password: str | None = None) -> Account:
    """Return the account of a user such as `account-7`; raise 401 for any other.

    A bearer has shown the whole token and has no password to give.
    """
    match = USER.fullmatch(user)
    if match is None or password not in (None, f"password-{match[1]}"):
        raise HTTPException(401, "unknown credentials", CHALLENGE)
    try:
        return store.account(int(match[1]))
    except Missing as error:
        raise HTTPException(401, "unknown credentials", CHALLENGE) from error


def _caller(
    store: TheStore,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))],
    basic: Annotated[HTTPBasicCredentials | None, Depends(HTTPBasic(auto_error=False))],
) -> Account:
    if bearer is not None:
        return account_of(store, bearer.credentials)
    if basic is not None:
        return account_of(store, basic.username, basic.password)
    raise HTTPException(401, "credentials are required", CHALLENGE)


Caller = Annotated[Account, Depends(_caller)]


@router.get("", response_model=Account, responses={304: {}, 401: {}})
def get_account(request: Request, account: Caller) -> Response:
    """Private and revalidated each time: a shared cache must never keep it.

    The ETag differs from account to account, so a browser's own copy costs a 304.
    """
    return answer(request, Representation.of(account), PRIVATE)


@router.get("/orders", response_model=Orders, responses={304: {}, 401: {}})
def get_orders(request: Request, store: TheStore, account: Caller) -> Response:
    """Private and revalidated each time, like the account."""
    return answer(request, Representation.of(store.orders(account.id)), PRIVATE)
