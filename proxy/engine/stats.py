"""Stats: each counter once, with its sentence.

Plain numbers, counted where things happen and read at scrape. Labels are closed sets or the
names of rules; a path, a host or a field value is never one.
"""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from proxy.engine.answer import Account
from proxy.engine.tally import Tally
from proxy.policy.reasons import Reason
from proxy.rules.comparison import Finding, finding

BUCKETS: Final[tuple[float, ...]] = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
)
"""Upper bounds of the latency histograms, seconds."""


_HITS: Final = ("hit", "stale")


class Occupancy(Protocol):
    """What the memory tier tells of itself."""

    bytes: int
    evictions: int

    def __len__(self) -> int:
        """Return the number of keys held."""


class Histogram:
    """Counts by bucket, and their sum."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(BUCKETS, value)] += 1
        self.sum += value


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Return the value, seconds, that this share of what was counted does not exceed.

    Within a bucket of `Histogram.counts` values are taken to lie evenly; what lies beyond the last
    bound is told as that. None where nothing was counted.
    """
    wanted = share * sum(counts)
    if not wanted:
        return None
    below = 0.0
    for lower, upper, count in zip((0.0, *BUCKETS), BUCKETS, counts, strict=False):
        if count and below + count >= wanted:
            return lower + (upper - lower) * (wanted - below) / count
        below += count
    return BUCKETS[-1]


def outcome(account: Account) -> str:
    """Return the outcome class of an answer: a closed set of six."""
    if account.failed is not None:
        return "error"
    if account.reason is Reason.FRESH:
        return "hit"
    if account.hit:
        return "stale"
    if account.fwd_status is not None:
        return "validated"
    if account.reason.meaning.fwd in {"bypass", "method"} or account.reason is Reason.PURGE:
        return "bypass"
    return "miss"


@dataclass(slots=True)
class Stats:
    """Everything that is counted; the metadata of each field is its sentence."""

    requests: Counter[tuple[str, str]] = field(
        default_factory=Counter, metadata={"help": "Requests answered, by rule and outcome."}
    )
    reasons: Counter[str] = field(
        default_factory=Counter,
        metadata={"help": "Why requests were answered, forwarded or refused, by reason."},
    )
    storing: Counter[str] = field(
        default_factory=Counter,
        metadata={"help": "Why responses were stored or not, by reason."},
    )
    collapsed: int = field(
        default=0, metadata={"help": "Requests that shared another request's fetch."}
    )
    in_flight: int = field(default=0, metadata={"help": "Requests being answered now."})
    body_bytes: Counter[str] = field(
        default_factory=Counter, metadata={"help": "Body bytes sent to clients, by outcome."}
    )
    upstream_seconds_saved: float = field(
        default=0.0,
        metadata={"help": "Seconds that the upstream had taken for what hits were answered with."},
    )
    purges: Counter[tuple[str, str]] = field(
        default_factory=Counter,
        metadata={"help": "Purges accepted here, by mode and by who asked for them."},
    )
    log_lines_dropped: int = field(
        default=0, metadata={"help": "Log lines dropped because their reader was too slow."}
    )
    latency: defaultdict[str, Histogram] = field(
        default_factory=lambda: defaultdict(Histogram),
        metadata={"help": "Seconds from a request's head to its answer's end, by outcome."},
    )
    shadow_requests: Counter[tuple[str, str]] = field(
        default_factory=Counter,
        metadata={
            "help": "Requests in shadow mode, by rule and by what the cache would have done."
        },
    )
    shadow_seconds_saved: float = field(
        default=0.0, metadata={"help": "Seconds that shadow mode would have spared the upstream."}
    )
    comparisons: Counter[tuple[str, str]] = field(
        default_factory=Counter,
        metadata={"help": "Stored answers held against the upstream's own, by rule and finding."},
    )
    verifications_dropped: int = field(
        default=0,
        metadata={"help": "Verifications that were not made, as too much was under way."},
    )
    verifications_failed: int = field(
        default=0,
        metadata={"help": "Verifications to which the upstream gave nothing to be compared."},
    )
    rules: defaultdict[str, Tally] = field(
        default_factory=lambda: defaultdict(Tally),
        metadata={"help": "What /v1/advice is made of, by rule; begun anew with other rules."},
    )

    def record(self, account: Account, seconds: float, body_bytes: int) -> None:
        """Count one answered request."""
        kind = outcome(account)
        self.requests[account.rule, kind] += 1
        self.reasons[(account.failed or account.reason).token] += 1
        if account.storing is not None and account.collapsed is not True:  # once a response
            self.storing[account.storing.token] += 1
        self.collapsed += account.collapsed is True
        self.body_bytes[kind] += body_bytes
        self.upstream_seconds_saved += account.spared
        self.latency[kind].observe(seconds)
        if kind in _HITS:
            self.rules[account.rule].hit(account.spared, body_bytes)
        elif account.reason is not Reason.SHADOW:  # then what would have been is counted
            self.rules[account.rule].miss(account.failed or account.reason, account.storing)

    def compared(self, rule: str, *, same: bool) -> None:
        """Count a stored answer that was held against the upstream's own."""
        self.comparisons[rule, (Finding.SAME if same else Finding.DIFFERENT).value] += 1
        self.rules[rule].compared(same=same)

    def mismatched(self, rule: str, names: tuple[str, ...]) -> None:
        """Count a stored answer that was shown to be another's, by what differed."""
        self.comparisons[rule, finding(names).value] += 1
        self.rules[rule].mismatched(names)
