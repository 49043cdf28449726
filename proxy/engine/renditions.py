"""Renditions: entries in the codings that clients take.

Each coding of an entry is made once, when it is first needed, and rests beside the entry; what is
asked for often is made again as small as it can be, in the background. This module must not know
how anything is coded, nor what the rest of an answer looks like.
"""

import asyncio
from collections import OrderedDict
from typing import Final

from proxy.engine.boarding import Boarded
from proxy.engine.entry import Coded, Entry
from proxy.engine.ports import Coder, Transcoder
from proxy.engine.shelf import Shelf
from proxy.engine.tasks import Tasks
from proxy.errors import CodingError
from proxy.http.codings import Coding
from proxy.http.message import Line
from proxy.policy import negotiation
from proxy.policy.negotiation import Offer
from proxy.policy.representation import represented, unmodified, varying
from proxy.policy.stored import Stored
from proxy.rules.keys import Key
from proxy.values import replace, valueclass

POLISHED_AFTER: Final = 16
"""Answers in a coding after which it is worth being made as small as can be."""

PATIENCE: Final = 1_000
"""Answers until what could not be made better is tried again."""

WATCHED: Final = 10_000
"""Entries whose answers are counted for that."""

UNDECODABLE: Final = b"0"
"""The mark of a body that cannot be decoded, or becomes too large: it goes as it came."""

_PIECE: Final = 65_536


@valueclass(frozen=True, slots=True)
class Rendition:
    """What a client gets of an entry; `further` are lines of its head.

    `stored` describes the `body`, which is empty where the client holds it already.
    """

    stored: Stored
    body: bytes
    further: tuple[Line, ...] = ()


class NotAcceptable:
    """The client takes none of the codings that there could be (9110 §15.5.7)."""


NOT_ACCEPTABLE: Final = NotAcceptable()


