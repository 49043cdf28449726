"""How a gateway is put together from a few numbers; the only place that knows all its parts."""

import random
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from proxy.upstream.address import Address, Origin
from proxy.upstream.breaker import BreakerTerms
from proxy.upstream.dispatch import Dispatcher
from proxy.upstream.gate import Gate
from proxy.upstream.gateway import Gateway
from proxy.upstream.health import Checks, HealthTerms
from proxy.upstream.members import Members
from proxy.upstream.pool import Keep, Pool, Room
from proxy.upstream.retry import RetryBudget, RetryTerms
from proxy.upstream.stats import UpstreamStats


@dataclass(frozen=True, slots=True)
class Plan:
    """What a gateway is like: `most` requests at once, `queue` more wait `queue_seconds`."""

    most: int = 256
    queue: int = 256
    queue_seconds: float = 1.0
    keep: Keep = field(default_factory=Keep)
    breaker: BreakerTerms = field(default_factory=BreakerTerms)
    retry: RetryTerms = field(default_factory=RetryTerms)
    health: HealthTerms | None = None
    tls: ssl.SSLContext | None = None
    """How TLS is spoken; without it, with the usual authorities."""


def gateway(
    urls: Sequence[str], plan: Plan | None = None, *, draw: Callable[[], float] = random.random
) -> Gateway:
    """Return an `Upstream` before these URLs."""
    plan = plan or Plan()
    stats = UpstreamStats()
    room = Room(plan.most, plan.keep, stats)
    origins = [Origin.of(url) for url in urls]
    tls = plan.tls
    if tls is None and any(origin.secure for origin in origins):
        tls = tls_context()

    def pool(address: Address) -> Pool:
        return Pool(address, room, tls)

    members = Members(origins, pool, plan.breaker, stats, draw)
    gate = Gate(plan.most, plan.queue, stats)
    dispatcher = Dispatcher(members, gate, RetryBudget(plan.retry), stats)
    checks = None if plan.health is None else Checks(members, plan.health)
    return Gateway(dispatcher, queue_seconds=plan.queue_seconds, checks=checks)


def tls_context(
    ca: Path | None = None, cert: Path | None = None, key: Path | None = None
) -> ssl.SSLContext:
    """Return how TLS is spoken: the server proves who it is, we do if there is a `cert`.

    `ca`, `cert` and `key` are PEM files. Raises `OSError` (`ssl.SSLError` is one) for a bad file.
    """
    context = httpx.create_ssl_context(trust_env=False) if ca is None else _trusting(ca)
    context.set_alpn_protocols(["http/1.1"])
    if cert is not None:
        context.load_cert_chain(cert, key)
    return context


def _trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca)
