"""`sidecache health`: ask a running proxy how it is, for container engines and exec probes.

It runs every few seconds beside the proxy, so nothing is imported that it can do without; the
settings are read only where the address stands in a file and nowhere else. This module must not
know what makes a proxy ready.
"""

import os
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from proxy.errors import ConfigError, SidecacheError

PATHS: Final = {"ready": "/readyz", "live": "/livez", "started": "/startupz"}
"""What can be asked, and where."""

DEFAULT: Final = "127.0.0.1:9090"
_PORT: Final = 9090
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - told apart, not bound
_OK: Final = 200


class _Unhealthy(SidecacheError):
    """The proxy is not as it was asked for; the text is one line."""


@click.command(short_help="Exit with 0 if the proxy is ready.")
@click.argument("probe", type=click.Choice(list(PATHS)), default="ready")
@click.option("--admin", metavar="URL", help="Where the admin listener is.")
@click.option("--timeout", type=float, default=2.0, show_default=True, metavar="SECONDS")
def health(probe: str, admin: str | None, timeout: float) -> None:
    """Exit with 0 if the proxy is ready (or live, or started), else with 1.

    Without --admin the address comes from SIDECACHE_ADMIN_URL, SIDECACHE_ADMIN, the file that
    SIDECACHE_CONFIG names, or is the default.
    """
    address = admin or _address(os.environ)
    status = _asked(address, PATHS[probe], timeout)
    if status != _OK:
        raise _Unhealthy(f"{address}: not {probe}: {PATHS[probe]} answers {status}")
    click.echo(probe)


def _address(environ: Mapping[str, str]) -> str:
    """Return where the admin listener is."""
    given = environ.get("SIDECACHE_ADMIN_URL") or environ.get("SIDECACHE_ADMIN")
    if given:
        return given
    file = environ.get("SIDECACHE_CONFIG")
    return _configured(Path(file), environ) if file else DEFAULT


def _configured(file: Path, environ: Mapping[str, str]) -> str:
    from proxy.settings import load  # noqa: PLC0415 - see above

    listen = load(file, {}, environ).admin.listen
    return "off" if listen is None else str(listen)


def _asked(address: str, path: str, timeout: float) -> int:
    """Return the status that a path is answered with; raises where nobody answers."""
    host, port = _place(address)
    connection = HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().status
    except (OSError, HTTPException) as error:
        raise _Unhealthy(f"{address}: {str(error) or type(error).__name__}") from error
    finally:
        connection.close()


def _place(address: str) -> tuple[str, int]:
    """Return host and port; where a server listens everywhere, it is asked at home."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        host, port = parts.hostname, parts.port or _PORT
    except ValueError:
        host = None
    if not host or address == "off":
        raise ConfigError(f"{address}: is no address of an admin listener; see --admin")
    return _ANYWHERE.get(host, host), port
