"""Admission: may this response be kept, and as what (9111 §3).

The checks are a table, first match wins; to change a storing rule, change one function and its
row. This module must not know stores or keys.
"""

from collections.abc import Callable
from typing import Final

from proxy.http import dates, hops, target, vary
from proxy.http.cache_control import Directives, parse_request
from proxy.http.message import Fields, Head, Request, content_length
from proxy.http.ranges import parse_content_range
from proxy.http.validators import parse_etag
from proxy.policy import credentials
from proxy.policy.freshness import (
    HEURISTICALLY_CACHEABLE,
    age_on_arrival,
    date_of,
    governing,
    lifetime_of,
)
from proxy.policy.reasons import Reason
from proxy.policy.stored import Lifetime, Stored
from proxy.policy.terms import Caching, SetCookie, Terms
from proxy.policy.verdicts import Admission, Decline, Keep
from proxy.values import replace, valueclass

UNDERSTOOD: Final = frozenset(
    {*range(200, 207), *range(300, 304), 307, 308, *range(400, 418), 421, 422, 426}
    | set(range(500, 506))
)
"""Statuses whose caching is implemented as 9110 §15 says."""

NEVER_KEPT: Final = frozenset({304, 412, 416, 417, 421, 428, 429, 431, 511})
"""Answers to what no key holds: a condition, a range, an expectation, a connection, a caller's
rate. 6585 §3 to §6 forbid the last four; the others would be given to callers who did not ask."""

_NOT_KEPT: Final = hops.PROXY_OWN | {b"age", b"content-length"}
"""§3.1 forbids the first; Age and Content-Length are written anew for each answer."""


@valueclass(frozen=True, slots=True)
class Moment:
    """When the request left and the response came, seconds, and one random draw in [0, 1)."""

    request_time: float
    response_time: float
    draw: float = 0.0


@valueclass(frozen=True, slots=True)
class _Case:
    request: Request
    head: Head
    terms: Terms
    asked: Directives
    said: Directives
    kept: Fields
    lifetime: Lifetime | None
    varied: tuple[bytes, ...] | None


def judge(request: Request, head: Head, terms: Terms, moment: Moment) -> Admission:
    """Decide whether the final response `head` to `request` is kept (9111 §3).

    `request` is the one that went upstream. A kept response's `length` is 0 until its body is
    whole; the fill sets it.
    """
    said, targeted = governing(head.fields, terms.targets)
    date = date_of(head.fields, moment.response_time)
    lifetime = lifetime_of(head, said, terms, targeted=targeted, date=date, draw=moment.draw)
    if terms.cache is Caching.OVERRIDE and terms.own_ttl(head.status) is not None:
        said = _overridden(said)
    case = _Case(
        request=request,
        head=head,
        terms=terms,
        asked=parse_request(request.fields.all(b"cache-control")),
        said=said,
        kept=_kept_fields(head.fields, said, terms, date),
        lifetime=lifetime,
        varied=_varied(head.fields),
    )
    for declines, reason in REFUSALS:
        if declines(case):
            return Decline(reason)
    stored = _stored(case, moment, date)
    return Keep(stored, stored.lifetime.source)


def _varied(fields: Fields) -> tuple[bytes, ...] | None:
    """Return the fields that select this response, None where nothing can match (9111 §4.1).

    Origin is one wherever a single origin is allowed to read the answer: many servers reflect it
    and forget Vary, and the first caller would lock the others out.
    """
    names = vary.names(fields)
    if names is None or fields.first(b"access-control-allow-origin") in {None, b"*"}:
        return names
    return tuple(sorted({*names, b"origin"}))


def _overridden(said: Directives) -> Directives:
    # The rule replaces what upstream says about time; what it says about persons stays.
    return replace(
        said, no_cache=False, must_revalidate=False, proxy_revalidate=False, s_maxage=None
    )


def _bypassed(case: _Case) -> bool:
    return case.terms.cache is Caching.OFF or case.request.method not in {"GET", "POST"}


def _never_kept(case: _Case) -> bool:
    return case.head.status < 200 or case.head.status in NEVER_KEPT  # noqa: PLR2004 - not final


def _not_understood(case: _Case) -> bool:
    return case.said.must_understand and case.head.status not in UNDERSTOOD


def _no_store(case: _Case) -> bool:
    return case.said.no_store and not case.said.must_understand  # §5.2.2.3


def _private(case: _Case) -> bool:
    return case.said.private


def _request_no_store(case: _Case) -> bool:
    return case.asked.no_store


def _set_cookie(case: _Case) -> bool:
    return b"set-cookie" in case.head.fields and case.terms.set_cookie is SetCookie.REFUSE


def _credentials(case: _Case) -> bool:
    carried = credentials.carries(case.request.fields, case.terms)
    return carried and not credentials.shareable(case.said)


def _vary_star(case: _Case) -> bool:
    return case.varied is None


def _unclear_range(case: _Case) -> bool:
    if case.head.status != 206:  # noqa: PLR2004 - Partial Content
        return False
    values = case.head.fields.all(b"content-range")
    return len(values) != 1 or parse_content_range(values[0]) is None