class Renditions:
    """The codings of what lies on a shelf."""

    def __init__(self, coder: Coder, shelf: Shelf, tasks: Tasks) -> None:
        self._coder = coder
        self._shelf = shelf
        self._tasks = tasks
        self._making: dict[tuple[int, Coding], tuple[bytes, asyncio.Task[Coded | None]]] = {}
        self._polishing: set[tuple[bytes, Coding]] = set()
        self._uses: OrderedDict[tuple[bytes, Coding], int] = OrderedDict()

    # What a client gets

    def at_once(self, boarded: Boarded, entry: Entry) -> Rendition | NotAcceptable | None:
        """Return what a client gets, None where it has to be made and that takes a while."""
        made = self._offer(boarded, entry)
        for coding in made.codings:
            found = self._known(boarded, entry, coding, made) or self._made_at_once(
                boarded, entry, coding, made
            )
            if found is None:
                return None
            if self._pays(found, entry, coding, made):
                return found
        return NOT_ACCEPTABLE

    async def made(self, boarded: Boarded, entry: Entry) -> Rendition | NotAcceptable:
        """Return what a client gets, and wait until it is made."""
        made = self._offer(boarded, entry)
        for coding in made.codings:
            found = self._known(boarded, entry, coding, made)
            if found is None:
                most = boarded.rule.terms.max_body
                coded = await self._once(boarded.key, entry, coding, made, most)
                found = None if coded is None else self._of(entry, coded, made)
            if found is not None and self._pays(found, entry, coding, made):
                return found
        return NOT_ACCEPTABLE

    def prepared(self, boarded: Boarded, entry: Entry) -> Entry:
        """Return a new entry with the coding that its first client takes, where that is quick."""
        made = self._offer(boarded, entry)
        if not made.codings or made.codings[0] in {made.native, Coding.IDENTITY}:
            return entry
        body = self._coder.at_once(made.codings[0], entry.body)
        return entry if body is None else entry.with_coded(Coded.of(made.codings[0], body))

    def keep(self, key: Key, entry: Entry, coded: Coded) -> None:
        """Keep a coding that was made on the way to a client."""
        self._shelf.recode(key, entry, coded)

    def _offer(self, boarded: Boarded, entry: Entry) -> Offer:
        stored, terms = entry.stored, boarded.rule.terms
        made = negotiation.offer(
            boarded.outbound, boarded.accepts, stored.status, stored.fields, terms
        )
        return negotiation.worth(made, len(entry.body), terms.compress)

    def _known(
        self, boarded: Boarded, entry: Entry, coding: Coding, made: Offer
    ) -> Rendition | None:
        """Return what needs no work: as it came, as the client holds it, or made already."""
        further = varying(entry.stored.fields) if made.varies else ()
        if coding is (made.native or Coding.IDENTITY):
            return Rendition(entry.stored, entry.body, further)
        view = unmodified(boarded.outbound, entry.stored, coding)
        if view is not None:
            return Rendition(view, b"", further)
        coded = entry.coded(coding)
        if coded is None:
            return None
        self._noted(boarded.key, entry, coded)
        return self._of(entry, coded, made)

    def _of(self, entry: Entry, coded: Coded, made: Offer) -> Rendition:
        further = varying(entry.stored.fields) if made.varies else ()
        if coded.mark == UNDECODABLE:
            return Rendition(entry.stored, entry.body, further)
        view = represented(entry.stored, coded.coding, coded.mark, len(coded.body))
        return Rendition(view, coded.body, further)

    def _made_at_once(
        self, boarded: Boarded, entry: Entry, coding: Coding, made: Offer
    ) -> Rendition | None:
        if made.native is not Coding.IDENTITY or coding is Coding.IDENTITY:
            return None
        body = self._coder.at_once(coding, entry.body)
        if body is None:
            return None
        coded = Coded.of(coding, body)
        self._shelf.recode(boarded.key, entry, coded)
        return self._of(entry, coded, made)

    def _pays(self, found: Rendition, entry: Entry, coding: Coding, made: Offer) -> bool:
        """Tell whether a coding is worth it: it is shorter, or the client takes nothing plain."""
        if coding in (made.native, Coding.IDENTITY) or made.codings[-1] is coding:
            return True
        return len(found.body) < len(entry.body)

    # How it is made

    async def _once(
        self, key: Key, entry: Entry, coding: Coding, made: Offer, most: int
    ) -> Coded | None:
        """Make a coding, with all who need it; None where that cannot be done now.

        Decoded it may have `most` bytes, as any body that is kept.
        """
        name = (id(entry.body), coding)  # held while it is in use, so that no other has this id
        if name not in self._making:
            task = asyncio.create_task(self._make(key, entry, coding, made, most))
            self._making[name] = entry.body, task
            task.add_done_callback(lambda _: self._making.pop(name))
            self._tasks.hold(task)
        return await asyncio.shield(self._making[name][1])

    async def _make(
        self, key: Key, entry: Entry, coding: Coding, made: Offer, most: int
    ) -> Coded | None:
        if coding is Coding.IDENTITY:
            coded = await self._decoded(made.native or coding, entry.body, most)
        else:
            body = await self._coder.encode(coding, entry.body)
            if body is None and Coding.IDENTITY not in made.codings:
                body = await through(self._coder.encoder(coding), entry.body)
            if body is None:
                return None
            coded = Coded.of(coding, body)
        self._shelf.recode(key, entry, coded)
        return coded

    async def _decoded(self, native: Coding, body: bytes, most: int) -> Coded:
        try:
            plain = await self._coder.decode(native, body) if body else body
        except CodingError:
            plain = None
        if plain is None or len(plain) > most:
            return Coded(Coding.IDENTITY, b"", UNDECODABLE)  # nor is it tried again
        return Coded.of(Coding.IDENTITY, plain)

    # What is asked for often

    def _noted(self, key: Key, entry: Entry, coded: Coded) -> None:
        """Count an answer in a coding; one that is asked for often is made better."""
        if coded.best or coded.coding is Coding.IDENTITY:
            return
        name = (key.digest, coded.coding)
        uses = self._uses[name] = self._uses.pop(name, 0) + 1
        if len(self._uses) > WATCHED:
            self._uses.popitem(last=False)
        if uses > 0 and not uses % POLISHED_AFTER and name not in self._polishing:
            self._polishing.add(name)
            self._tasks.hold(asyncio.create_task(self._polish(key, entry, coded)))

    async def _polish(self, key: Key, entry: Entry, coded: Coded) -> None:
        name = (key.digest, coded.coding)
        try:
            body = await self._coder.encode_best(coded.coding, entry.body)
        finally:
            self._polishing.discard(name)
        if body is None:
            self._uses[name] = -PATIENCE  # another time, if it is still wanted then
            return
        self._uses.pop(name, None)
        best = Coded.of(coded.coding, body, best=True)
        worse = len(body) >= len(coded.body)
        self._shelf.recode(key, entry, replace(coded, best=True) if worse else best)


async def through(transcoder: Transcoder, body: bytes) -> bytes:
    """Return a body that went through a coding piece by piece; raises `CodingError`."""
    pieces = [await transcoder.push(body[at : at + _PIECE]) for at in range(0, len(body), _PIECE)]
    return b"".join([*pieces, await transcoder.finish()])
