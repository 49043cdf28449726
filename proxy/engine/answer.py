"""Answer: what the engine hands to the edge, and the account of how it came about."""

from collections.abc import AsyncIterator
from dataclasses import field
from types import UnionType
from typing import Final, Protocol

from proxy.errors import (
    RequestError,
    SidecacheError,
    Unsendable,
    UpstreamBusy,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from proxy.http import problem
from proxy.http.cache_status import CacheStatus
from proxy.http.message import Fields
from proxy.policy.reasons import Family, Reason
from proxy.values import replace, valueclass


class Stream(Protocol):
    """A body that comes chunk by chunk; `aclose` when it is no longer wanted."""

    def __aiter__(self) -> AsyncIterator[bytes]: ...

    async def aclose(self) -> None:
        """Give up the rest."""


@valueclass(frozen=True, slots=True)
class Account:
    """How a request was handled: the rule, why, and what became of the response."""

    rule: str
    reason: Reason
    storing: Reason | None = None
    """Why the response was stored or not; None where there was none."""
    failed: Reason | None = None
    """Why the proxy had to answer by itself."""
    fwd_status: int | None = None
    collapsed: bool | None = None
    ttl: int | None = None
    key: str | None = None
    spared: float = 0.0
    """Seconds that the upstream took for what a hit was answered with."""
    unverified: bool = False
    """Served from the store although the purge log has not been heard for a while."""

    @property
    def hit(self) -> bool:
        """Whether the answer came from the cache without going forward."""
        return self.reason.meaning.family is Family.HIT

    def cache_status(self) -> CacheStatus:
        """Return this account in the words of RFC 9211."""
        stored = self.storing is not None and self.storing.meaning.family is Family.KEEP
        declined = None if stored else self.storing
        return CacheStatus(
            hit=self.hit,
            fwd=self.reason.meaning.fwd,
            fwd_status=self.fwd_status,
            ttl=self.ttl,
            stored=stored,
            collapsed=self.collapsed,
            key=self.key,
            detail=self._detail(declined).token,
        )

    def _detail(self, declined: Reason | None) -> Reason:
        return self.failed or declined or (Reason.UNVERIFIED if self.unverified else self.reason)


@valueclass(frozen=True, slots=True)
class Answer:
    """A response for one client: head, and a body in hand or on its way."""

    status: int
    fields: Fields
    account: Account
    body: bytes | memoryview | None = None
    stream: Stream | None = field(default=None, compare=False)


def failed(error: SidecacheError, status: int, account: Account, name: str) -> Answer:
    """Return an answer for an error, with the time after which to come back where there is one."""
    answer = failure(status, error.title, str(error), account, name)
    if error.retry_after is None:
        return answer
    return replace(answer, fields=answer.fields.plus((b"Retry-After", b"%d" % error.retry_after)))


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
    kept = None if account.storing is None else Reason.INCOMPLETE
    return replace(account, failed=reason_of(error), storing=kept)


def reason_of(error: SidecacheError) -> Reason:
    """Return the reason that an error stands for."""
    return next(reason for kind, reason in _REASONS if isinstance(error, kind))


_REASONS: Final[tuple[tuple[type[SidecacheError] | UnionType, Reason], ...]] = (
    (UpstreamTimeout, Reason.UPSTREAM_TIMEOUT),
    (UpstreamBusy, Reason.UPSTREAM_BUSY),
    (UpstreamUnreachable, Reason.UPSTREAM_UNREACHABLE),
    (UpstreamError | Unsendable, Reason.UPSTREAM_BROKEN),
    (RequestError, Reason.BAD_REQUEST),
    (SidecacheError, Reason.INTERNAL_ERROR),
)
"""Error → reason, the first that fits."""