def _unfit_post(case: _Case) -> bool:
    return case.request.method == "POST" and not (
        case.lifetime is not None
        and case.lifetime.source in {Reason.S_MAXAGE, Reason.MAX_AGE, Reason.EXPIRES}
        and _names_itself(case.request, case.head)
    )


def _names_itself(request: Request, head: Head) -> bool:
    location = head.fields.joined(b"content-location")
    resolved = location and target.resolve(
        location, request.scheme, request.authority, request.target
    )
    if not resolved:
        return False
    scheme, authority, origin_form = resolved
    return (scheme, origin_form) == (request.scheme, request.target) and (
        target.normal_authority(scheme, authority)
        == target.normal_authority(request.scheme, request.authority)
    )


def _status(case: _Case) -> bool:
    return (
        case.lifetime is None
        and not case.said.public
        and case.head.status not in HEURISTICALLY_CACHEABLE
    )


def _endless(case: _Case) -> bool:
    """Tell whether only the end of the connection ends the body (9112 §6.3, §8)."""
    fields = case.head.fields
    framed = content_length(fields) is not None or b"transfer-encoding" in fields
    bodyless = case.head.status == 204  # noqa: PLR2004 - No Content
    return not (framed or bodyless or case.head.version.startswith("2"))


def _too_large(case: _Case) -> bool:
    length = content_length(case.head.fields)
    return length is not None and length > case.terms.max_body


def _has_validator(case: _Case) -> bool:
    return (
        parse_etag(case.kept.first(b"etag")) is not None
        or dates.parse(case.kept.first(b"last-modified") or b"") is not None
    )


def _beyond_asking(case: _Case) -> bool:
    return case.said.no_cache and not _has_validator(case)


def _no_lifetime(case: _Case) -> bool:
    return case.lifetime is None and not _has_validator(case)


REFUSALS: Final[tuple[tuple[Callable[[_Case], bool], Reason], ...]] = (
    (_bypassed, Reason.BYPASSED),
    (_never_kept, Reason.STATUS),
    (_not_understood, Reason.NOT_UNDERSTOOD),
    (_no_store, Reason.NO_STORE),
    (_private, Reason.PRIVATE),
    (_request_no_store, Reason.REQUEST_NO_STORE),
    (_set_cookie, Reason.SET_COOKIE),
    (_credentials, Reason.CREDENTIALS),
    (_vary_star, Reason.VARY_STAR),
    (_unclear_range, Reason.RANGE),
    (_unfit_post, Reason.POST),
    (_status, Reason.STATUS),
    (_endless, Reason.FRAMING),
    (_too_large, Reason.TOO_LARGE),
    (_beyond_asking, Reason.NO_VALIDATOR),
    (_no_lifetime, Reason.NO_LIFETIME),
)
"""Why a response is not kept, asked in this order."""


def _stored(case: _Case, moment: Moment, date: int) -> Stored:
    fields, said, terms = case.head.fields, case.said, case.terms
    names = case.varied or ()
    return Stored(
        status=case.head.status,
        fields=case.kept,
        directives=said,
        selecting=vary.selecting(case.request.fields, names),
        varies=bool(names),
        etag=parse_etag(case.kept.first(b"etag")),
        last_modified=dates.parse(case.kept.first(b"last-modified") or b""),
        date=date,
        request_time=moment.request_time,
        response_time=moment.response_time,
        age_on_arrival=age_on_arrival(fields, date, moment.request_time, moment.response_time),
        lifetime=case.lifetime or Lifetime(0, Reason.VALIDATOR, "no lifetime given"),
        stale_while_revalidate=_window(
            said, said.stale_while_revalidate, terms.stale_while_revalidate
        ),
        stale_if_error=_window(said, said.stale_if_error, terms.stale_if_error),
        shareable=credentials.shareable(said),
        length=0,
        part=parse_content_range(fields.first(b"content-range"))
        if case.head.status == 206  # noqa: PLR2004 - Partial Content
        else None,
    )


def _window(said: Directives, given: int | None, ruled: float | None) -> float:
    """Return how long staleness is allowed on purpose, in seconds (5861 §3, §4).

    The response's own window outweighs the revalidation that s-maxage implies, because an
    extension directive modifies the base (9111 §5.2.3); must-revalidate, proxy-revalidate and
    no-cache are said on purpose and hold. A rule's window yields to all four.
    """
    if said.must_revalidate or said.proxy_revalidate or said.no_cache:
        return 0.0
    if given is not None:
        return float(given)
    return 0.0 if ruled is None or said.s_maxage is not None else ruled


def _kept_fields(fields: Fields, said: Directives, terms: Terms, date: int) -> Fields:
    """Return the fields to keep (9111 §3.1), with the Date that 9110 §6.6.1 asks for."""
    dropped = _NOT_KEPT | said.no_cache_fields | said.private_fields
    if terms.set_cookie is SetCookie.STRIP:
        dropped |= {b"set-cookie"}
    kept = hops.end_to_end(fields).without(dropped)
    return kept if b"date" in kept else kept.plus((b"Date", dates.render(date)))
