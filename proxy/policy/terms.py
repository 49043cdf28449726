"""Terms: every knob that a rule can turn, frozen.

The judgement takes them as they are; it must not know rules, files or paths. All durations are
in seconds, all sizes in bytes.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from proxy.http.codings import Coding

DAY: Final = 86_400.0
MIB: Final = 1_048_576


class Caching(Enum):
    """Who decides how long: the upstream, or the rule over the upstream."""

    ON = "on"
    OFF = "off"
    OVERRIDE = "override"


class Credentials(Enum):
    """What becomes of requests that carry credentials (Authorization, or a Cookie not in the key).

    REFUSE: answered from the cache only by responses marked as shareable (9111 §3.5).
    KEY: the credentials are part of the key, each caller has entries of its own.
    SHARE: treated like any other request; the operator vouches for the route.
    """

    REFUSE = "refuse"
    KEY = "key"
    SHARE = "share"


class SetCookie(Enum):
    """What becomes of a response with Set-Cookie: not stored, or stored without the field."""

    REFUSE = "refuse"
    STRIP = "strip"


class Mode(Enum):
    """Who answers.

    LIVE: the cache, where it can.
    SHADOW: always the upstream; the cache decides beside it what it would have said, and compares.
    """

    LIVE = "live"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Watch:
    """How a rule is watched.

    `verify` is the share of its hits, 0 to 1, that are held against the upstream's own answer
    once they have been given.
    """

    mode: Mode = Mode.LIVE
    verify: float = 0.0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long the upstream may take, by phase."""

    connect: float = 2.0
    first_byte: float = 30.0
    """From the request's last byte to the response's head."""
    between_bytes: float = 30.0
    total: float | None = None
    """From the request's beginning to the response's end; None for as long as it takes."""
    tunnel: float = 300.0
    """Without a byte either way, once the protocol has changed (9110 §7.8)."""


class Ask(Enum):
    """Which content coding the upstream is asked for.

    IDENTITY: none; the codings are made here.
    CLIENT: what the client accepts, in one spelling; what comes is kept as it is.
    """

    IDENTITY = "identity"
    CLIENT = "client"


class RangeOnMiss(Enum):
    """What is asked of the upstream when a range of what is not stored is wanted.

    PASS: that range.
    WHOLE: all of it, once, to be kept; where it cannot be kept, the range after all.
    """

    PASS = "pass"  # noqa: S105 - to pass on
    WHOLE = "whole"


COMPRESSIBLE: Final = (
    *(b"text/*", b"application/json", b"application/javascript", b"application/xml"),
    *(b"*+json", b"*+xml", b"application/x-ndjson", b"application/x-javascript"),
    *(b"application/yaml", b"application/graphql", b"application/wasm", b"application/rtf"),
    *(b"application/manifest+json", b"application/vnd.ms-fontobject", b"image/svg+xml"),
    *(b"image/bmp", b"image/x-icon", b"image/vnd.microsoft.icon", b"font/ttf", b"font/otf"),
)
"""Media types that shrink: what is text in some way, and a few that are stored plainly."""


@dataclass(frozen=True, slots=True)
class Compress:
    """How content is coded (9110 §8.4); without `codings` it stays as the upstream sent it.

    `codings` in the order in which they are preferred, `types` as `a/b`, `a/*` or `*+b`; `min_size`
    is the length below which a body stays plain.
    """

    codings: tuple[Coding, ...] = (Coding.BR, Coding.ZSTD, Coding.GZIP)
    types: tuple[bytes, ...] = COMPRESSIBLE
    min_size: int = 256
    ask: Ask = Ask.IDENTITY

    @property
    def asks_for_clients(self) -> bool:
        """Whether the upstream sees which codings the client accepts."""
        return self.ask is Ask.CLIENT or not self.codings


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms on which one rule lets responses be kept and reused."""

    cache: Caching = Caching.ON
    ttl: float | None = None
    """Lifetime where the upstream gives none; with OVERRIDE, in any case."""
    ttl_by_status: tuple[tuple[int, float], ...] = ()
    """Like `ttl`, for single statuses; a status listed here is cacheable."""
    min_ttl: float = 0.0
    max_ttl: float | None = None
    jitter: float = 0.0
    """Share of a rule's own lifetime, 0 to 1, that is taken off at random."""
    early_refresh: float = 0.0
    """Weight of a refresh before expiry, growing as expiry nears; 0 is never, 1 is usual."""
    heuristic: float = 0.1
    """Share of the time since Last-Modified that counts as lifetime (9111 §4.2.2)."""
    heuristic_max: float = DAY
    stale_while_revalidate: float | None = None
    stale_if_error: float | None = None
    stale_if_unreachable: float = DAY
    """How long past its lifetime an answer may stand in for an unreachable upstream (§4.2.4)."""
    credentials: Credentials = Credentials.REFUSE
    set_cookie: SetCookie = SetCookie.REFUSE
    targets: tuple[bytes, ...] = (b"cdn-cache-control",)
    """Targeted fields obeyed before Cache-Control, the most specific first (9213 §2.2)."""
    max_body: int = 8 * MIB
    max_variants: int = 32
    cookies_keyed: bool = False
    """The rule names the cookies that matter: the others never reach the upstream."""
    timeouts: Timeouts = Timeouts()
    compress: Compress = Compress()
    make_etag: bool = False
    """Make an entity tag of the body where the upstream gives none."""
    range_on_miss: RangeOnMiss = RangeOnMiss.PASS
    watch: Watch = Watch()

    def own_ttl(self, status: int) -> float | None:
        """Return the lifetime that the rule itself gives to a status, or None."""
        for listed, ttl in self.ttl_by_status:
            if listed == status:
                return ttl
        return self.ttl if status in SUCCESSFUL else None


SUCCESSFUL: Final = frozenset({200, 203, 204, 206, 300, 301, 308})
"""Statuses to which a rule's plain `ttl` applies; others need `ttl_by_status`."""
