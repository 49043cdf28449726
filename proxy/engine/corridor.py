"""The corridor: the story of a request, from top to bottom.

    visit       board the request, look into the store, judge
    answer_now  answer from the store, if the verdict allows; never waits
    answer      else fetch, alone, leading or following, and answer with what lands

This module must not know sockets, files or formats; it decides nothing that policy decides.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final, assert_never

from proxy.engine.answer import Account, Answer, failure, reason_of
from proxy.engine.boarding import Boarded, board, early
from proxy.engine.delivery import along, from_entry, onward
from proxy.engine.entry import Entry
from proxy.engine.feed import Reader
from proxy.engine.fetch import Errand, Fetcher
from proxy.engine.flights import Failed, Flight, Flights, Landed, Landing, Unshareable, Validated
from proxy.engine.ports import Clock, Upstream
from proxy.engine.shelf import Shelf
from proxy.engine.snapshot import Snapshot
from proxy.engine.tasks import Tasks
from proxy.errors import ClientGone, SidecacheError, UpstreamError
from proxy.http.message import Request
from proxy.policy import credentials, reuse
from proxy.policy.parts import covers
from proxy.policy.reasons import Family, Reason
from proxy.policy.validation import is_partial_or_conditional, personal, whole
from proxy.policy.verdicts import Absent, Bypass, Fresh, MustValidate, Refuse, Stale, Verdict

_GATEWAY_TIMEOUT: Final = 504
_SERVER_ERRORS: Final = range(500, 600)
_REFUSED: Final = {
    Reason.ONLY_IF_CACHED: (_GATEWAY_TIMEOUT, "Not in the cache"),
    Reason.MAX_FORWARDS: (501, "Not forwarded"),
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request that has been judged; `entry` is what is stored for it, if anything is."""

    boarded: Boarded
    verdict: Verdict
    entry: Entry | None


class Corridor:
    """The engine's front: requests in, answers out."""

    def __init__(self, snapshot: Snapshot, shelf: Shelf, upstream: Upstream, clock: Clock) -> None:
        self.snapshot = snapshot
        self.shelf = shelf
        self.flights = Flights()
        self.tasks = Tasks()
        self._clock = clock
        self._fetcher = Fetcher(upstream, shelf, self.flights, clock)

    def visit(self, request: Request) -> Visit:
        """Judge a request; raises `RequestError` where it cannot be taken."""
        boarded = board(request, self.snapshot)
        verdict = early(boarded)
        if verdict is not None:
            return Visit(boarded, verdict, None)
        outbound, terms = boarded.outbound, boarded.rule.terms
        entries = self.shelf.variants(boarded.key)
        stored = reuse.select(outbound, [entry.stored for entry in entries])
        entry = next((e for e in entries if e.stored is stored), None)
        now, draw = self._clock.now(), self._clock.draw()
        judged = reuse.judge(outbound, stored, terms, now, draw, variants=bool(entries))
        return Visit(boarded, judged, entry)

    def answer_now(self, visit: Visit) -> Answer | None:
        """Answer without the upstream, or None where it has to be asked."""
        match visit.verdict:
            case Fresh(refresh=refresh) | Stale(refresh=refresh) if visit.entry is not None:
                if refresh:
                    self._refresh(visit, visit.entry)
                return self._stored(visit, visit.entry, self._account(visit))
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
        if answer is not None:
            return answer
        flight = self._to_follow(visit)
        if flight is None:
            return await self._lead(visit, body, shared=self._may_lead(visit), collapsed=None)
        ticket = flight.feed.reader()
        landing = await self._landing(flight, ticket, leading=False)
        if _fits(visit, landing):
            return await self._arrived(visit, landing, ticket, collapsed=True)
        await ticket.aclose()
        stale = self._instead_of(visit, landing)
        if stale is not None:
            return stale
        return await self._lead(visit, body, shared=False, collapsed=False)

    def _to_follow(self, visit: Visit) -> Flight | None:
        """Return the flight whose landing may serve this request too, if one is under way."""
        flight = self.flights.under_way(visit.boarded.key)
        if flight is None or not self._may_share(visit):
            return None
        if reuse.asked(visit.boarded.outbound).no_cache:
            return None  # 9111 §5.2.1.4: what left before this request may be older than it
        return flight if self.shelf.ledger.valid(visit.boarded.tags, flight.born) else None

    def _may_share(self, visit: Visit) -> bool:
        boarded = visit.boarded
        return (
            not isinstance(visit.verdict, Bypass)
            and boarded.outbound.method == "GET"
            and not credentials.carries(boarded.outbound.fields, boarded.rule.terms)
        )

    def _may_lead(self, visit: Visit) -> bool:
        """Tell whether others may wait for what this request will bring."""
        outbound = visit.boarded.outbound
        return (
            self._may_share(visit)
            and not reuse.asked(outbound).no_store
            and (isinstance(visit.verdict, MustValidate) or not is_partial_or_conditional(outbound))
            and not self.flights.marked(visit.boarded.key.digest, self._clock.now())
        )

    async def _lead(
        self,
        visit: Visit,
        body: AsyncIterator[bytes] | None,
        *,
        shared: bool,
        collapsed: bool | None,
    ) -> Answer:
        flight = Flight(self.shelf.ledger.sequence)
        if shared:
            self.flights.lead(visit.boarded.key, flight)
        ticket = flight.feed.reader()
        validating = visit.entry if isinstance(visit.verdict, MustValidate) else None
        incomplete = visit.entry if visit.verdict.reason is Reason.PARTIAL else None
        errand = Errand(visit.boarded, body, validating, incomplete)
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
            case _:
                assert_never(landing)

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
        if not self.shelf.ledger.valid(entry.tags, entry.born):
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
        return failure(status, error.title, str(error), account, self.snapshot.name)

    def _refresh(self, visit: Visit, entry: Entry) -> None:
        """Begin to validate in the background, unless someone already does."""
        boarded = visit.boarded
        if self.flights.under_way(boarded.key) is not None:
            return
        outbound = whole(replace(boarded.outbound, method="GET"))
        flight = Flight(self.shelf.ledger.sequence, attended=False)
        self.flights.lead(boarded.key, flight)
        errand = Errand(replace(boarded, outbound=outbound), entry=entry)
        self.tasks.hold(flight.depart(self._fetcher.fetch(errand, flight)))

    def _stored(self, visit: Visit, entry: Entry, account: Account) -> Answer:
        return from_entry(visit.boarded, entry, account, self._now())

    def _account(self, visit: Visit) -> Account:
        return Account(visit.boarded.rule.name, visit.verdict.reason)

    def _now(self) -> float:
        return self._clock.now()


def _fits(visit: Visit, landing: Landing) -> bool:
    """Tell whether a follower may have what landed; if not, it fetches its own (9111 §4)."""
    outbound = visit.boarded.outbound
    match landing:
        case Landed(stored=stored):
            return reuse.matches(outbound, stored.selecting) and covers(outbound, stored)
        case Validated(entry=entry, storing=storing):
            matching = reuse.matches(outbound, entry.stored.selecting)
            return matching and storing.meaning.family is Family.KEEP
        case Unshareable():
            return False
        case Failed(error=error):
            return isinstance(error, UpstreamError)  # any other is the leader's own fault
        case _:
            assert_never(landing)
