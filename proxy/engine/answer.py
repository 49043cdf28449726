"""Answer: what the engine hands to the edge, and the account of how it came about."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from proxy.errors import SidecacheError, UpstreamError, UpstreamTimeout, UpstreamUnreachable
from proxy.http import problem
from proxy.http.cache_status import CacheStatus
from proxy.http.message import Fields
from proxy.policy.reasons import Family, Reason


class Stream(Protocol):
    """A body that comes chunk by chunk; `aclose` when it is no longer wanted."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Give up the rest."""


@dataclass(frozen=True, slots=True)
class Account:
    """How a request was handled: the rule, why, and what became of the response."""

    rule: str
    reason: Reason
    kept: Reason | None = None
    """Why the response was stored or not; None where there was none."""
    failed: Reason | None = None
    """Why the proxy had to answer by itself."""
    fwd_status: int | None = None
    collapsed: bool | None = None
    ttl: int | None = None
    key: str | None = None

    @property
    def hit(self) -> bool:
        """Whether the answer came from the cache without going forward."""
        return self.reason.account.family is Family.HIT

    def cache_status(self) -> CacheStatus:
        """Return this account in the words of RFC 9211."""
        stored = self.kept is not None and self.kept.account.family is Family.KEEP
        declined = None if stored else self.kept
        return CacheStatus(
            hit=self.hit,
            fwd=self.reason.account.fwd,
            fwd_status=self.fwd_status,
            ttl=self.ttl,
            stored=stored,
            collapsed=self.collapsed,
            key=self.key,
            detail=(self.failed or declined or self.reason).value,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """A response for one client: head, and a body in hand or on its way."""

    status: int
    fields: Fields
    account: Account
    body: bytes | memoryview | None = None
    stream: Stream | None = field(default=None, compare=False)


def failure(status: int, title: str, detail: str, account: Account, name: str) -> Answer:
    """Return an answer of the proxy's own, with a body by RFC 9457."""
    media_type, body = problem.render(status, title, detail)
    fields = Fields(
        (
            (b"Content-Type", media_type),
            (b"Content-Length", b"%d" % len(body)),
            (b"Cache-Control", b"no-store"),
            (b"Cache-Status", account.cache_status().render(name)),
        )
    )
    return Answer(status, fields, account, body)


def cut(account: Account, error: SidecacheError) -> Account:
    """Return the account of an answer whose body broke off: it failed, and nothing is stored."""
    kept = None if account.kept is None else Reason.INCOMPLETE
    return replace(account, failed=reason_of(error), kept=kept)


def reason_of(error: SidecacheError) -> Reason:
    """Return the reason that an error stands for."""
    if isinstance(error, UpstreamTimeout):
        return Reason.UPSTREAM_TIMEOUT
    if isinstance(error, UpstreamUnreachable):
        return Reason.UPSTREAM_UNREACHABLE
    return Reason.UPSTREAM_BROKEN if isinstance(error, UpstreamError) else Reason.BAD_REQUEST
