"""Reasons: one closed list of why a request was answered, forwarded, stored or not.

A reason is the detail of Cache-Status, the label of a metric, the field of a log line and a line
of `explain`; docs/reasons.md is generated from this table. A verdict without one does not exist.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Family(Enum):
    """What a reason explains."""

    HIT = "answered from the cache"
    FORWARD = "forwarded to the upstream"
    KEEP = "stored"
    DECLINE = "not stored"
    REFUSE = "answered by the proxy itself"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a reason says: its family, its Cache-Status `fwd` token, the clause, a sentence."""

    family: Family
    fwd: str | None
    clause: str
    sentence: str


def _hit(clause: str, sentence: str) -> Meaning:
    return Meaning(Family.HIT, None, clause, sentence)


def _forward(fwd: str, clause: str, sentence: str) -> Meaning:
    return Meaning(Family.FORWARD, fwd, clause, sentence)


def _keep(clause: str, sentence: str) -> Meaning:
    return Meaning(Family.KEEP, None, clause, sentence)


def _decline(clause: str, sentence: str) -> Meaning:
    return Meaning(Family.DECLINE, None, clause, sentence)


def _refuse(clause: str, sentence: str) -> Meaning:
    return Meaning(Family.REFUSE, None, clause, sentence)


class Reason(Enum):
    """Every reason there is; its token is what Cache-Status, metrics and logs show."""

    # Enum's own `value` and `__hash__` are calls in Python, and each request asks for both.
    token: str
    meaning: "Meaning"
    """What this reason says."""

    def __init__(self, token: str) -> None:
        self.token = token

    __hash__ = object.__hash__

    FRESH = "fresh"
    STALE_WHILE_REVALIDATE = "stale-while-revalidate"
    STALE_IF_ERROR = "stale-if-error"
    STALE_UNREACHABLE = "stale-unreachable"
    MAX_STALE = "max-stale"

    URI_MISS = "uri-miss"
    VARY_MISS = "vary-miss"
    PARTIAL = "partial"
    STALE = "stale"
    SOFT_PURGED = "soft-purged"
    NO_CACHE = "no-cache"
    REQUEST_NO_CACHE = "request-no-cache"
    REQUEST_MAX_AGE = "request-max-age"
    REQUEST_MIN_FRESH = "request-min-fresh"
    NOT_SHAREABLE = "not-shareable"
    METHOD = "method"
    RULE_OFF = "rule-off"
    REQUEST_BODY = "request-body"
    PRECONDITION = "precondition"
    AMBIGUOUS_TARGET = "ambiguous-target"
    UNVERIFIED = "unverified"
    SHADOW = "shadow"
    QUARANTINED = "quarantined"
    TUNNEL = "tunnel"

    ONLY_IF_CACHED = "only-if-cached"
    MAX_FORWARDS = "max-forwards"
    PURGE = "purge"
    NOT_ACCEPTABLE = "not-acceptable"
    BAD_REQUEST = "bad-request"
    INTERNAL_ERROR = "internal-error"
    UPSTREAM_UNREACHABLE = "upstream-unreachable"
    UPSTREAM_BUSY = "upstream-busy"
    UPSTREAM_BROKEN = "upstream-broken"
    UPSTREAM_TIMEOUT = "upstream-timeout"

    S_MAXAGE = "s-maxage"
    MAX_AGE = "max-age"
    EXPIRES = "expires"
    HEURISTIC = "heuristic"
    RULE_TTL = "rule-ttl"
    VALIDATOR = "validator"

    BYPASSED = "bypassed"
    NOT_UNDERSTOOD = "not-understood"
    NO_STORE = "no-store"
    REQUEST_NO_STORE = "request-no-store"
    PRIVATE = "private"
    CREDENTIALS = "credentials"
    SET_COOKIE = "set-cookie"
    VARY_STAR = "vary-star"
    NO_LIFETIME = "no-lifetime"
    NO_VALIDATOR = "no-validator"
    STATUS = "status"
    POST = "post"
    RANGE = "range"
    FRAMING = "framing"
    TOO_LARGE = "too-large"
    INCOMPLETE = "incomplete"
    OUTDATED = "outdated"
    UNTAGGABLE = "untaggable"


