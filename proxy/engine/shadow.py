"""Shadow: beside an answer of the upstream's own, what the cache would have said instead.

Nothing that is remembered here is ever given to anybody, and nothing is written where live rules
read. This module must not know how answers reach their clients.
"""

import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import blake2b
from typing import Final

from proxy.engine import reception
from proxy.engine.boarding import Boarded, early
from proxy.engine.flights import Flight, Unshareable
from proxy.engine.imprints import Imprint, Imprints
from proxy.engine.keeping import admitted
from proxy.engine.ledger import Ledger, Standing
from proxy.engine.ports import Clock, Inbound
from proxy.engine.printing import SECRET, Printing, comparable
from proxy.engine.purge import Born
from proxy.engine.stats import Stats
from proxy.http import vary
from proxy.http.message import Head, Request
from proxy.policy import reuse
from proxy.policy.admission import Moment
from proxy.policy.reasons import Reason
from proxy.policy.validation import is_partial_or_conditional
from proxy.policy.verdicts import (
    Absent,
    Admission,
    Bypass,
    Fresh,
    Keep,
    MustValidate,
    Refuse,
    Stale,
    Verdict,
)
from proxy.rules import tags
from proxy.rules.comparison import Sighting, parts_of, returned

log = logging.getLogger("sidecache.shadow")

_OUTCOMES: Final = {
    Fresh: "hit",
    Stale: "stale",
    MustValidate: "miss",
    Absent: "miss",
    Bypass: "bypass",
    Refuse: "error",
}


@dataclass(frozen=True, slots=True)
class _Look:
    """What the cache makes of one request; `imprint` is what it would have used.

    `asked` is the request as it went up, `head` is the upstream's own; `born` is where the ledger
    stood before it was asked.
    """

    asked: Request
    would: Boarded
    verdict: Verdict
    imprint: Imprint | None
    admission: Admission | None
    head: Head
    born: Born


