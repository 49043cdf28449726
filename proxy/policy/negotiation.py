"""Negotiation: in which codings a response may be sent to one client (9110 §8.4, §12.5.3).

The client's weights decide, then the rule's order. What the upstream coded stays as it is wherever
the client takes it; what it sent plain is coded where that is worth it and nobody forbids it. This
module must not know how anything is coded, nor which codings are at hand.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from proxy.http.cache_control import parse_request, parse_response
from proxy.http.codings import UNTOLD, Accepted, Coding, applied
from proxy.http.message import Fields, Request
from proxy.policy.freshness import governing
from proxy.policy.terms import Compress, Terms
from proxy.values import valueclass

_EMPTY: Final = frozenset({204, 205, 304, 416})
_PARTIAL: Final = 206
_NEGOTIATED: Final = range(200, 300)
_READS: Final = frozenset({"GET", "HEAD"})

_DIGESTS: Final = frozenset({b"content-digest", b"repr-digest", b"digest", b"content-md5"})
"""Fields that are about the very bytes, coding included (9530 §2, §3; 3230; 1864)."""


@valueclass(frozen=True, slots=True)
class Offer:
    """The codings that a client can be given, the best first; none is acceptable where it is empty.

    `native` is the one in which the response came, None for several and for an unknown one: then
    it goes as it is. `varies` tells that another client could be given another one.
    """

    codings: tuple[Coding, ...]
    native: Coding | None
    varies: bool


def offer(request: Request, accepts: Accepted, status: int, fields: Fields, terms: Terms) -> Offer:
    """Return what of a response can be offered; `worth` asks for its length as well.

    A client is told that nothing is acceptable only of what it asked to read: what a write has
    done, and what an error has to say, is told in any case.
    """
    native: Coding | None = applied(fields.all(b"content-encoding"))
    compress = terms.compress
    as_it_is = (native or Coding.IDENTITY,)
    if native is None:
        return Offer(as_it_is, native, varies=False)
    if status in _EMPTY or not _may_change(request, native, fields, terms):
        return Offer(_taken(as_it_is, request, accepts, status, compress), native, varies=False)
    if status == _PARTIAL:  # 9110 §15.3.7: a part of what has been chosen already
        return Offer(as_it_is, native, varies=True)
    if native is not Coding.IDENTITY:
        acceptable = (each for each in (native, Coding.IDENTITY) if accepts.weight(each) > 0)
        codings = tuple(acceptable)
    else:
        codings = tuple(_ranked(accepts, compress))
    told = request.method in _READS and status in _NEGOTIATED
    return Offer(codings if codings or told else as_it_is, native, varies=True)


def worth(made: Offer, length: int | None, compress: Compress) -> Offer:
    """Return an offer without codings that would not pay, as far as the client takes it plain.

    Nothing is acceptable to everybody.
    """
    if length == 0 and not made.codings:
        return Offer((made.native or Coding.IDENTITY,), made.native, made.varies)
    short = length is not None and length < compress.min_size
    if not short or made.native is not Coding.IDENTITY or Coding.IDENTITY not in made.codings:
        return made
    return Offer((Coding.IDENTITY,), made.native, made.varies)


def takes_coded(accepts: Accepted, terms: Terms) -> bool:
    """Tell whether a client could be given what was coded here."""
    codings = terms.compress.codings
    return accepts != UNTOLD and any(accepts.weight(coding) > 0 for coding in codings)


def refuses_plain(accepts: Accepted, terms: Terms) -> bool:
    """Tell whether the plain body that the upstream is asked for is not acceptable to a client.

    It is given what is coded here, of which there are no parts yet, or nothing (9110 §12.5.3).
    """
    return not terms.compress.asks_for_clients and accepts.weight(Coding.IDENTITY) == 0


def preferred(request: Request, accepts: Accepted, terms: Terms) -> Coding | None:
    """Return the coding that is made for a client where it can be, None for the plain body."""
    if parse_request(request.fields.all(b"cache-control")).no_transform:
        return None
    best = next(_ranked(accepts, terms.compress), Coding.IDENTITY)
    return None if best is Coding.IDENTITY else best


def canonical(accepts: Accepted) -> bytes:
    """Return an Accept-Encoding that says the same in one spelling, of what is known here."""
    if accepts == UNTOLD:
        return b"identity"
    coded = (coding for coding in Coding if coding is not Coding.IDENTITY)
    names = [coding.token for coding in coded if accepts.weight(coding) > 0]
    if accepts.weight(Coding.IDENTITY) == 0:
        names.append(b"identity;q=0")
    return b", ".join(names) or b"identity"


def _taken(
    as_it_is: tuple[Coding, ...],
    request: Request,
    accepts: Accepted,
    status: int,
    compress: Compress,
) -> tuple[Coding, ...]:
    """Return the one coding there is; none where a client that takes nothing plain would get that.

    Where the upstream knew what the client takes, or has coded although it was not asked to, the
    choice was its own.
    """
    plain = as_it_is == (Coding.IDENTITY,) and not compress.asks_for_clients
    told = request.method in _READS and status in _NEGOTIATED and status not in _EMPTY
    if plain and told and status != _PARTIAL and accepts.weight(Coding.IDENTITY) == 0:
        return ()  # §12.5.3: "unless the identity coding is indicated as unacceptable"
    return as_it_is


def _may_change(request: Request, native: Coding, fields: Fields, terms: Terms) -> bool:
    """Tell whether the coding of a response may be changed at all.

    9110 §7.7 and 9111 §5.2.1.6, §5.2.2.6: not where either side says no-transform.
    """
    said, compress = governing(fields, terms.targets)[0], terms.compress
    forbidden = (
        not _DIGESTS.isdisjoint(fields.names())
        or said.no_transform
        or parse_response(fields.all(b"cache-control")).no_transform
        or parse_request(request.fields.all(b"cache-control")).no_transform
    )
    if forbidden or native is not Coding.IDENTITY:
        return not forbidden
    return bool(compress.codings) and _listed(fields.first(b"content-type"), compress.types)


@lru_cache(maxsize=1024)
def _listed(content_type: bytes | None, types: tuple[bytes, ...]) -> bool:
    """Tell whether a media type is among those that are worth coding; `text/*` is all text.

    Not of events, which have to leave as they come, unless they are listed by name.
    """
    essence = (content_type or b"").partition(b";")[0].strip().lower()
    main, slash, sub = essence.partition(b"/")
    if not (slash and main and sub):
        return False
    if essence in types:
        return True
    suffixed = b"*+" + sub.rpartition(b"+")[2] in types and b"+" in sub
    return essence != EVENTS and (main + b"/*" in types or suffixed)


EVENTS: Final = b"text/event-stream"


def _ranked(accepts: Accepted, compress: Compress) -> Iterator[Coding]:
    """Yield what can be made of a plain body, by the client's weight, then by the rule's order."""
    if accepts == UNTOLD:
        return iter((Coding.IDENTITY, *compress.codings))  # anything, and plain before all
    order = (*compress.codings, Coding.IDENTITY)
    acceptable = [coding for coding in order if accepts.weight(coding) > 0]
    return iter(sorted(acceptable, key=lambda coding: -accepts.weight(coding)))
