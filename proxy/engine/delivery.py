"""Delivery: answers made of an entry, of a flight's feed, or of an upstream response as it is.

Every answer leaves here with its Cache-Status appended to what came before (9211 §2).
"""

from collections.abc import AsyncIterator
from dataclasses import replace

from proxy.engine.answer import Account, Answer
from proxy.engine.boarding import Boarded
from proxy.engine.entry import Entry
from proxy.engine.feed import Reader
from proxy.engine.flights import Landed
from proxy.engine.ports import Inbound
from proxy.http import hops
from proxy.http.message import Head
from proxy.policy.shaping import Shape, shape
from proxy.policy.stored import Stored

_BODYLESS = frozenset({204, 304})


class FeedStream:
    """The part of a feed that one answer shows."""

    def __init__(self, reader: Reader, wanted: slice | None = None) -> None:
        self._reader = reader
        self._wanted = wanted

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._wanted is None:
            async for chunk in self._reader:
                yield chunk
            return
        start, stop, at = self._wanted.start, self._wanted.stop, 0
        async for chunk in self._reader:
            piece = chunk[max(0, start - at) : max(0, stop - at)]
            at += len(chunk)
            if piece:
                yield piece
            if at >= stop:
                return

    async def aclose(self) -> None:
        """Leave the feed."""
        await self._reader.aclose()


class InboundStream:
    """An upstream body, straight through: read no faster than the client takes it."""

    def __init__(self, inbound: Inbound) -> None:
        self._inbound = inbound

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inbound.chunks()

    async def aclose(self) -> None:
        """Give up the upstream's rest."""
        await self._inbound.aclose()


def from_entry(boarded: Boarded, entry: Entry, account: Account, now: float) -> Answer:
    """Answer from what is stored.

    The bytes are those that came, in the coding in which they came: no-transform is obeyed
    whoever says it (9111 §5.2.1.6, §5.2.2.6).
    """
    account, shaped = _shaped(boarded, entry.stored, account, now)
    body = None if shaped.body is None else entry.body[shaped.body]
    return Answer(shaped.status, shaped.fields, account, body)


def along(  # noqa: PLR0913 - the parts of one answer
    boarded: Boarded,
    landed: Landed,
    reader: Reader,
    account: Account,
    now: float,
    *,
    leading: bool,
) -> Answer:
    """Answer with a response that is being kept, reading along as it grows.

    The leader gets the head as it came; followers get what is stored of it, with an Age. Where
    the length is known, conditions and ranges are answered as if it were here already.
    """
    stored = landed.stored
    if landed.length is not None and boarded.outbound.method == "GET":
        stored = replace(stored, length=landed.length)
        account, shaped = _shaped(boarded, stored, account, now)
        if shaped.status != landed.head.status or not leading:
            stream = None if shaped.body is None else FeedStream(reader, shaped.body)
            return Answer(shaped.status, shaped.fields, account, stream=stream)
    account = replace(account, ttl=int(stored.ttl(now)), key=_key(boarded))
    fields = hops.end_to_end(landed.head.fields) if leading else stored.fields
    status = (b"Cache-Status", account.cache_status().render(boarded.snapshot.name))
    age = () if leading else ((b"Age", b"%d" % stored.age(now)),)
    return Answer(stored.status, fields.plus(*age, status), account, stream=FeedStream(reader))


async def onward(boarded: Boarded, head: Head, inbound: Inbound, account: Account) -> Answer:
    """Answer with an upstream response that is not kept: unchanged but for hop-by-hop fields."""
    account = replace(account, key=_key(boarded))
    status = (b"Cache-Status", account.cache_status().render(boarded.snapshot.name))
    fields = hops.end_to_end(head.fields).plus(status)
    if boarded.outbound.method == "HEAD" or head.status in _BODYLESS:
        await inbound.aclose()
        return Answer(head.status, fields, account)
    return Answer(head.status, fields, account, stream=InboundStream(inbound))


def _shaped(
    boarded: Boarded, stored: Stored, account: Account, now: float
) -> tuple[Account, Shape]:
    account = replace(account, ttl=int(stored.ttl(now)), key=_key(boarded))
    name = boarded.snapshot.name
    return account, shape(boarded.outbound, stored, now, account.cache_status(), name)


def _key(boarded: Boarded) -> str | None:
    return boarded.key.text.decode("latin-1") if boarded.snapshot.show_key else None
