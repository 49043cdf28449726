"""Fetch: one request to the upstream and what its response means for the store.

It ends in a landing: kept and shared, validated, for the leader alone, or failed. This module
must not know who waits for it.
"""

import asyncio
import logging
from functools import partial
from typing import Final, assert_never

from proxy.engine import fill, purges, reception
from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry, another
from proxy.engine.errand import Errand
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
from proxy.engine.freshening import freshened, heeded
from proxy.engine.keeping import (
    LASTING,
    OF_THE_REQUEST,
    PASS_FOR,
    admitted,
    cached,
    entry_of,
    home_of,
)
from proxy.engine.ports import Inbound, Outbound, World
from proxy.engine.purge import Born
from proxy.engine.purging import Purging
from proxy.engine.renditions import Renditions
from proxy.engine.tasks import Tasks
from proxy.errors import InternalError, SidecacheError, UpstreamUnreachable
from proxy.http.message import Head, Request
from proxy.policy import admission, parts, reuse, validation
from proxy.policy.admission import Moment
from proxy.policy.reasons import Reason
from proxy.policy.verdicts import Decline, Keep
from proxy.values import replace

log = logging.getLogger("sidecache.engine")

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods of which a second try does no more than the first (9110 §9.2.2)."""

_RANGED: Final = frozenset({206, 416})
_NOT_MODIFIED: Final = 304
_OK: Final = 200
_SERVER_ERROR: Final = 500


class Fetcher:
    """Fetches, and keeps what may be kept."""

    def __init__(
        self, world: World, fleet: Fleet, purging: Purging, renditions: Renditions, tasks: Tasks
    ) -> None:
        self._upstream = world.upstream
        self._tasks = tasks
        self._renditions = renditions
        self._shelf = fleet.shelf
        self._flights = fleet.flights
        self._fleet = fleet
        self._purging = purging
        self._clock = world.clock

    async def fetch(self, errand: Errand, flight: Flight) -> None:
        """Run one flight to its landing; no error leaves this task but through `Failed`."""
        try:
            landing = await self._fetched(errand, flight)
        except SidecacheError as error:
            landing = Failed(error)
        except Exception:
            log.exception("a fetch failed in an unforeseen way")
            landing = Failed(InternalError("a fetch failed in an unforeseen way"))
        finally:
            self._flights.close(errand.boarded.key, flight)
            if flight.lease is not None:
                self._fleet.give_back(errand.boarded, flight.lease)
        self._flights.note(errand.boarded, landing, self._clock.now())
        await flight.land(landing)

    async def _fetched(self, errand: Errand, flight: Flight) -> Landing:
        if errand.answered is not None:
            turn = await self._fleet.turn(errand.boarded, errand.answered, patient=flight.attended)
            if isinstance(turn, Elsewhere):
                return turn
            flight.lease = turn.lease
        request = errand.boarded.as_sent
        if errand.entry is not None:
            request = validation.conditional(request, errand.entry.stored)
        rest = errand.part and parts.rest_of(request, errand.part.stored)
        inbound, moment = await self._sent(rest or request, errand)
        if errand.part is not None and inbound.head.status in _RANGED and rest:
            landed = await self._completed(errand, errand.part, inbound, moment, flight)
            if landed is not None:
                return landed
            await inbound.aclose()
            inbound, moment = await self._sent(request, errand)
        if inbound.head.status == _NOT_MODIFIED and errand.entry is not None:
            await inbound.aclose()
            if validation.confirms(inbound.head, errand.entry.stored):
                return self._freshened(errand, errand.entry, inbound, moment, flight)
            inbound, moment = await self._sent(validation.whole(request), errand)
        try:
            return await self._landed(errand, inbound, moment, flight)
        except BaseException as error:  # noqa: BLE001 - a client that leaves, too; raised below
            fault = error
        await inbound.aclose()
        raise fault

    async def _sent(self, request: Request, errand: Errand) -> tuple[Inbound, Moment]:
        departed = self._clock.now()
        repeatable = errand.body is None and errand.entry is None and request.method in IDEMPOTENT
        timeouts = errand.boarded.rule.terms.timeouts
        outbound = Outbound(request, errand.body, timeouts, repeatable, errand.informed)
        try:
            inbound = await self._upstream.send(outbound)
        except UpstreamUnreachable:
            raise
        except (SidecacheError, asyncio.CancelledError):
            # Whether a write without an answer took place nobody knows: it counts as one.
            for purge, source in purges.of_lost(errand.boarded):
                self._purging.announce_soon(purge, source)
            raise
        return inbound, Moment(departed, self._clock.now(), self._clock.draw())

    def _received(self, boarded: Boarded, inbound: Inbound) -> Head:
        return reception.received(boarded, inbound.head, self._clock.now())

    async def _landed(
        self, errand: Errand, inbound: Inbound, moment: Moment, flight: Flight
    ) -> Landing:
        """Decide about a response that is not a validation, and begin to fill if it is kept."""
        boarded = errand.boarded
        head = self._received(boarded, inbound)
        request = boarded.outbound
        home = home_of(boarded)
        born = await self._purged(boarded, inbound.head, flight.born)
        if request.method == "HEAD" and head.status == _OK and cached(boarded, home):
            self._heed(boarded, head, moment)
        if self._stands_in(errand, head):
            return Unshareable(head, inbound, Reason.STATUS)
        verdict = admitted(boarded, home, head, moment)
        match verdict:
            case Decline(reason):
                if reason in LASTING and request.method == "GET":
                    self._pass(home, flight)
                return Unshareable(head, inbound, reason)
            case Keep(stored):
                labels = reception.labels(home, inbound.head)
                if labels is None:
                    self._pass(home, flight)
                    return Unshareable(head, inbound, Reason.UNTAGGABLE)
                self._flights.unmark(home.key.digest)
                landed = Landed(head, stored, reception.length(head), labels)
                return await self._filling(home, inbound, landed, flight, born)
            case _:
                assert_never(verdict)

    async def _completed(
        self, errand: Errand, part: Entry, inbound: Inbound, moment: Moment, flight: Flight
    ) -> Landed | None:
        """Land the whole that a stored part and its rest make, if they fit (9111 §3.4)."""
        boarded = errand.boarded
        head = parts.completed(part.stored, self._received(boarded, inbound))
        if head is None:
            return None
        verdict = admission.judge(boarded.outbound, head, boarded.rule.terms, moment)
        labels = reception.labels(boarded, inbound.head)
        if isinstance(verdict, Decline) or labels is None:
            return None
        flight.feed.append(part.body)
        landed = Landed(head, verdict.stored, reception.length(head), labels.plus(part.labels.tags))
        return await self._filling(boarded, inbound, landed, flight, flight.born)

    def _heed(self, boarded: Boarded, head: Head, moment: Moment) -> None:
        """Freshen, or make doubtful, what is stored by a 200 to HEAD (9111 §4.3.5)."""
        now = self._clock.now()
        for entry in self._shelf.variants(boarded.key, now):
            new = heeded(boarded, entry, head, moment)
            if new is not None:
                self._shelf.swap(boarded, entry, new, now)

    def _pass(self, boarded: Boarded, flight: Flight) -> None:
        """Let the requests that come under this key go each on its own for a while.

        Nobody waits for what was fetched alone, so that says nothing of the others.
        """
        if not flight.shared:
            return
        self._flights.mark(boarded.key.digest, self._clock.now() + PASS_FOR)
        if flight.lease is not None:
            self._fleet.mark(boarded, flight.lease, PASS_FOR)
            flight.lease = None

    def _stands_in(self, errand: Errand, head: Head) -> bool:
        """Tell whether a stored answer will be given instead of this error (5861 §4)."""
        if errand.entry is None or head.status < _SERVER_ERROR:
            return False
        boarded = errand.boarded
        return (
            reuse.instead_of_error(
                boarded.outbound,
                errand.entry.stored,
                boarded.rule.terms,
                self._clock.now(),
                unreachable=False,
            )
            is not None
        )

    async def _purged(self, boarded: Boarded, head: Head, born: Born) -> Born:
        """Void what a write has changed; return where the ledger stands for its own response.

        The response to a write is as new as the write, so its own purge does not outdate it;
        any other purge since the request left still does, whatever it was of: what the response
        says of its tags is not known yet.
        """
        found = tuple(purges.of_answered(boarded, head))
        if not found:
            return born
        valid = self._shelf.ledger.position == born
        after = await self._purging.announce(found)
        return after if valid and after is not None else born

    async def _filling(
        self, boarded: Boarded, inbound: Inbound, landed: Landed, flight: Flight, born: Born
    ) -> Landed:
        """Land, then carry the body to its end: for whoever reads along, and for the store."""
        limit = boarded.rule.terms.max_body
        commit = partial(self._commit, boarded, landed, flight, born)
        await flight.land(landed)
        length = landed.length
        outgrown = partial(self._pass, boarded, flight)  # who waits elsewhere goes alone at once
        filling = fill.run(
            inbound, flight.feed, length=length, limit=limit, commit=commit, outgrown=outgrown
        )
        if flight.detached:
            await filling
        else:  # who waits here for the landing is the one who reads along
            self._tasks.hold(asyncio.create_task(filling))
        return landed

    def _commit(
        self, boarded: Boarded, landed: Landed, flight: Flight, born: Born, body: bytes
    ) -> None:
        entry = entry_of(boarded, landed.stored, landed.labels, body, born)
        if entry is None:
            return
        if landed.length is not None:  # else it is coded as it comes
            entry = self._renditions.prepared(boarded, entry)
        if self._shelf.keep(boarded, entry, self._clock.now(), flight.lease):
            flight.kept, flight.home = entry, boarded.key
            _hand_over(flight, entry)

    def _freshened(
        self, errand: Errand, entry: Entry, inbound: Inbound, moment: Moment, flight: Flight
    ) -> Validated:
        """Bring a confirmed entry up to date (9111 §4.3.4)."""
        boarded = errand.boarded
        head = self._received(boarded, inbound)
        new, verdict = freshened(boarded, entry, head, moment)
        labels = reception.relabelled(boarded, entry, inbound.head)
        if labels is None:
            verdict = Decline(Reason.UNTAGGABLE)
        if labels is None or isinstance(verdict, Decline):
            if verdict.reason not in OF_THE_REQUEST:
                self._shelf.swap(boarded, entry, None, self._clock.now())
            return Validated(head, new, verdict.reason)
        new = replace(new, labels=labels, born=flight.born, id=another())
        if self._shelf.swap(boarded, entry, new, self._clock.now(), flight.lease):
            _hand_over(flight, new)
        elif not self._shelf.usable(new, self._clock.now()):
            return Validated(head, new, Reason.OUTDATED)
        return Validated(head, new, verdict.reason)


def _hand_over(flight: Flight, entry: Entry) -> None:
    """Take note that a lease ends when the entry has come to the others; parts do not go there."""
    if entry.stored.part is None:
        flight.lease = None
