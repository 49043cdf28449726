"""Last resort: what is answered where a fetch brought an error, or nothing at all.

A stored answer if policy allows it, else the error's own status. This module must not know how
anything is fetched.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from proxy.engine.answer import Account, Answer, failed, reason_of
from proxy.engine.entry import Entry
from proxy.engine.flights import Landing, Unshareable
from proxy.engine.ports import Clock
from proxy.engine.shelf import Shelf
from proxy.engine.visit import Visit
from proxy.errors import ClientGone, SidecacheError, UpstreamError
from proxy.policy import reuse
from proxy.policy.verdicts import Absent, MustValidate

Serve = Callable[[Visit, Entry, Account], Awaitable[Answer]]
"""What answers with an entry."""

_GATEWAY_TIMEOUT: Final = 504
_SERVER_ERRORS: Final = range(500, 600)


class LastResort:
    """Finds an answer where the upstream gave no good one."""

    def __init__(self, shelf: Shelf, clock: Clock, serve: Serve) -> None:
        self._shelf = shelf
        self._clock = clock
        self._serve = serve

    async def instead_of(self, visit: Visit, landing: Landing) -> Answer | None:
        """Answer with what is stored instead of an error status, if allowed (9111 §4.3.3)."""
        if isinstance(landing, Unshareable) and landing.head.status in _SERVER_ERRORS:
            return await self._instead(visit, unreachable=False)
        return None

    async def failed(self, visit: Visit, error: SidecacheError) -> Answer:
        """Answer although there is no response; raises `ClientGone` alone."""
        if isinstance(error, ClientGone):
            raise error
        stale = await self._instead(visit, unreachable=isinstance(error, UpstreamError))
        if stale is not None:
            return stale
        status, verdict = error.status, visit.verdict
        if isinstance(error, UpstreamError) and isinstance(verdict, MustValidate):
            # 9111 §5.2.2.2: must-revalidate while disconnected
            status = status if verdict.stored.may_be_stale else _GATEWAY_TIMEOUT
        account = Account(visit.boarded.rule.name, verdict.reason, failed=reason_of(error))
        return failed(error, status, account, visit.boarded.snapshot.name)

    async def _instead(self, visit: Visit, *, unreachable: bool) -> Answer | None:
        """Answer with what is stored because the upstream gave no good answer, if allowed."""
        entry, now = visit.entry, self._clock.now()
        if entry is None or isinstance(visit.verdict, Absent) or not self._shelf.usable(entry, now):
            return None
        request, terms = visit.boarded.outbound, visit.boarded.rule.terms
        verdict = reuse.instead_of_error(request, entry.stored, terms, now, unreachable=unreachable)
        if verdict is None:
            return None
        return await self._serve(visit, entry, Account(visit.boarded.rule.name, verdict.reason))
