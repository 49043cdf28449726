"""Auth: who asks, and whether they may.

Tokens are compared as digests, each of them every time. This module must not know what is asked
for, nor where tokens are kept.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from hmac import compare_digest
from ipaddress import ip_address
from typing import Final

from proxy.admin.refused import Refused
from proxy.http.target import normal_authority

SHORTEST: Final = 16
LONGEST: Final = 1_024
"""Characters of a token."""
FAILURES: Final = 10
"""Unknown tokens a second that a peer is told of as such; of any more, only to wait."""

_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_BEARER: Final = re.compile(r"bearer +([\x21-\x7e]+)", re.IGNORECASE)
_LOCAL_HOST: Final = re.compile(rb"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d+)?")
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class Role(Enum):
    """What a token allows, each what the one before it does and more.

    READ: to look at everything; no secret is ever shown.
    PURGE: to purge.
    ADMIN: to warm, which asks the upstream; to reload, to profile, and to end a quarantine.
    """

    READ = "read"
    PURGE = "purge"
    ADMIN = "admin"

    def allows(self, wanted: "Role") -> bool:
        """Tell whether this role may do what `wanted` may."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(wanted)


@dataclass(frozen=True, slots=True)
class Token:
    """A token's name, role and digest; the token itself is not kept."""

    name: str
    role: Role
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, name: str, role: Role, text: str) -> "Token":
        """Return a token; raises ValueError, which never shows it, where it is unfit."""
        if len(text) < SHORTEST:
            raise ValueError(f"the token is shorter than {SHORTEST} characters")
        if len(text) > LONGEST:
            raise ValueError(f"the token is longer than {LONGEST} characters")
        if not _VISIBLE.fullmatch(text):
            raise ValueError("the token has characters that no header field can carry as they are")
        return cls(name, role, _digest(text))


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the peer's address, and the Host and Authorization fields of the request."""

    peer: str | None
    host: str
    authorization: str | None


@dataclass(frozen=True, slots=True)
class Grant:
    """As whom a caller was let in: a token's name and role, or `local`, who may read."""

    name: str
    role: Role


class Gate:
    """Lets in who has a token for what they want; without any token, local readers alone."""

    def __init__(self, tokens: Sequence[Token], clock: Callable[[], float]) -> None:
        self._tokens = tuple(tokens)
        self._clock = clock
        self._second = 0
        self._failures: Counter[str | None] = Counter()

    def renew(self, tokens: Sequence[Token]) -> None:
        """Let in who has one of these from now on, and nobody else."""
        self._tokens = tuple(tokens)

    def admit(self, caller: Caller, wanted: Role) -> Grant:
        """Return as whom a caller is let in; raises `Refused`."""
        if not self._tokens:
            return _local(caller, wanted)
        token = self._recognised(caller)
        if token is None:
            raise self._failed(caller)
        if not token.role.allows(wanted):
            detail = f"This needs a token of role {wanted.value}; '{token.name}' has the role"
            raise Refused(403, f"{detail} {token.role.value}.")
        return Grant(token.name, token.role)

    def introduced(self, caller: Caller) -> Grant | Refused:
        """Return as whom a caller may read or, to one who sends no token, why they may not yet.

        Raises `Refused` for what is sent and is no token: who sends nothing has failed at nothing.
        """
        if caller.authorization is not None:
            return self.admit(caller, Role.READ)
        if self._tokens:
            return Refused(401, "This proxy asks for a token.", _CHALLENGE)
        try:
            return _local(caller, Role.READ)
        except Refused as refused:
            return refused

    def _failed(self, caller: Caller) -> Refused:
        """Count a failure and return what the peer is told.

        Failures alone are held against it: the peer may be a balancer, behind which others have
        good tokens.
        """
        second = int(self._clock())
        if second != self._second:
            self._second = second
            self._failures.clear()
        self._failures[caller.peer] += 1
        if self._failures[caller.peer] > FAILURES:
            detail = f"More than {FAILURES} failed attempts a second; wait for the next one."
            return Refused(429, detail, {"Retry-After": "1"})
        detail = "Send a token as 'Authorization: Bearer …'; the one sent, if any, is unknown."
        return Refused(401, detail, _CHALLENGE)

    def _recognised(self, caller: Caller) -> Token | None:
        """Return the token that was sent, having looked at every one that there is."""
        found = _BEARER.fullmatch(caller.authorization or "")
        digest = _digest(found[1] if found else "")
        matching = [token for token in self._tokens if compare_digest(token.digest, digest)]
        return matching[0] if matching else None


def _local(caller: Caller, wanted: Role) -> Grant:
    """Admit a reader on this machine who asks for it by one of its own names.

    A page in a browser could have another name resolve to this machine (DNS rebinding).
    """
    if wanted is not Role.READ:
        detail = "This needs a token, and none is configured: set SIDECACHE_ADMIN_TOKEN"
        raise Refused(403, f"{detail} or admin.tokens.")
    host = normal_authority("http", caller.host.encode("ascii", "replace"))
    if not _is_loopback(caller.peer) or not _LOCAL_HOST.fullmatch(host):
        detail = "Without tokens, only this machine may ask, as localhost: set"
        raise Refused(403, f"{detail} SIDECACHE_ADMIN_TOKEN or admin.tokens.")
    return Grant("local", Role.READ)


def _is_loopback(peer: str | None) -> bool:
    try:
        return peer is not None and ip_address(peer).is_loopback
    except ValueError:
        return False


def _digest(text: str) -> bytes:
    return sha256(text.encode()).digest()
