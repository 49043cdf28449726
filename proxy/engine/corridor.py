"""The corridor: the story of a request, from top to bottom.

    visit       board the request, look into the store, judge
    answer_now  answer from the store, if the verdict allows; never waits
    answer      else fetch, alone, leading or following, and answer with what lands

This module must not know sockets, files or formats; it decides nothing that policy decides.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, assert_never

from proxy.engine.answer import Account, Answer, failure
from proxy.engine.boarding import Gangway, early
from proxy.engine.delivery import Arrival, Delivery, passed_on
from proxy.engine.entry import Entry
from proxy.engine.errand import Errand
from proxy.engine.feed import Reader
from proxy.engine.fetch import Fetcher
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
from proxy.engine.journey import follow
from proxy.engine.lastresort import LastResort
from proxy.engine.ledger import Trust
from proxy.engine.ports import World
from proxy.engine.purging import Purging
from proxy.engine.quarantine import Quarantine
from proxy.engine.renditions import Renditions
from proxy.engine.renewal import Renewal, count_refetched
from proxy.engine.shadow import Shadow
from proxy.engine.sharing import fits, may_lead, overtaken, to_follow, widened
from proxy.engine.snapshot import Snapshot
from proxy.engine.stats import Stats
from proxy.engine.tasks import Tasks
from proxy.engine.verifying import Verifying
from proxy.engine.visit import Visit, by_now, judged
from proxy.errors import UpstreamError
from proxy.http.message import Request
from proxy.policy import reuse
from proxy.policy.invalidation import SAFE
from proxy.policy.reasons import Reason
from proxy.policy.validation import personal
from proxy.policy.verdicts import Absent, Bypass, Fresh, MustValidate, Refuse, Stale
from proxy.values import replace

_GATEWAY_TIMEOUT: Final = 504
_REFUSED: Final = {
    Reason.ONLY_IF_CACHED: (_GATEWAY_TIMEOUT, "Not in the cache"),
    Reason.MAX_FORWARDS: (501, "Not forwarded"),
}


class Corridor:
    """The engine's front: requests in, answers out."""

    def __init__(
        self, snapshot: Snapshot, fleet: Fleet, purging: Purging, world: World, stats: Stats
    ) -> None:
        self.snapshot = snapshot
        self._gangway = Gangway(snapshot)
        self.shelf = fleet.shelf
        self.flights = fleet.flights
        self.tasks = Tasks()
        self._clock, self._now = world.clock, world.clock.now
        self._stats = stats
        renditions = Renditions(world.coder, fleet.shelf, self.tasks)
        self._delivery = Delivery(renditions, world.coder, self.tasks)
        self._last = LastResort(fleet.shelf, world.clock, self._stored)
        self._fetcher = Fetcher(world, fleet, purging, renditions, self.tasks)
        self.quarantine = Quarantine(self, purging)
        self._shadow = Shadow(fleet.shelf.ledger, world.clock, stats)
        self._verifying = Verifying(world, self.tasks, stats, self.quarantine.begin)
        self._renewal = Renewal(fleet.shelf, fleet.flights, world.clock, self._depart)

    def visit(self, request: Request) -> Visit:
        """Judge a request; raises `RequestError` where it cannot be taken."""
        boarded, now = self._gangway.board(request, self.snapshot), self._now()
        verdict = early(boarded)
        if verdict is not None:
            return Visit(boarded, verdict, None, now)
        return judged(boarded, self.shelf, now, self._clock.draw(), far=self.shelf.shared)

    def answer_now(self, visit: Visit) -> Answer | None:
        """Answer without the upstream, or None where it has to be asked."""
        match visit.verdict:
            case Fresh() | Stale() if visit.entry is not None:
                now, account = self._now(), self._of_store(self._account(visit))
                answer = self._delivery.at_once(visit.boarded, visit.entry, account, now)
                if answer is not None:
                    self._hit(visit, visit.entry)
                return answer
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
        if answer is None and visit.far and not visit.served:
            visit = await self._looked_further(visit)
            answer = self.answer_now(visit)
        if answer is not None:
            return answer
        if visit.served and visit.entry is not None:
            self._hit(visit, visit.entry)
            return await self._stored(visit, visit.entry, self._account(visit))
        return await self._fetched(visit, body, collapsed=None)

    async def _fetched(
        self, visit: Visit, body: AsyncIterator[bytes] | None, *, collapsed: bool | None
    ) -> Answer:
        """Answer with a fetch: one that is under way, or one of its own, for others or alone."""
        visit = by_now(visit, self.snapshot)
        ledger = self.shelf.ledger
        flight = await to_follow(visit, self.flights, ledger)
        found = isinstance(visit.verdict, Absent) and not self.shelf.empty(visit.boarded.key)
        if flight is None and found:
            again = self._judged_again(visit)  # what was under way may just have ended
            if again.entry is not None and again.served:
                return await self._stored(again, again.entry, self._account(again))
        if flight is None:
            shared = may_lead(visit, self.flights, self._now())
            return await self._lead(visit, body, shared=shared, collapsed=collapsed)
        ticket = flight.feed.reader()
        landing = await self._landing(flight, ticket, leading=False)
        if fits(visit, landing, flight, ledger):
            follow(flight.journey)
            return await self._arrived(visit, landing, flight, ticket, collapsed=True)
        await ticket.aclose()
        if overtaken(visit.boarded, landing, flight, ledger):
            return await self._again(visit, body, collapsed=False)  # all of them, with one fetch
        stale = await self._last.instead_of(visit, landing)
        if stale is not None:
            return stale
        return await self._lead(visit, body, shared=False, collapsed=False)

    async def _again(
        self, visit: Visit, body: AsyncIterator[bytes] | None, *, collapsed: bool
    ) -> Answer:
        """Answer with what lies on the shelf by now, or fetch after all."""
        if by_now(visit, self.snapshot) is not visit:
            return await self._fetched(visit, body, collapsed=False)
        again = self._judged_again(visit)
        if again.entry is not None and again.served:
            return await self._stored(again, again.entry, self._account(visit, collapsed=collapsed))
        return await self._fetched(again, body, collapsed=False)

    def _judged_again(self, visit: Visit, found: tuple[Entry, ...] = ()) -> Visit:
        """Judge by what is there now, and by what the shared tier has just given."""
        now, draw = self._now(), self._clock.draw()
        again = judged(visit.boarded, self.shelf, now, draw, found=found)
        return replace(again, arrived=visit.arrived, informed=visit.informed)

    async def _looked_further(self, visit: Visit) -> Visit:
        """Judge again, with what the shared tier has."""
        found = await self.shelf.look_further(visit.boarded, visit.arrived)
        return self._judged_again(visit, found)

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
        answered = (lambda: self._judged_again(visit).served) if awaited else None
        wide = widened(visit) if shared else None
        boarded = visit.boarded if wide is None else replace(visit.boarded, outbound=wide)
        errand = Errand(boarded, body, validating, incomplete, answered, visit.informed)
        if shared or lasting or held is not None:
            self._depart(errand, flight)
        else:  # whom nobody can join, and who takes the fetch along when its client leaves
            flight.carry(self._fetcher.fetch(errand, flight))
        landing = await self._landing(flight, ticket, leading=True)
        if wide is not None and isinstance(landing, Unshareable):
            await ticket.aclose()
            await landing.inbound.aclose()
            return await self._lead(visit, body, shared=False, collapsed=collapsed)
        return await self._arrived(visit, landing, flight, ticket, collapsed=collapsed)

    def _depart(self, errand: Errand, flight: Flight) -> None:
        """Start a fetch as a task of its own; count whether it brought what was stored already."""
        fetching = flight.depart(self._fetcher.fetch(errand, flight))
        fetching.add_done_callback(lambda _: count_refetched(self._stats, errand, flight))
        self.tasks.hold(fetching)

    async def _landing(self, flight: Flight, ticket: Reader, *, leading: bool) -> Landing:
        try:
            return await flight.wait()
        except asyncio.CancelledError as error:
            left = error
        await flight.leave(ticket, leading=leading)
        raise left

    async def _arrived(
        self,
        visit: Visit,
        landing: Landing,
        flight: Flight,
        ticket: Reader,
        *,
        collapsed: bool | None,
    ) -> Answer:
        """Answer with what landed; `collapsed` is True for those who followed (9211 §2.6)."""
        if isinstance(landing, Landed):
            storing = landing.stored.lifetime.source
            account = self._account(visit, collapsed=collapsed, storing=storing)
            parts = (visit.boarded, landing, flight, ticket, account, self._now())
            try:
                return await self._delivery.along(Arrival(*parts, leading=collapsed is not True))
            except UpstreamError as error:
                broken = error
            return await self._last.failed(visit, broken)
        account = self._account(visit, collapsed=collapsed)
        await ticket.aclose()
        match landing:
            case Validated(head, entry, storing):
                account = replace(account, storing=storing, fwd_status=head.status)
                answer = await self._stored(visit, entry, account)
                own = () if collapsed else personal(head, entry.stored)
                return replace(answer, fields=answer.fields.plus(*own))
            case Unshareable():
                return await self._unshared(visit, landing, flight, account)
            case Failed(error=lost):
                return await self._last.failed(visit, lost)
            case Elsewhere():
                return await self._again(visit, None, collapsed=True)
            case _:
                assert_never(landing)

    async def _unshared(
        self, visit: Visit, landing: Unshareable, flight: Flight, account: Account
    ) -> Answer:
        """Answer the leader with a response that is not kept, or with a stored one instead."""
        if visit.boarded.passing is not None:
            inbound = self._shadow.beside(visit.boarded, landing, flight)
            return await passed_on(visit.boarded, landing.head, inbound, account)
        stale = await self._last.instead_of(visit, landing)
        if stale is not None:
            await landing.inbound.aclose()
            return stale
        quiet = isinstance(visit.verdict, Bypass) or visit.boarded.outbound.method == "HEAD"
        account = account if quiet else replace(account, storing=landing.reason)
        return await self._delivery.onward(visit.boarded, landing.head, landing.inbound, account)

    def refresh(self, request: Request) -> bool:
        """Begin to fetch anew, in the background, what is stored for a request and is not fresh.

        False where there is no such thing, or someone already does.
        """
        visit = self.visit(request)
        if visit.entry is None or not isinstance(visit.verdict, Stale | MustValidate):
            return False
        return self._renewal.begin(visit, visit.entry)

    def _hit(self, visit: Visit, entry: Entry) -> None:
        """Begin what a hit gives rise to, behind its answer."""
        self._renewal.if_due(visit, entry)
        self._verifying.hit(visit, entry)

    async def _stored(self, visit: Visit, entry: Entry, account: Account) -> Answer:
        account = self._of_store(account)
        return await self._delivery.stored(visit.boarded, entry, account, self._now())

    def _of_store(self, account: Account) -> Account:
        trusted = self.shelf.ledger.trust(self._now()) is Trust.CONFIRMED
        return account if trusted else replace(account, unverified=True)

    def _account(
        self, visit: Visit, *, collapsed: bool | None = None, storing: Reason | None = None
    ) -> Account:
        reason = visit.verdict.reason
        return Account(visit.boarded.rule.name, reason, storing, collapsed=collapsed)
