"""Fetch: one request to the upstream and what its response means for the store.

It ends in a landing: kept and shared, validated, for the leader alone, or failed. This module
must not know who waits for it.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, assert_never

from proxy.engine import fill
from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry
from proxy.engine.flights import Failed, Flight, Flights, Landed, Landing, Unshareable, Validated
from proxy.engine.keeping import admitted, cached, home_of
from proxy.engine.ports import Clock, Inbound, Outbound, Upstream
from proxy.engine.shelf import Shelf
from proxy.errors import InternalError, SidecacheError, UpstreamUnreachable
from proxy.http import dates, hops
from proxy.http.message import Head, Request, content_length
from proxy.policy import admission, freshness, invalidation, parts, reuse, validation
from proxy.policy.admission import Moment
from proxy.policy.reasons import Reason
from proxy.policy.stored import Stored
from proxy.policy.verdicts import Decline, Keep

log = logging.getLogger("sidecache.engine")

PASS_FOR: Final = 120.0
"""Seconds for which a key whose answer proved unshareable is not queued for."""

_LASTING: Final = frozenset(
    {
        Reason.NO_STORE,
        Reason.PRIVATE,
        Reason.SET_COOKIE,
        Reason.VARY_STAR,
        Reason.FRAMING,
        Reason.TOO_LARGE,
        Reason.NO_VALIDATOR,
        Reason.NO_LIFETIME,
    }
)
"""Refusals that the next response under the key will most likely meet too."""

_OF_THE_REQUEST: Final = frozenset({Reason.REQUEST_NO_STORE, Reason.CREDENTIALS})
"""Refusals that are about one request and say nothing against what is stored already."""

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""Methods of which a second try does no more than the first (9110 §9.2.2)."""

_RANGED: Final = frozenset({206, 416})
_NOT_MODIFIED: Final = 304
_OK: Final = 200
_SERVER_ERROR: Final = 500


@dataclass(frozen=True, slots=True)
class Errand:
    """What to fetch: a request, its body if it has one, the entry to validate or to complete."""

    boarded: Boarded
    body: AsyncIterator[bytes] | None = None
    entry: Entry | None = None
    part: Entry | None = None


