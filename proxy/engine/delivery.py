"""Delivery: answers made of an entry, of a flight's feed, or of an upstream response as it is.

Every answer leaves here in a coding that its client takes, with its Cache-Status appended to what
came before (9211 §2). This module must not know how an answer was found.
"""

import asyncio
from collections.abc import Sequence
from secrets import token_hex
from typing import Final

from proxy.engine.answer import Account, Answer
from proxy.engine.boarding import Boarded
from proxy.engine.entry import Coded, Entry
from proxy.engine.feed import Reader
from proxy.engine.flights import Flight, Landed
from proxy.engine.ports import Coder, Inbound, Transcoder
from proxy.engine.recoding import RecodedFeed, RecodedStream
from proxy.engine.renditions import NotAcceptable, Rendition, Renditions
from proxy.engine.retelling import as_read, confirmed, named_alike, not_acceptable, on_the_way
from proxy.engine.streams import FeedStream, InboundStream, whole
from proxy.engine.tasks import Tasks
from proxy.http import hops
from proxy.http.codings import Coding
from proxy.http.message import Fields, Head, Line, content_length
from proxy.policy import negotiation
from proxy.policy.negotiation import Offer
from proxy.policy.representation import recoded, unmodified, varying
from proxy.policy.shaping import Piece, shape
from proxy.policy.stored import Stored
from proxy.policy.validation import is_partial_or_conditional
from proxy.values import replace, valueclass

SMALL: Final = 16_384
"""Bytes of a body that is coded once all of it is here; a larger one is coded as it comes."""

_BODYLESS: Final = frozenset({204, 304})
_RECODED: Final = frozenset({"GET", "HEAD", "POST"})
_NOT_MODIFIED: Final = 304


@valueclass(frozen=True, slots=True)
class Arrival:
    """A response that is being kept, for one of those who read along.

    The leader gets the head as it came; followers get what is stored of it, with an Age.
    """

    boarded: Boarded
    landed: Landed
    flight: Flight
    ticket: Reader
    account: Account
    now: float
    leading: bool

    @property
    def fields(self) -> Fields:
        """The end-to-end fields that this client is shown."""
        if self.leading:
            return hops.end_to_end(self.landed.head.fields)
        return self.landed.stored.fields

    @property
    def aged(self) -> bool:
        """Whether the answer tells an Age: not one that has just been generated (9111 §5.1)."""
        return not self.leading or b"age" in self.landed.head.fields