class Shadow:
    """Decides beside each request under a rule in shadow mode, and compares."""

    def __init__(self, ledger: Ledger, clock: Clock, stats: Stats) -> None:
        self._ledger = ledger
        self._clock = clock
        self._stats = stats
        self.imprints = Imprints()

    def beside(self, boarded: Boarded, landing: Unshareable, flight: Flight) -> Inbound:
        """Return the response that came to a request, looked at as it goes by.

        Whatever goes wrong here is told in the log; the answer is not the worse for it.
        """
        if boarded.beside is None or boarded.passing is not Reason.SHADOW:
            return landing.inbound
        try:
            return self._beside(boarded.outbound, boarded.beside, landing, flight)
        except Exception:
            log.exception("a request could not be judged beside its answer")
            return landing.inbound

    def _beside(
        self, asked: Request, would: Boarded, landing: Unshareable, flight: Flight
    ) -> Inbound:
        inbound, now, admission = landing.inbound, self._clock.now(), None
        verdict, imprint = self._judged(would, flight.departed)
        if not isinstance(verdict, Fresh):  # else nothing would have been fetched
            moment = Moment(flight.departed, now, self._clock.draw())
            admission = admitted(would, would, landing.head, moment)
        self._count(would, verdict, imprint, admission, now - flight.departed)
        request = would.outbound
        if request.method != "GET" or is_partial_or_conditional(request):
            return inbound
        if isinstance(verdict, Bypass | Refuse) or not comparable(landing.head):
            return inbound
        look = _Look(asked, would, verdict, imprint, admission, inbound.head, flight.born)
        whole = tags.LARGEST_BODY if would.rule.tagging.from_body else 0
        return Observed(inbound, partial(self._seen, look), whole)

    def _judged(self, would: Boarded, now: float) -> tuple[Verdict, Imprint | None]:
        verdict = early(would)
        if verdict is not None:
            return verdict, None
        found = self._usable(would)
        imprint = next((each for each in found if _fits(each, would.outbound)), None)
        stored = None if imprint is None else imprint.stored
        terms, draw = would.rule.terms, self._clock.draw()
        variants = bool(found)
        return reuse.judge(would.outbound, stored, terms, now, draw, variants=variants), imprint

    def _usable(self, would: Boarded) -> tuple[Imprint, ...]:
        """Return the imprints under a key that no purge has outdated."""
        return tuple(
            imprint
            for imprint in self.imprints.get(would.key.digest)
            if self._ledger.standing(imprint.labels, imprint.born) is Standing.VALID
        )

    def _count(
        self,
        would: Boarded,
        verdict: Verdict,
        imprint: Imprint | None,
        admission: Admission | None,
        seconds: float,
    ) -> None:
        name, stats = would.rule.name, self._stats
        stats.shadow_requests[name, _OUTCOMES[type(verdict)]] += 1
        if isinstance(verdict, Fresh | Stale):
            stats.shadow_seconds_saved += seconds
            stats.rules[name].hit(seconds, 0 if imprint is None else imprint.stored.length)
        else:
            storing = None if admission is None else admission.reason
            stats.rules[name].miss(verdict.reason, storing)

    def _seen(self, look: _Look, body: bytes, printing: Printing) -> None:
        """Compare a whole answer with what would have been given, and remember it."""
        coding = look.head.fields.joined(b"content-encoding") or b""
        parts, now = parts_of(look.asked, SECRET), self._clock.now()
        sighting = Sighting(parts, printing.print(), now, coding)
        self._compare(look, sighting)
        present = self._usable(look.would)
        old = next((each for each in present if _fits(each, look.would.outbound)), None)
        known = () if old is None else old.sightings
        if names := returned(known, sighting):
            self._stats.mismatched(look.would.rule.name, names)
        new = self._trace(look, sighting, body, printing.size) or old
        if new is not None:
            new = replace(new, sightings=known).seen(sighting)
            others = (each for each in present if each is not old)
            kept = (new, *others)[: look.would.rule.terms.max_variants]
            self.imprints.put(look.would.key.digest, kept)

    def _compare(self, look: _Look, own: Sighting) -> None:
        """Count whether the upstream's own answer is the one that would have been used."""
        name, imprint = look.would.rule.name, look.imprint
        if imprint is None or imprint.coding != own.coding:
            return
        if isinstance(look.verdict, Fresh | Stale):
            self._stats.compared(name, same=imprint.print == own.print)
        elif isinstance(look.verdict, MustValidate):
            tally = self._stats.rules[name]
            tally.refetched(imprint.stored, same=imprint.print == own.print)

    def _trace(self, look: _Look, own: Sighting, body: bytes, size: int) -> Imprint | None:
        """Return the imprint of an answer that would be stored, None where it would not."""
        would, terms = look.would, look.would.rule.terms
        if not isinstance(look.admission, Keep):
            return None
        labels = reception.labels(would, look.head)
        told = tags.of_body(would.rule.tagging, look.head.fields.first(b"content-type"), body)
        if labels is None or told is None:
            return None
        labels, stored = labels.plus(told), look.admission.stored
        if size > terms.max_body or self._ledger.standing(labels, look.born) is not Standing.VALID:
            return None
        names = tuple(name for name, _ in stored.selecting)
        variant = _variant(names, would.outbound)
        stored = replace(stored.bare(), length=size)
        return Imprint(names, variant, stored, labels, look.born, own.print, own.coding)


def _fits(imprint: Imprint, request: Request) -> bool:
    """Tell whether a request's nominated fields are those of the one that was answered (§4.1)."""
    return imprint.variant == _variant(imprint.names, request)


def _variant(names: tuple[bytes, ...], request: Request) -> bytes:
    digest = blake2b(key=SECRET, digest_size=16)
    for name in names:
        value = vary.normalise(name, request.fields.all(name))
        digest.update(b"-," if value is None else b"%d:%b," % (len(value), value))
    return digest.digest()


class Observed:
    """A response that is printed as it is read; `whole` is how much of its body is looked at."""

    def __init__(
        self, inbound: Inbound, seen: Callable[[bytes, Printing], None], whole: int
    ) -> None:
        self.head = inbound.head
        self._inbound = inbound
        self._printing = Printing(inbound.head)
        self._seen = seen
        self._whole = whole

    async def chunks(self) -> AsyncIterator[bytes]:
        """See `Inbound.chunks`; what breaks off is not looked at."""
        body = bytearray()
        async for chunk in self._inbound.chunks():
            self._printing.update(chunk)
            if self._whole and len(body) <= self._whole:
                body += chunk
            yield chunk
        try:
            self._seen(bytes(body), self._printing)
        except Exception:
            log.exception("an answer could not be compared")

    async def aclose(self) -> None:
        """See `Inbound.aclose`."""
        await self._inbound.aclose()