class Fetcher:
    """Fetches, and keeps what may be kept."""

    def __init__(self, upstream: Upstream, shelf: Shelf, flights: Flights, clock: Clock) -> None:
        self._upstream = upstream
        self._shelf = shelf
        self._flights = flights
        self._clock = clock

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
        await flight.land(landing)

    async def _fetched(self, errand: Errand, flight: Flight) -> Landing:
        request = errand.boarded.outbound
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
                return self._freshened(
                    errand, errand.entry, self._received(inbound, errand), moment, flight
                )
            inbound, moment = await self._sent(validation.whole(request), errand)
        try:
            return await self._landed(errand, inbound, moment, flight)
        except Exception:
            await inbound.aclose()
            raise

    async def _sent(self, request: Request, errand: Errand) -> tuple[Inbound, Moment]:
        departed = self._clock.now()
        repeatable = errand.body is None and errand.entry is None and request.method in IDEMPOTENT
        timeouts = errand.boarded.rule.terms.timeouts
        outbound = Outbound(request, errand.body, timeouts, repeatable)
        try:
            inbound = await self._upstream.send(outbound)
        except UpstreamUnreachable:
            raise
        except (SidecacheError, asyncio.CancelledError):
            # Whether a write without an answer took place nobody knows: it counts as one.
            if uris := invalidation.doubtful(request):
                self._shelf.invalidate(uris, errand.boarded)
            raise
        return inbound, Moment(departed, self._clock.now(), self._clock.draw())

    def _received(self, inbound: Inbound, errand: Errand) -> Head:
        """Return the head as it goes on: with Via, and with a Date (9110 §6.6.1, §7.6.3)."""
        head = inbound.head
        name = errand.boarded.snapshot.name.encode()
        rewritten = {b"via"}
        if b"transfer-encoding" in head.fields:
            rewritten.add(b"content-length")  # 9112 §6.3: the coding alone frames the body
        fields = head.fields.without(rewritten).plus(
            (b"Via", hops.via(head.fields, head.version, name))
        )
        if b"date" not in fields:
            fields = fields.plus((b"Date", dates.render(self._clock.now())))
        return replace(head, fields=fields)

    async def _landed(
        self, errand: Errand, inbound: Inbound, moment: Moment, flight: Flight
    ) -> Landing:
        """Decide about a response that is not a validation, and begin to fill if it is kept."""
        boarded, head = errand.boarded, self._received(inbound, errand)
        request = boarded.outbound
        home = home_of(boarded)
        born = self._invalidated(boarded, home.tags, head, flight.born)
        if request.method == "HEAD" and head.status == _OK and cached(boarded, home):
            self._shelf.heed_head(boarded, head, moment)
        if self._stands_in(errand, head):
            return Unshareable(head, inbound, Reason.STATUS)
        verdict = admitted(boarded, home, head, moment)
        match verdict:
            case Decline(reason):
                if reason in _LASTING and request.method == "GET":
                    self._pass(home)
                return Unshareable(head, inbound, reason)
            case Keep(stored):
                self._flights.unmark(home.key.digest)
                return await self._filling(home, inbound, head, stored, flight, born)
            case _:
                assert_never(verdict)

    async def _completed(
        self, errand: Errand, part: Entry, inbound: Inbound, moment: Moment, flight: Flight
    ) -> Landed | None:
        """Land the whole that a stored part and its rest make, if they fit (9111 §3.4)."""
        boarded = errand.boarded
        head = parts.completed(part.stored, self._received(inbound, errand))
        if head is None:
            return None
        verdict = admission.judge(boarded.outbound, head, boarded.rule.terms, moment)
        if isinstance(verdict, Decline):
            return None
        flight.feed.append(part.body)
        return await self._filling(boarded, inbound, head, verdict.stored, flight, flight.born)

    def _pass(self, boarded: Boarded) -> None:
        """Let the requests that come under this key go each on its own for a while."""
        self._flights.mark(boarded.key.digest, self._clock.now() + PASS_FOR)

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

    def _invalidated(self, boarded: Boarded, tags: tuple[bytes, ...], head: Head, born: int) -> int:
        """Void what a write has changed; return where the ledger stands for its own response.

        The response to a write is as new as the write, so its own purge does not outdate it;
        any other purge since the request left still does.
        """
        uris = invalidation.invalidated(boarded.outbound, head)
        if not uris:
            return born
        valid = self._shelf.ledger.valid(tags, born)
        sequence = self._shelf.invalidate(uris, boarded)
        return sequence if valid else born

    async def _filling(  # noqa: PLR0913, PLR0917 - the parts of one fill
        self,
        boarded: Boarded,
        inbound: Inbound,
        head: Head,
        stored: Stored,
        flight: Flight,
        born: int,
    ) -> Landed:
        """Land, then carry the body to its end: for whoever reads along, and for the store."""
        length = content_length(head.fields)
        if head.status in {204, 205}:
            length = 0
        limit = boarded.rule.terms.max_body
        commit = partial(self._commit, boarded, stored, flight, born)
        landed = Landed(head, stored, length)
        await flight.land(landed)
        await fill.run(inbound, flight.feed, length=length, limit=limit, commit=commit)
        if not flight.feed.keeping:
            self._pass(boarded)
        return landed

    def _commit(
        self, boarded: Boarded, stored: Stored, flight: Flight, born: int, last: bytes
    ) -> None:
        body = flight.feed.body() + last
        if stored.part is not None and stored.part.length != len(body):
            return
        stored = replace(stored, length=len(body))
        entry = Entry(boarded.key.text, stored, body, boarded.tags, born)
        self._shelf.keep(boarded.key, entry, boarded.outbound, boarded.rule.terms.max_variants)

    def _freshened(
        self, errand: Errand, entry: Entry, head: Head, moment: Moment, flight: Flight
    ) -> Validated:
        """Bring a confirmed entry up to date (9111 §4.3.4)."""
        boarded = errand.boarded
        merged = validation.updated(entry.stored, head)
        get = replace(boarded.outbound, method="GET")
        verdict = admission.judge(get, merged, boarded.rule.terms, moment)
        if isinstance(verdict, Decline):
            if verdict.reason not in _OF_THE_REQUEST:
                self._shelf.swap(boarded.key, entry, None)
            stored = _confirmed(entry.stored, merged, moment)
            return Validated(head, replace(entry, stored=stored), verdict.reason)
        stored = replace(verdict.stored, length=entry.stored.length, part=entry.stored.part)
        new = replace(entry, stored=stored, born=flight.born)
        if not self._shelf.ledger.valid(new.tags, new.born):
            return Validated(head, new, Reason.OUTDATED)
        self._shelf.swap(boarded.key, entry, new)
        return Validated(head, new, verdict.reason)


def _confirmed(stored: Stored, merged: Head, moment: Moment) -> Stored:
    """Return a confirmed response as it may be shown once, though it may not be kept."""
    date = freshness.date_of(merged.fields, moment.response_time)
    age = freshness.age_on_arrival(merged.fields, date, moment.request_time, moment.response_time)
    return replace(
        stored,
        fields=hops.end_to_end(merged.fields).without({b"age", b"content-length"}),
        response_time=moment.response_time,
        age_on_arrival=age,
    )