class Delivery:
    """Makes answers."""

    def __init__(self, renditions: Renditions, coder: Coder, tasks: Tasks) -> None:
        self._renditions = renditions
        self._coder = coder
        self._tasks = tasks

    # From the store

    def at_once(
        self, boarded: Boarded, entry: Entry, account: Account, now: float
    ) -> Answer | None:
        """Answer from what is stored, None where to code it first would take a while."""
        rendition = self._renditions.at_once(boarded, entry)
        return None if rendition is None else _rendered(boarded, rendition, account, now)

    async def stored(self, boarded: Boarded, entry: Entry, account: Account, now: float) -> Answer:
        """Answer from what is stored, in the coding that the client takes."""
        rendition = await self._renditions.made(boarded, entry)
        return _rendered(boarded, rendition, account, now)

    # Along with a fetch

    async def along(self, arrival: Arrival) -> Answer:
        """Answer with a response that is being kept, reading along as it grows.

        Raises `UpstreamError` where a small one breaks off that has to be coded whole.
        """
        if arrival.boarded.outbound.method == "POST":
            arrival = replace(arrival, boarded=as_read(arrival.boarded))
        boarded, landed = arrival.boarded, arrival.landed
        head = landed.head
        made = _offer(boarded, head.status, head.fields, landed.length)
        if not made.codings:
            await arrival.ticket.aclose()
            return not_acceptable(boarded, arrival.account)
        coding, native = made.codings[0], made.native or Coding.IDENTITY
        if coding is native:
            return await self._plain(arrival, varying(head.fields) if made.varies else ())
        if landed.length is not None and landed.length < SMALL:
            return await self._whole(arrival)
        return await self._growing(arrival, native, coding)

    async def _plain(self, arrival: Arrival, further: tuple[Line, ...]) -> Answer:
        """Answer in the coding in which it comes.

        Where the length is known, conditions and ranges are answered as if it were here already.
        """
        boarded, landed, ticket = arrival.boarded, arrival.landed, arrival.ticket
        stored, account = landed.stored, arrival.account
        plain = arrival.leading and not is_partial_or_conditional(boarded.outbound)
        if landed.length is not None and boarded.outbound.method == "GET" and not plain:
            stored = replace(stored, length=landed.length)
            account = _told(boarded, stored, account, arrival.now)
            shaped = shape(
                boarded.outbound,
                stored,
                arrival.now,
                account.cache_status(),
                boarded.snapshot.name,
                further=further,
                most_parts=1,
            )
            if shaped.status != landed.head.status or not arrival.leading:
                if shaped.body is None:
                    await ticket.aclose()
                    return Answer(shaped.status, shaped.fields, account)
                (wanted,) = (each for each in shaped.body if isinstance(each, slice))
                stream = FeedStream(ticket, wanted)
                return Answer(shaped.status, shaped.fields, account, stream=stream)
        return _streamed(arrival, arrival.fields.plus(*further), FeedStream(ticket))

    async def _whole(self, arrival: Arrival) -> Answer:
        """Answer once all is here: coded as it is for everybody after."""
        body = await whole(arrival.ticket)
        boarded, landed, kept = arrival.boarded, arrival.landed, arrival.flight.kept
        fields = arrival.fields.without({b"age", b"content-length"})
        stored = replace(landed.stored, fields=fields, length=len(body))
        entry = Entry(boarded.key.text, stored, body, landed.labels, arrival.flight.born)
        if kept is not None and arrival.leading:
            entry = replace(entry, stored=named_alike(stored, kept.stored), codings=kept.codings)
        elif kept is not None:
            entry = kept
        answer = await self.stored(boarded, entry, arrival.account, arrival.now)
        return answer if arrival.aged else replace(answer, fields=answer.fields.without({b"age"}))

    async def _growing(self, arrival: Arrival, native: Coding, coding: Coding) -> Answer:
        """Answer with a body that is coded as it comes, once for all who take that coding."""
        boarded, stored = arrival.boarded, arrival.landed.stored
        further = varying(arrival.fields)
        view = unmodified(boarded.outbound, stored, coding)
        if view is not None:
            await arrival.ticket.aclose()
            rendition = Rendition(view, b"", further)
            return _rendered(boarded, rendition, arrival.account, arrival.now)
        recoding = self._recoding(arrival, native, coding)
        fields = recoded(arrival.fields, coding, recoding.mark).plus(*further)
        return _streamed(arrival, fields, FeedStream(recoding.feed.reader()))

    def _recoding(self, arrival: Arrival, native: Coding, coding: Coding) -> RecodedFeed:
        """Return the flight's feed in a coding, begun now if nobody has asked for it before."""
        flight, ticket = arrival.flight, arrival.ticket
        begun = flight.recodings.get(coding)
        if begun is not None and begun.open:
            self._tasks.hold(asyncio.create_task(ticket.aclose()))
            return begun
        new = RecodedFeed(token_hex(6).encode())
        if flight.feed.keeping:
            flight.recodings[coding] = new

        def commit(body: bytes) -> None:
            if flight.kept is not None and flight.home is not None:
                self._renditions.keep(flight.home, flight.kept, Coded(coding, body, new.mark))

        transcoder = self._transcoder(native, coding)
        self._tasks.hold(asyncio.create_task(new.carry(flight.feed, ticket, transcoder, commit)))
        return new

    def _transcoder(self, native: Coding, coding: Coding) -> Transcoder:
        if coding is Coding.IDENTITY:
            return self._coder.decoder(native)
        return self._coder.encoder(coding)

    # Straight through

    async def onward(
        self, boarded: Boarded, head: Head, inbound: Inbound, account: Account
    ) -> Answer:
        """Answer with an upstream response that is not kept, recoded on the way if need be."""
        account = replace(account, key=_key(boarded))
        status = (b"Cache-Status", account.cache_status().render(boarded.snapshot.name))
        fields, native, coding = hops.end_to_end(head.fields), Coding.IDENTITY, Coding.IDENTITY
        if head.status == _NOT_MODIFIED:
            fields = confirmed(boarded, fields)
        elif boarded.outbound.method in _RECODED:
            made = _offer(boarded, head.status, head.fields, content_length(head.fields))
            if not made.codings:
                await inbound.aclose()
                return not_acceptable(boarded, account)
            coding, native = made.codings[0], made.native or Coding.IDENTITY
            fields = fields.plus(*(varying(fields) if made.varies else ()))
        if coding is not native:
            fields = on_the_way(boarded, fields, coding)
        answer = await _passed(boarded, replace(head, fields=fields.plus(status)), inbound, account)
        if coding is native or answer.stream is None:
            return answer
        stream = RecodedStream(answer.stream, self._transcoder(native, coding))
        return replace(answer, stream=stream)


