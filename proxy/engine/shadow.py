"""Shadow: beside an answer of the upstream's own, what the cache would have said instead.

Nothing that is remembered here is ever given to anybody, and nothing is written where live rules
read. This module must not know how answers reach their clients.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from secrets import token_bytes
from typing import Final

from proxy.engine import reception
from proxy.engine.boarding import Boarded, early
from proxy.engine.flights import Flight, Unshareable
from proxy.engine.keeping import admitted
from proxy.engine.ledger import Ledger, Standing
from proxy.engine.ports import Clock, Inbound
from proxy.engine.stats import Stats
from proxy.engine.traces import Trace, Traces
from proxy.http import vary
from proxy.http.message import NO_FIELDS, Head, Request
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

SECRET: Final = token_bytes(32)
"""What digests are made with: this process alone can make the same ones."""

_OUTCOMES: Final = {
    Fresh: "hit",
    Stale: "stale",
    MustValidate: "miss",
    Absent: "miss",
    Bypass: "bypass",
    Refuse: "error",
}
_TOO_MANY_REQUESTS: Final = 429
_INCOMPARABLE: Final = {206, 304, _TOO_MANY_REQUESTS, *range(500, 600)}
"""Statuses of what is no whole answer, or none of the application's own."""


class Printing:
    """A digest of an answer as it grows: its status, where it points, its body."""

    def __init__(self, head: Head) -> None:
        self._digest = blake2b(key=SECRET, digest_size=16)
        location = head.fields.joined(b"location") or b""
        self._digest.update(b"%d %d:%b" % (head.status, len(location), location))
        self.size = 0

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the body."""
        self._digest.update(chunk)
        self.size += len(chunk)

    def print(self) -> bytes:
        """Return the digest of what has come."""
        return self._digest.digest()


def comparable(head: Head) -> bool:
    """Tell whether a response is an answer that can be held against another."""
    return head.status not in _INCOMPARABLE


@dataclass(frozen=True, slots=True)
class _Beside:
    """What the cache makes of one request; `trace` is what it would have used."""

    asked: Request
    would: Boarded
    verdict: Verdict
    trace: Trace | None
    admission: Admission
    inbound: Inbound
    flight: Flight


class Shadow:
    """Decides beside each request under a rule in shadow mode, and compares."""

    def __init__(self, ledger: Ledger, clock: Clock, stats: Stats) -> None:
        self._ledger = ledger
        self._clock = clock
        self._stats = stats
        self.traces = Traces()

    def beside(self, boarded: Boarded, landing: Unshareable, flight: Flight) -> Inbound:
        """Return the response that came to a request, looked at as it goes by."""
        would, inbound = boarded.beside, landing.inbound
        if would is None or boarded.passing is not Reason.SHADOW:
            return inbound
        verdict, trace = self._judged(would, flight.departed)
        now = self._clock.now()
        moment = Moment(flight.departed, now, self._clock.draw())
        admission = admitted(would, would, landing.head, moment)
        self._count(would, verdict, trace, admission, now - flight.departed)
        request = would.outbound
        if request.method != "GET" or is_partial_or_conditional(request):
            return inbound
        if isinstance(verdict, Bypass | Refuse) or not comparable(landing.head):
            return inbound
        look = _Beside(boarded.outbound, would, verdict, trace, admission, inbound, flight)
        whole = tags.LARGEST_BODY if would.rule.tagging.from_body else 0
        return Observed(inbound, landing.head, lambda body, p: self._seen(look, body, p), whole)

    def _judged(self, would: Boarded, now: float) -> tuple[Verdict, Trace | None]:
        verdict = early(would)
        if verdict is not None:
            return verdict, None
        found = self._usable(would)
        trace = next((each for each in found if _fits(each, would.outbound)), None)
        stored = None if trace is None else trace.stored
        terms, draw = would.rule.terms, self._clock.draw()
        variants = bool(found)
        return reuse.judge(would.outbound, stored, terms, now, draw, variants=variants), trace

    def _usable(self, would: Boarded) -> tuple[Trace, ...]:
        """Return the traces under a key that no purge has outdated."""
        return tuple(
            trace
            for trace in self.traces.get(would.key.digest)
            if self._ledger.standing(trace.labels, trace.born) is Standing.VALID
        )

    def _count(
        self,
        would: Boarded,
        verdict: Verdict,
        trace: Trace | None,
        admission: Admission,
        seconds: float,
    ) -> None:
        name, stats = would.rule.name, self._stats
        stats.shadow_requests[name, _OUTCOMES[type(verdict)]] += 1
        if isinstance(verdict, Fresh | Stale):
            stats.shadow_seconds_saved += seconds
            stats.rules[name].hit(seconds, 0 if trace is None else trace.stored.length)
        else:
            stats.rules[name].miss(verdict.reason, admission.reason)

    def _seen(self, look: _Beside, body: bytes, printing: Printing) -> None:
        """Compare a whole answer with what would have been given, and remember it."""
        rule, name = look.would.rule, look.would.rule.name
        sighting = Sighting(parts_of(look.asked, SECRET), printing.print(), self._clock.now())
        if look.trace is not None:
            same = look.trace.print == sighting.print
            if isinstance(look.verdict, Fresh | Stale):
                self._stats.compared(name, same=same)
            elif isinstance(look.verdict, MustValidate):
                self._stats.rules[name].refetched(same=same)
        present = self._usable(look.would)
        old = next((each for each in present if _fits(each, look.would.outbound)), None)
        if old is not None and (names := returned(old.sightings, sighting)):
            self._stats.mismatched(name, names)
        new = old
        if old is None or not isinstance(look.verdict, Fresh):
            new = self._trace(look, body, printing) or old
        if new is not None:
            if old is not None:
                new = replace(new, sightings=old.sightings)
            others = (each for each in present if each is not old)
            kept = (new.seen(sighting), *others)[: rule.terms.max_variants]
            self.traces.put(look.would.key.digest, kept)

    def _trace(self, look: _Beside, body: bytes, printing: Printing) -> Trace | None:
        """Return the trace of an answer that would be stored, None where it would not."""
        would, raw = look.would, look.inbound.head
        labels = reception.labels(would, raw)
        told = tags.of_body(would.rule.tagging, raw.fields.first(b"content-type"), body)
        large = printing.size > would.rule.terms.max_body
        if not isinstance(look.admission, Keep) or labels is None or told is None or large:
            return None
        labels, born = labels.plus(told), look.flight.born
        if self._ledger.standing(labels, born) is not Standing.VALID:
            return None
        stored = look.admission.stored
        names = tuple(name for name, _ in stored.selecting)
        variant = _variant(names, would.outbound)
        stored = replace(stored, fields=NO_FIELDS, selecting=(), length=printing.size)
        return Trace(names, variant, stored, labels, born, printing.print())


def _fits(trace: Trace, request: Request) -> bool:
    """Tell whether a request's nominated fields are those of the one that was answered (§4.1)."""
    return trace.variant == _variant(trace.names, request)


def _variant(names: tuple[bytes, ...], request: Request) -> bytes:
    digest = blake2b(key=SECRET, digest_size=16)
    for name in names:
        value = vary.normalise(name, request.fields.all(name))
        digest.update(b"-," if value is None else b"%d:%b," % (len(value), value))
    return digest.digest()


class Observed:
    """A response that is printed as it is read; `whole` is how much of its body is looked at."""

    def __init__(
        self, inbound: Inbound, head: Head, seen: Callable[[bytes, Printing], None], whole: int
    ) -> None:
        self.head = head
        self._inbound = inbound
        self._printing = Printing(head)
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
        self._seen(bytes(body), self._printing)

    async def aclose(self) -> None:
        """See `Inbound.aclose`."""
        await self._inbound.aclose()
