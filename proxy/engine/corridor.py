"""The corridor: the story of a request, from top to bottom.

    visit       board the request, look into the store, judge
    answer_now  answer from the store, if the verdict allows; never waits
    answer      else fetch, alone, leading or following, and answer with what lands

This module must not know sockets, files or formats; it decides nothing that policy decides.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import Final, assert_never

from proxy.engine.answer import Account, Answer, failed, failure, reason_of
from proxy.engine.boarding import Boarded, board, early
from proxy.engine.delivery import along, from_entry, onward
from proxy.engine.entry import Entry
from proxy.engine.feed import Reader
from proxy.engine.fetch import Errand, Fetcher
from proxy.engine.fleet import Fleet
from proxy.engine.flights import (
    Elsewhere,
    Failed,
    Flight,
    Landed,
    Landing,
    Unshareable,
    Validated,
)
from proxy.engine.ledger import Trust
from proxy.engine.ports import Clock, Upstream
from proxy.engine.purging import Purging
from proxy.engine.sharing import fits, may_lead, overtaken, to_follow
from proxy.engine.snapshot import Snapshot
from proxy.engine.tasks import Tasks
from proxy.engine.visit import Visit, judged
from proxy.errors import ClientGone, SidecacheError, UpstreamError
from proxy.http.message import Request
from proxy.policy import reuse
from proxy.policy.invalidation import SAFE
from proxy.policy.reasons import Reason
from proxy.policy.validation import personal, whole
from proxy.policy.verdicts import Absent, Bypass, Fresh, MustValidate, Refuse, Stale

_GATEWAY_TIMEOUT: Final = 504
_SERVER_ERRORS: Final = range(500, 600)
_REFUSED: Final = {
    Reason.ONLY_IF_CACHED: (_GATEWAY_TIMEOUT, "Not in the cache"),
    Reason.MAX_FORWARDS: (501, "Not forwarded"),
}


class Corridor:
    """The engine's front: requests in, answers out."""

    def __init__(
        self,
        snapshot: Snapshot,
        fleet: Fleet,
        purging: Purging,
        upstream: Upstream,
        clock: Clock,
    ) -> None:
        self.snapshot = snapshot
        self.shelf = fleet.shelf
        self.flights = fleet.flights
        self.tasks = Tasks()
        self._clock = clock
        self._fetcher = Fetcher(upstream, fleet, purging, clock)

    def visit(self, request: Request) -> Visit:
        """Judge a request; raises `RequestError` where it cannot be taken."""
        boarded, now = board(request, self.snapshot), self._now()
        verdict = early(boarded)
        if verdict is not None:
            return Visit(boarded, verdict, None, now)
        return judged(boarded, self.shelf, now, self._clock.draw(), far=self.shelf.shared)

    def answer_now(self, visit: Visit) -> Answer | None:
        """Answer without the upstream, or None where it has to be asked."""
        match visit.verdict:
            case Fresh(refresh=refresh) | Stale(refresh=refresh) if visit.entry is not None:
                if refresh:
                    self._refresh(visit, visit.entry)
                return self._stored(visit, visit.entry, self._account(visit))
            case Refuse(Reason.ONLY_IF_CACHED) if visit.far:
                return None
            case Refuse(reason):
                status, title = _REFUSED[reason]
                account = replace(self._account(visit), failed=reason)
                sentence = reason.meaning.sentence
                return failure(status, title, sentence, account, self.snapshot.name)
            case _:
                return None

    async def answer(self, visit: Visit, body: AsyncIterator[bytes] | None = None) -> Answer:
        """Answer, asking the upstream where the store cannot; raises `ClientGone` alone."""
        answer = self.answer_now(visit)
        if answer is None and visit.far:
            visit = await self._looked_further(visit)
            answer = self.answer_now(visit)
        if answer is not None:
            return answer
        return await self._fetched(visit, body, collapsed=None)

    async def _fetched(
        self, visit: Visit, body: AsyncIterator[bytes] | None, *, collapsed: bool | None
    ) -> Answer:
        """Answer with a fetch: one that is under way, or one of its own, for others or alone."""
        ledger = self.shelf.ledger
        flight = await to_follow(visit, self.flights, ledger)
        if flight is None:
            shared = may_lead(visit, self.flights, self._now())
            return await self._lead(visit, body, shared=shared, collapsed=collapsed)
        ticket = flight.feed.reader()
        landing = await self._landing(flight, ticket, leading=False)
        if fits(visit, landing, flight, ledger):
            return await self._arrived(visit, landing, ticket, collapsed=True)
        await ticket.aclose()
        if overtaken(visit.boarded, landing, flight, ledger):
            return await self._again(visit, body, collapsed=False)  # all of them, with one fetch
        stale = self._instead_of(visit, landing)
        if stale is not None:
            return stale
        return await self._lead(visit, body, shared=False, collapsed=False)

    async def _again(
        self, visit: Visit, body: AsyncIterator[bytes] | None, *, collapsed: bool
    ) -> Answer:
        """Answer with what lies on the shelf by now, or fetch after all."""
        again = replace(self._judged_again(visit.boarded), arrived=visit.arrived)
        if again.entry is not None and isinstance(again.verdict, Fresh | Stale):
            account = replace(self._account(visit), collapsed=collapsed)
            return self._stored(again, again.entry, account)
        return await self._fetched(again, body, collapsed=False)

    def _judged_again(self, boarded: Boarded) -> Visit:
        return judged(boarded, self.shelf, self._now(), self._clock.draw())

    async def _looked_further(self, visit: Visit) -> Visit:
        """Judge again, with what the shared tier has."""
        boarded = visit.boarded
        found = await self.shelf.look_further(boarded, visit.arrived)
        again = judged(boarded, self.shelf, self._now(), self._clock.draw(), found=found)
        return replace(again, arrived=visit.arrived)

    async def _lead(
        self,
        visit: Visit,
        body: AsyncIterator[bytes] | None,
        *,
        shared: bool,
        collapsed: bool | None,
    ) -> Answer:
        lasting = visit.boarded.outbound.method not in SAFE
        flight = Flight(self.shelf.ledger.position, self._now(), lasting=lasting)
        if shared:
            self.flights.lead(visit.boarded.key, flight)
        ticket = flight.feed.reader()
        held = visit.entry  # unless a purge has come while this request waited for another
        if held is not None and not self.shelf.usable(held, self._now()):
            held = None
        validating = held if isinstance(visit.verdict, MustValidate) else None
        incomplete = held if visit.verdict.reason is Reason.PARTIAL else None
        awaited = shared and not reuse.asked(visit.boarded.outbound).no_cache
        answered = partial(self._answered, visit.boarded) if awaited else None
        errand = Errand(visit.boarded, body, validating, incomplete, answered)
        self.tasks.hold(flight.depart(self._fetcher.fetch(errand, flight)))
        landing = await self._landing(flight, ticket, leading=True)
        return await self._arrived(visit, landing, ticket, collapsed=collapsed)

    async def _landing(self, flight: Flight, ticket: Reader, *, leading: bool) -> Landing:
        try:
            return await flight.wait()
        except asyncio.CancelledError:
            await flight.leave(ticket, leading=leading)
            raise

    async def _arrived(
        self, visit: Visit, landing: Landing, ticket: Reader, *, collapsed: bool | None
    ) -> Answer:
        """Answer with what landed; `collapsed` is True for those who followed (9211 §2.6)."""
        account = replace(self._account(visit), collapsed=collapsed)
        if isinstance(landing, Landed):
            account = replace(account, storing=landing.stored.lifetime.source)
            leading = collapsed is not True
            answer = along(visit.boarded, landing, ticket, account, self._now(), leading=leading)
            if answer.stream is None:
                await ticket.aclose()
            return answer
        await ticket.aclose()
        match landing:
            case Validated(head, entry, storing):
                account = replace(account, storing=storing, fwd_status=head.status)
                answer = self._stored(visit, entry, account)
                own = () if collapsed else personal(head, entry.stored)
                return replace(answer, fields=answer.fields.plus(*own))
            case Unshareable(head, inbound, reason):
                stale = self._instead_of(visit, landing)
                if stale is not None:
                    await inbound.aclose()
                    return stale
                quiet = isinstance(visit.verdict, Bypass) or visit.boarded.outbound.method == "HEAD"
                account = account if quiet else replace(account, storing=reason)
                return await onward(visit.boarded, head, inbound, account)
            case Failed(error):
                return self._failed(visit, error)
            case Elsewhere():
                return await self._again(visit, None, collapsed=True)
            case _:
                assert_never(landing)

    def _answered(self, boarded: Boarded) -> bool:
        """Tell whether what is on the shelf by now answers a request."""
        return isinstance(self._judged_again(boarded).verdict, Fresh | Stale)

    def _renewed(self, boarded: Boarded, old: Entry) -> bool:
        """Tell whether another, fresh answer lies on the shelf by now in the place of `old`."""
        again = self._judged_again(boarded)
        other = again.entry is not None and again.entry.stored is not old.stored
        return other and isinstance(again.verdict, Fresh)

    def _instead_of(self, visit: Visit, landing: Landing) -> Answer | None:
        """Answer with what is stored instead of an error status, if allowed (9111 §4.3.3)."""
        if isinstance(landing, Unshareable) and landing.head.status in _SERVER_ERRORS:
            return self._instead(visit, unreachable=False)
        return None

    def _instead(self, visit: Visit, *, unreachable: bool) -> Answer | None:
        """Answer with what is stored because the upstream gave no good answer, if allowed."""
        entry = visit.entry
        if entry is None or isinstance(visit.verdict, Absent):
            return None
        if not self.shelf.usable(entry, self._now()):
            return None
        boarded = visit.boarded
        verdict = reuse.instead_of_error(
            boarded.outbound, entry.stored, boarded.rule.terms, self._now(), unreachable=unreachable
        )
        if verdict is None:
            return None
        return self._stored(visit, entry, Account(boarded.rule.name, verdict.reason))

    def _failed(self, visit: Visit, error: SidecacheError) -> Answer:
        if isinstance(error, ClientGone):
            raise error
        stale = self._instead(visit, unreachable=isinstance(error, UpstreamError))
        if stale is not None:
            return stale
        status = error.status
        verdict = visit.verdict
        if isinstance(error, UpstreamError) and isinstance(verdict, MustValidate):
            # 9111 §5.2.2.2: must-revalidate while disconnected
            status = status if verdict.stored.may_be_stale else _GATEWAY_TIMEOUT
        account = replace(self._account(visit), failed=reason_of(error))
        return failed(error, status, account, self.snapshot.name)

    def refresh(self, request: Request) -> bool:
        """Begin to fetch anew, in the background, what is stored for a request and is not fresh.

        False where there is no such thing, or someone already does.
        """
        visit = self.visit(request)
        if visit.entry is None or not isinstance(visit.verdict, Stale | MustValidate):
            return False
        return self._refresh(visit, visit.entry)

    def _refresh(self, visit: Visit, entry: Entry) -> bool:
        """Begin to validate in the background; False where someone already does."""
        boarded = visit.boarded
        if self.flights.under_way(boarded.key) is not None:
            return False
        outbound = whole(replace(boarded.outbound, method="GET"))
        flight = Flight(self.shelf.ledger.position, self._now(), attended=False)
        self.flights.lead(boarded.key, flight)
        answered = partial(self._renewed, boarded, entry)
        errand = Errand(replace(boarded, outbound=outbound), entry=entry, answered=answered)
        self.tasks.hold(flight.depart(self._fetcher.fetch(errand, flight)))
        return True

    def _stored(self, visit: Visit, entry: Entry, account: Account) -> Answer:
        now = self._now()
        if self.shelf.ledger.trust(now) is not Trust.CONFIRMED:
            account = replace(account, unverified=True)
        return from_entry(visit.boarded, entry, account, now)

    def _account(self, visit: Visit) -> Account:
        return Account(visit.boarded.rule.name, visit.verdict.reason)

    def _now(self) -> float:
        return self._clock.now()