async def passed_on(boarded: Boarded, head: Head, inbound: Inbound, account: Account) -> Answer:
    """Answer with an upstream response as it is, but for hop-by-hop fields."""
    account = replace(account, key=_key(boarded))
    status = (b"Cache-Status", account.cache_status().render(boarded.snapshot.name))
    head = replace(head, fields=hops.end_to_end(head.fields).plus(status))
    return await _passed(boarded, head, inbound, account)


async def _passed(boarded: Boarded, head: Head, inbound: Inbound, account: Account) -> Answer:
    if boarded.outbound.method == "HEAD" or head.status in _BODYLESS:
        await inbound.aclose()
        return Answer(head.status, head.fields, account)
    return Answer(head.status, head.fields, account, stream=InboundStream(inbound))


def _offer(boarded: Boarded, status: int, fields: Fields, length: int | None) -> Offer:
    terms = boarded.rule.terms
    made = negotiation.offer(boarded.outbound, boarded.accepts, status, fields, terms)
    return negotiation.worth(made, length, terms.compress)


def _rendered(
    boarded: Boarded, rendition: Rendition | NotAcceptable, account: Account, now: float
) -> Answer:
    if isinstance(rendition, NotAcceptable):
        return not_acceptable(boarded, account)
    account = _told(boarded, rendition.stored, account, now)
    shaped = shape(
        boarded.outbound,
        rendition.stored,
        now,
        account.cache_status(),
        boarded.snapshot.name,
        further=rendition.further,
    )
    return Answer(shaped.status, shaped.fields, account, _assembled(shaped.body, rendition.body))


def _assembled(pieces: Sequence[Piece] | None, body: bytes) -> bytes | None:
    if pieces is None:
        return None
    found = [body[p.start : p.stop] if isinstance(p, slice) else p for p in pieces]
    return found[0] if len(found) == 1 else b"".join(found)


def _streamed(arrival: Arrival, fields: Fields, stream: FeedStream) -> Answer:
    boarded, stored = arrival.boarded, arrival.landed.stored
    account = _told(boarded, stored, arrival.account, arrival.now)
    status = (b"Cache-Status", account.cache_status().render(boarded.snapshot.name))
    age = () if arrival.leading else ((b"Age", b"%d" % stored.age(arrival.now)),)
    return Answer(stored.status, fields.plus(*age, status), account, stream=stream)


def _told(boarded: Boarded, stored: Stored, account: Account, now: float) -> Account:
    spared = stored.response_time - stored.request_time if account.hit else 0.0
    return replace(account, ttl=int(stored.ttl(now)), key=_key(boarded), spared=spared)


def _key(boarded: Boarded) -> str | None:
    return boarded.key.text.decode("latin-1") if boarded.snapshot.show_key else None
