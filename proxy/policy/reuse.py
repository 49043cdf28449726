"""Reuse: which stored response fits a request, and whether it may answer it (9111 §4).

`triage` looks at the request alone, `select` picks a variant, `judge` decides. This module must
not know where responses are stored.
"""

from collections.abc import Sequence

from proxy.http import vary
from proxy.http.cache_control import Directives, parse_request
from proxy.http.message import Request
from proxy.policy import credentials
from proxy.policy.freshness import wants_early_refresh
from proxy.policy.parts import covers
from proxy.policy.reasons import Reason
from proxy.policy.stored import Selecting, Stored
from proxy.policy.terms import Caching, Terms
from proxy.policy.verdicts import Absent, Bypass, Fresh, MustValidate, Refuse, Stale, Verdict
from proxy.values import replace

_RETRIEVALS = frozenset({"GET", "HEAD"})
_FOR_THE_ORIGIN = (b"if-match", b"if-unmodified-since")


def asked(request: Request) -> Directives:
    """Return the request's directives; Pragma: no-cache counts where there are none (§5.4)."""
    values = request.fields.all(b"cache-control")
    if values or b"pragma" not in request.fields:
        return parse_request(values)
    pragma = (request.fields.joined(b"pragma") or b"").lower()
    return replace(parse_request(values), no_cache=b"no-cache" in pragma)


def triage(request: Request, terms: Terms, *, ambiguous: bool) -> Bypass | Refuse | None:
    """Decide what needs no look into the cache; None when the cache should be asked.

    `ambiguous` says that the path could mean another one to the upstream.
    """
    reason = _bypassing(request, terms, ambiguous=ambiguous)
    if reason is None:
        return None
    if request.method in _RETRIEVALS and asked(request).only_if_cached:
        return Refuse(Reason.ONLY_IF_CACHED)
    return Bypass(reason)


def _bypassing(request: Request, terms: Terms, *, ambiguous: bool) -> Reason | None:
    if request.method not in _RETRIEVALS:
        return Reason.METHOD
    if terms.cache is Caching.OFF:
        return Reason.RULE_OFF
    if ambiguous:
        return Reason.AMBIGUOUS_TARGET
    if request.has_body:
        return Reason.REQUEST_BODY
    if any(name in request.fields for name in _FOR_THE_ORIGIN):
        return Reason.PRECONDITION
    return None


def matches(request: Request, selecting: Selecting) -> bool:
    """Tell whether the request's nominated fields are those of the stored request (§4.1)."""
    return all(vary.normalise(name, request.fields.all(name)) == value for name, value in selecting)


def select(request: Request, variants: Sequence[Stored]) -> Stored | None:
    """Return the variant that fits the request best, or None (9111 §4, §4.1).

    Among those that match: one that holds enough, then one with a Vary field, then the most
    recent by Date.
    """
    fitting = [stored for stored in variants if matches(request, stored.selecting)]
    if len(fitting) < 2:  # noqa: PLR2004 - nothing to choose between
        return fitting[0] if fitting else None
    return max(fitting, key=lambda s: (covers(request, s), s.varies, s.date, s.response_time))


def judge(  # noqa: PLR0913 - each is an input of §4
    request: Request,
    stored: Stored | None,
    terms: Terms,
    now: float,
    draw: float,
    *,
    variants: bool,
) -> Verdict:
    """Decide how a GET or HEAD is answered, given the variant selected for it (9111 §4).

    `variants` tells whether anything at all is stored under the key, `draw` is a random number
    in [0, 1). Without the network (`only-if-cached`) what would go forward is refused.
    """
    directives = asked(request)
    verdict = _weigh(request, stored, terms, directives, now=now, draw=draw, variants=variants)
    if directives.only_if_cached and isinstance(verdict, MustValidate | Absent):
        return Refuse(Reason.ONLY_IF_CACHED)
    return verdict


def _weigh(  # noqa: PLR0913 - as above
    request: Request,
    stored: Stored | None,
    terms: Terms,
    directives: Directives,
    *,
    now: float,
    draw: float,
    variants: bool,
) -> Verdict:
    if stored is None:
        return Absent(Reason.VARY_MISS if variants else Reason.URI_MISS)
    if not covers(request, stored):
        return Absent(Reason.PARTIAL)
    if credentials.carries(request.fields, terms) and not stored.shareable:
        return Absent(Reason.NOT_SHAREABLE)
    objection = _objection(stored, directives, now)
    if objection is not None:
        return MustValidate(stored, objection)
    if stored.ttl(now) > 0:
        return Fresh(stored, Reason.FRESH, wants_early_refresh(stored, terms, now, draw))
    return _past_its_lifetime(stored, directives, -stored.ttl(now))


def _objection(stored: Stored, directives: Directives, now: float) -> Reason | None:
    """Return why even a fresh answer has to be validated, or None."""
    if directives.no_cache:
        return Reason.REQUEST_NO_CACHE
    if stored.directives.no_cache:
        return Reason.NO_CACHE
    if stored.overdue:
        return Reason.STALE
    if directives.max_age is not None and stored.age(now) > directives.max_age:
        return Reason.REQUEST_MAX_AGE
    if directives.min_fresh is not None and stored.ttl(now) < directives.min_fresh:
        return Reason.REQUEST_MIN_FRESH
    return None


def _past_its_lifetime(
    stored: Stored, directives: Directives, staleness: float
) -> Stale | MustValidate:
    """Decide about an answer that is `staleness` seconds past its lifetime (9111 §4.2.4)."""
    asked_for = directives.max_stale is not None and staleness <= directives.max_stale
    unlimited = directives.max_age is None and directives.max_stale is None
    if (unlimited or asked_for) and 0 < stored.stale_while_revalidate >= staleness:
        return Stale(stored, Reason.STALE_WHILE_REVALIDATE, refresh=True)
    if asked_for and stored.may_be_stale:
        return Stale(stored, Reason.MAX_STALE, refresh=False)
    return MustValidate(stored, Reason.STALE if stored.stale_since is None else Reason.SOFT_PURGED)


def instead_of_error(
    request: Request, stored: Stored, terms: Terms, now: float, *, unreachable: bool
) -> Stale | None:
    """Return the stored answer that may stand in for a failed fetch, or None.

    An error status needs a stale-if-error window of the response, the rule or the request (5861
    §4); an upstream that cannot be reached, breaks off or times out leaves the cache
    disconnected, and then any stored answer serves that nothing forbids (9111 §4.2.4).
    """
    directives = asked(request)
    if directives.no_cache or stored.directives.no_cache or stored.overdue:
        return None
    ttl = stored.ttl(now)
    staleness = max(0.0, -ttl)
    window = stored.stale_if_error
    if directives.stale_if_error is not None and stored.may_be_stale:
        window = max(window, directives.stale_if_error)
    if 0 < window >= staleness:
        return Stale(stored, Reason.STALE_IF_ERROR, refresh=False)
    allowed = ttl > 0 or (stored.may_be_stale and staleness <= terms.stale_if_unreachable)
    if unreachable and allowed:
        return Stale(stored, Reason.STALE_UNREACHABLE, refresh=False)
    return None
