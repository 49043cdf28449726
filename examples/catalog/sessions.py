"""Sessions in a cookie: answers that hand a secret to one client.

The cookie holds its subject and a signature, so the server keeps no list of sessions.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, Cookie, Request, Response

from examples.catalog import models
from examples.catalog.accounts import account_of
from examples.catalog.dependencies import TheStore

LIFETIME = 1_800
"""How long a cookie lives after each answer, in seconds."""

router = APIRouter(tags=["sessions"])


@dataclass(frozen=True)
class Signer:
    """Signs the subjects of sessions with a key that lives as long as the process."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    def sign(self, subject: str) -> str:
        """Return `subject.signature`."""
        return f"{subject}.{hmac.new(self.key, subject.encode(), 'sha256').hexdigest()}"

    def subject(self, token: str | None) -> str:
        """Return whom a token stands for: a new visitor if it is not one of ours."""
        subject = (token or "").partition(".")[0]
        genuine = hmac.compare_digest(self.sign(subject).encode(), (token or "").encode())
        return subject if genuine else f"visitor-{secrets.token_hex(8)}"


@router.post("/login", response_model=models.Session, responses={401: {}})
def login(request: Request, store: TheStore, credentials: models.Credentials) -> Response:
    """Set the cookie of an account: the answer to a POST, which no cache keeps."""
    account_of(store, credentials.user, credentials.password)
    return _session(request, credentials.user, {"Cache-Control": "no-store"})


@router.get("/session", response_model=models.Session)
def session(
    request: Request, session: Annotated[str | None, Cookie(max_length=200)] = None
) -> Response:
    """Commit a common mistake: max-age on an answer that sets a cookie.

    Each answer renews the cookie, and whoever has none becomes a new visitor. A cache that went
    by max-age alone would hand one visitor's cookie to the next.
    """
    signer: Signer = request.app.state.signer
    return _session(request, signer.subject(session), {"Cache-Control": "max-age=60"})


def _session(request: Request, subject: str, fields: dict[str, str]) -> Response:
    signer: Signer = request.app.state.signer
    body = models.Session(subject=subject).model_dump_json()
    response = Response(body, headers=fields, media_type="application/json")
    response.set_cookie(
        "session", signer.sign(subject), max_age=LIFETIME, httponly=True, samesite="lax"
    )
    return response
