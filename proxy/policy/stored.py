"""Stored: what is known of a kept response. No body, and nothing to be parsed again.

What the response said is worked out once, when it is kept; the judgement of each later request
is arithmetic on these values.
"""

from proxy.http.cache_control import Directives
from proxy.http.message import NO_FIELDS, Fields
from proxy.http.ranges import ContentRange
from proxy.http.validators import EntityTag
from proxy.policy.reasons import Reason
from proxy.values import replace, valueclass

Selecting = tuple[tuple[bytes, bytes | None], ...]
"""The fields that Vary nominates and their normalised values in the request (9111 §4.1)."""


@valueclass(frozen=True, slots=True)
class Lifetime:
    """A freshness lifetime in seconds, where it comes from, and the sum as one would write it."""

    seconds: float
    source: Reason
    arithmetic: str


@valueclass(frozen=True, slots=True)
class Stored:
    """A kept response to a GET, without its body (9111 §3).

    Times are seconds of the engine's clock. `age_on_arrival` is the corrected_initial_age of
    §4.2.3. `part` is set for a 206 and says which bytes are held; `length` counts them.
    `overdue` marks an answer that must be validated whatever its lifetime says (§4.3.5);
    `stale_since` is when a soft purge ended its lifetime early. `own_etag` tells that the tag was
    made here: the upstream does not know it.
    """

    status: int
    fields: Fields
    directives: Directives
    selecting: Selecting
    varies: bool
    etag: EntityTag | None
    last_modified: int | None
    date: int
    request_time: float
    response_time: float
    age_on_arrival: float
    lifetime: Lifetime
    stale_while_revalidate: float
    stale_if_error: float
    shareable: bool
    length: int
    part: ContentRange | None = None
    overdue: bool = False
    stale_since: float | None = None
    own_etag: bool = False

    def age(self, now: float) -> float:
        """Return current_age in seconds (9111 §4.2.3)."""
        return self.age_on_arrival + max(0.0, now - self.response_time)

    def ttl(self, now: float) -> float:
        """Return the seconds of freshness that are left, negative when stale (9211 §2.4)."""
        return self.left(self.age(now), now)

    def left(self, age: float, now: float) -> float:
        """Return the same, of a response whose age at `now` is known already."""
        left = self.lifetime.seconds - age
        return left if self.stale_since is None else min(left, self.stale_since - now)

    def bare(self) -> "Stored":
        """Return what is known without any field: enough to tell how old the response is."""
        return replace(self, fields=NO_FIELDS, selecting=())

    @property
    def may_be_stale(self) -> bool:
        """Whether nothing in the response forbids to serve it stale (9111 §4.2.4, §5.2.2.8)."""
        said = self.directives
        return not (
            said.must_revalidate
            or said.proxy_revalidate
            or said.no_cache
            or said.s_maxage is not None
        )
