"""Addresses: where the upstream listens, and how a connection to it is made.

Errors are httpx's. This module must not know what is said on a connection.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Self

import httpx

from proxy.upstream.connection import Connection

UNIX: Final = "unix"
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an operator says that the upstream is: `http://`, `https://` or `unix://`.

    `name` is what a certificate has to show; `path` is that of a unix socket, else empty.
    """

    host: str
    port: int
    secure: bool = False
    path: str = ""

    @classmethod
    def of(cls, url: str) -> Self:
        """Read `http://host:port`, `https://host:port` or `unix:///path`."""
        scheme, _, rest = url.partition("://")
        if scheme.removeprefix("http+") == UNIX:
            return cls("", 0, path=rest.replace("%2F", "/"))
        parts = httpx.URL(url)
        return cls(parts.host, parts.port or _PORTS[scheme], secure=scheme == "https")

    @property
    def literal(self) -> bool:
        """Whether it is an address itself, with nothing to look up."""
        if self.path:
            return True
        try:
            ip_address(self.host.partition("%")[0])
        except ValueError:
            return False
        return True

    def at(self, host: str) -> "Address":
        """Return one address of it: an IP address that its name stands for."""
        return Address(host, self.port, self.host if self.secure else None, self.path)


@dataclass(frozen=True, slots=True)
class Address:
    """One place to connect to; with a `name`, by TLS to whoever can prove that it is theirs."""

    host: str
    port: int
    name: str | None = None
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{UNIX}://{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    async def connect(
        self, make: Callable[[], Connection], tls: ssl.SSLContext | None, seconds: float
    ) -> None:
        """Open a connection for what `make` returns.

        Raises `httpx.ConnectError` or `httpx.ConnectTimeout`, whose texts clients read: addresses
        are not in them.
        """
        loop = asyncio.get_running_loop()
        tls = None if self.name is None else tls
        try:
            async with asyncio.timeout(seconds if seconds < _FOREVER else None):
                if self.path:
                    await loop.create_unix_connection(make, self.path)
                else:
                    await loop.create_connection(
                        make, self.host, self.port, ssl=tls, server_hostname=self.name
                    )
        except TimeoutError:
            raise httpx.ConnectTimeout("no connection in time") from None
        except (OSError, ssl.CertificateError) as error:
            raise httpx.ConnectError(f"no connection: {_said(error)}") from error


_FOREVER: Final = 1e9


def _said(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    return error.strerror or type(error).__name__


async def look_up(origin: Origin) -> tuple[Address, ...]:
    """Return every address that an origin's name stands for, in a stable order.

    Raises `httpx.ConnectError` where there is none.
    """
    if origin.literal:
        return (origin.at(origin.host),)
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(origin.host, origin.port, type=_STREAM)
    except OSError as error:
        raise httpx.ConnectError(f"its name has no address: {_said(error)}") from error
    return tuple(origin.at(host) for host in sorted({str(row[4][0]) for row in found}))


_STREAM: Final = 1
"""SOCK_STREAM; this module opens no socket itself."""
