"""Upstreams: the way to the API, made from the settings.

This module must not know requests.
"""

import ssl

from proxy.errors import ConfigError
from proxy.sections import Upstream, UpstreamTls
from proxy.upstream.breaker import BreakerTerms
from proxy.upstream.build import Plan, gateway, tls_context
from proxy.upstream.gateway import Gateway
from proxy.upstream.health import HealthTerms
from proxy.upstream.httpx_pool import HttpxUpstream
from proxy.upstream.pool import Keep
from proxy.upstream.retry import RetryTerms
from proxy.workers.shares import share


def upstream(settings: Upstream, workers: int = 1) -> Gateway | HttpxUpstream:
    """Return the engine that the settings name, for one of `workers`; raises `ConfigError`."""
    context = _context(settings.tls)
    if settings.engine == "own":
        return gateway(settings.url, _plan(settings, context, workers))
    return HttpxUpstream(
        settings.url[0],
        max_connections=share(settings.max_connections, workers),
        max_keepalive=share(settings.max_keepalive, workers),
        http2=settings.http2,
        tls=context,
    )


def _plan(settings: Upstream, context: ssl.SSLContext | None, workers: int) -> Plan:
    health, kept = settings.health, share(settings.max_keepalive, workers)
    return Plan(
        most=share(settings.max_connections, workers),
        queue=share(settings.max_queue, workers),
        queue_seconds=settings.queue_wait,
        keep=Keep(kept, settings.keepalive, settings.max_age),
        breaker=BreakerTerms(settings.failures, calm=settings.calm),
        retry=RetryTerms(settings.retries),
        health=None if health is None else HealthTerms(**health.model_dump()),
        tls=context,
    )


def _context(files: UpstreamTls) -> ssl.SSLContext | None:
    """Return how TLS is spoken where that is not as usual."""
    if files.ca is None and files.cert is None:
        return None
    try:
        return tls_context(files.ca, files.cert, files.key)
    except OSError as error:
        told = error.strerror or str(error)
        raise ConfigError(f"upstream.tls: {error.filename or 'a file'}: {told}") from error