MEANINGS: Final[dict[Reason, Meaning]] = {
    Reason.FRESH: _hit("9111 §4.2", "A stored answer whose lifetime exceeds its age."),
    Reason.STALE_WHILE_REVALIDATE: _hit(
        "5861 §3", "A stale answer inside its stale-while-revalidate window; a refresh runs."
    ),
    Reason.STALE_IF_ERROR: _hit(
        "5861 §4", "A stale answer in place of an upstream error, inside its stale-if-error window."
    ),
    Reason.STALE_UNREACHABLE: _hit(
        "9111 §4.2.4",
        "A stale answer because the upstream could not be reached and none forbade it.",
    ),
    Reason.MAX_STALE: _hit("9111 §5.2.1.2", "A stale answer that the request's max-stale accepts."),
    Reason.URI_MISS: _forward("uri-miss", "9111 §4", "Nothing usable is stored under the key."),
    Reason.VARY_MISS: _forward(
        "vary-miss", "9111 §4.1", "Stored variants exist, none for this request's fields."
    ),
    Reason.PARTIAL: _forward(
        "partial", "9111 §3.3", "Only a part is stored and the request needs more than it."
    ),
    Reason.STALE: _forward("stale", "9111 §4.2", "The stored answer's age reached its lifetime."),
    Reason.SOFT_PURGED: _forward(
        "stale", "rule", "The stored answer was soft-purged: it is stale before its time."
    ),
    Reason.NO_CACHE: _forward(
        "stale", "9111 §5.2.2.4", "The stored answer says no-cache: validated on each use."
    ),
    Reason.REQUEST_NO_CACHE: _forward(
        "request", "9111 §5.2.1.4", "The request asks for validation by no-cache or Pragma."
    ),
    Reason.REQUEST_MAX_AGE: _forward(
        "request", "9111 §5.2.1.1", "The stored answer is older than the request's max-age."
    ),
    Reason.REQUEST_MIN_FRESH: _forward(
        "request", "9111 §5.2.1.3", "The stored answer expires sooner than min-fresh asks."
    ),
    Reason.NOT_SHAREABLE: _forward(
        "request",
        "9111 §3.5",
        "The request carries credentials and the stored answer is not marked as shareable.",
    ),
    Reason.METHOD: _forward("method", "9111 §4", "The method is always written through."),
    Reason.RULE_OFF: _forward("bypass", "rule", "The rule says `cache: off`."),
    Reason.REQUEST_BODY: _forward(
        "bypass", "9110 §9.3.1", "A GET or HEAD with a body means something that no key holds."
    ),
    Reason.PRECONDITION: _forward(
        "bypass", "9111 §4.3.2", "If-Match and If-Unmodified-Since are for the origin alone."
    ),
    Reason.AMBIGUOUS_TARGET: _forward(
        "bypass", "3986 §6.2.2", "The path has dot segments, empty segments or control characters."
    ),
    Reason.UNVERIFIED: _forward(
        "miss",
        "rule",
        "The purge log has been out of reach for too long to serve anything that is stored.",
    ),
    Reason.SHADOW: _forward(
        "bypass", "rule", "The rule is in shadow mode: the upstream answers, the cache compares."
    ),
    Reason.QUARANTINED: _forward(
        "bypass",
        "rule",
        "Under this rule callers got each other's answers; none is given until that is mended.",
    ),
    Reason.TUNNEL: _forward(
        "bypass",
        "9110 §7.8",
        "The request asks for another protocol, and the rule lets it through.",
    ),
    Reason.ONLY_IF_CACHED: _refuse(
        "9111 §5.2.1.7", "The request wants a stored answer only, and none can be used: 504."
    ),
    Reason.MAX_FORWARDS: _refuse(
        "9110 §7.6.2", "Max-Forwards is 0: the request ends here, unanswered by the upstream: 501."
    ),
    Reason.PURGE: _refuse("rule", "The method PURGE, where the operator has switched it on."),
    Reason.NOT_ACCEPTABLE: _refuse(
        "9110 §12.5.3", "The request accepts none of the codings in which the answer can be had."
    ),
    Reason.BAD_REQUEST: _refuse(
        "9112 §3", "The request is malformed, ambiguous, too large or too slow: 4xx, 501 or 503."
    ),
    Reason.INTERNAL_ERROR: _refuse("9110 §15.6.1", "A bug of the proxy: 500, and a log line."),
    Reason.UPSTREAM_UNREACHABLE: _refuse(
        "9110 §15.6.3",
        "No connection to the upstream: 502, or 504 where must-revalidate forbids a stale answer.",
    ),
    Reason.UPSTREAM_BUSY: _refuse(
        "9110 §15.6.4", "The upstream has as many requests as are allowed: 503, and Retry-After."
    ),
    Reason.UPSTREAM_BROKEN: _refuse("9110 §15.6.3", "The upstream's message broke off: 502."),
    Reason.UPSTREAM_TIMEOUT: _refuse("9110 §15.6.5", "The upstream ran out of time: 504."),
    Reason.S_MAXAGE: _keep("9111 §5.2.2.10", "Lifetime from s-maxage."),
    Reason.MAX_AGE: _keep("9111 §5.2.2.1", "Lifetime from max-age."),
    Reason.EXPIRES: _keep("9111 §5.3", "Lifetime from Expires less Date."),
    Reason.HEURISTIC: _keep("9111 §4.2.2", "Lifetime guessed from Last-Modified."),
    Reason.RULE_TTL: _keep("rule", "Lifetime from the rule."),
    Reason.VALIDATOR: _keep(
        "9111 §4.3", "No lifetime, but a validator: kept to be validated on each use."
    ),
    Reason.BYPASSED: _decline("rule", "The request was not handled by the cache."),
    Reason.NOT_UNDERSTOOD: _decline(
        "9111 §5.2.2.3", "The status asks to be understood, and is not."
    ),
    Reason.NO_STORE: _decline("9111 §5.2.2.5", "The response says no-store."),
    Reason.REQUEST_NO_STORE: _decline("9111 §5.2.1.5", "The request says no-store."),
    Reason.PRIVATE: _decline("9111 §5.2.2.7", "The response says private."),
    Reason.CREDENTIALS: _decline(
        "9111 §3.5", "The request carried credentials and the response is not marked as shareable."
    ),
    Reason.SET_COOKIE: _decline("9111 §7.3", "The response sets a cookie for one caller."),
    Reason.VARY_STAR: _decline("9111 §4.1", "Vary: * never matches another request."),
    Reason.NO_LIFETIME: _decline(
        "9111 §3", "Neither the response nor the rule gives it a lifetime or a validator."
    ),
    Reason.NO_VALIDATOR: _decline(
        "9111 §5.2.2.4", "The response says no-cache and has no validator to be asked by."
    ),
    Reason.STATUS: _decline(
        "9111 §3", "The status is kept with explicit freshness only, or never."
    ),
    Reason.POST: _decline(
        "9110 §9.3.3", "A response to POST is kept only if fresh and its own Content-Location."
    ),
    Reason.RANGE: _decline("9111 §3.3", "A partial response whose place in the whole is unclear."),
    Reason.FRAMING: _decline(
        "9112 §8", "The body ends when the connection does, so its completeness is unknown."
    ),
    Reason.TOO_LARGE: _decline("rule", "The body is larger than the rule's max_body."),
    Reason.INCOMPLETE: _decline("9111 §3.3", "The body broke off."),
    Reason.OUTDATED: _decline("9111 §4.4", "It was invalidated while it was being fetched."),
    Reason.UNTAGGABLE: _decline(
        "rule", "Its tags are too many or unreadable, so that a purge could miss it."
    ),
}

for _reason, _meaning in MEANINGS.items():
    _reason.meaning = _meaning
