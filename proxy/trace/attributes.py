"""Attributes: what a span says, by OpenTelemetry's stable conventions for HTTP spans.

No query, no field and no body is ever among them: a trace goes to whoever may see all traces.
This module must not know spans.
"""

from typing import Final
from urllib.parse import urlsplit

from proxy.engine.answer import Account
from proxy.engine.stats import outcome
from proxy.http.message import Request

Attributes = dict[str, str | int]

STATUS: Final = "http.response.status_code"
ERROR: Final = "error.type"
METHOD: Final = "http.request.method"
VERSION: Final = "network.protocol.version"
MAX_PATH: Final = 1_024

_METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_OTHER: Final = "_OTHER"
_CLIENTS_OWN: Final = range(400, 500)
"""Statuses that are no error of whoever answers with them, but one for whoever is answered so."""
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def name_of(request: Request) -> str:
    """Return a span's name, one of a few: the rule and the path are attributes."""
    return request.method if request.method in _METHODS else "HTTP"


def of_server(request: Request) -> Attributes:
    """Return what is known of a request when it arrives."""
    found = _method(request) | {
        "url.scheme": request.scheme,
        "url.path": _path(request),
        VERSION: request.version,
        **_server(request.scheme, request.authority.decode("latin-1")),
    }
    return found if request.peer is None else found | {"network.peer.address": request.peer}


def of_client(request: Request, origin: str | None) -> Attributes:
    """Return what is known of a request on its way to the upstream at `origin`.

    None where there are several: then the request's own authority is all that is known.
    """
    authority = request.authority.decode("latin-1")
    base = origin or f"{request.scheme}://{authority}"
    if base.startswith("unix:"):
        place: Attributes = {"server.address": base.removeprefix("unix://")}
        base = f"http://{authority}"
    else:
        scheme, _, where = base.partition("://")
        place = _server(scheme, where)
    return _method(request) | {"url.full": base + _path(request)} | place


def of_account(account: Account) -> Attributes:
    """Return how the cache dealt with a request."""
    found: Attributes = {
        "sidecache.rule": account.rule,
        "sidecache.outcome": outcome(account),
        "sidecache.reason": account.reason.token,
    }
    return found | ({} if account.storing is None else {"sidecache.storing": account.storing.token})


def error_of(status: int, account: Account) -> str | None:
    """Return why an answered request counts as an error, None where it does not."""
    if status in _CLIENTS_OWN:
        return None
    if account.failed is not None:
        return account.failed.token
    return str(status) if status >= _CLIENTS_OWN.stop else None


def error_of_upstream(status: int) -> str | None:
    """Return why an exchange with the upstream counts as an error, None where it does not."""
    return str(status) if status >= _CLIENTS_OWN.start else None


def _method(request: Request) -> Attributes:
    if request.method in _METHODS:
        return {METHOD: request.method}
    return {METHOD: _OTHER, "http.request.method_original": request.method}


def _path(request: Request) -> str:
    return request.path[:MAX_PATH].decode("latin-1")


def _server(scheme: str, authority: str) -> Attributes:
    """Return address and port; the port that the scheme has where there is none (9110 §4.2)."""
    try:
        parts = urlsplit(f"//{authority}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return {}
    if not host:
        return {}
    return {"server.address": host, "server.port": port or _DEFAULT_PORTS.get(scheme, 80)}
