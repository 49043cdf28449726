"""The tunnel: what is left of an exchange once the protocol has changed, bytes both ways.

It is httpcore's network stream for a response's `network_stream` extension. Errors are httpx's.
"""

from typing import Any

from proxy.upstream.exchange import Exchange


class Tunnel:
    """A raw stream; each way waits for the other end to take what it was given."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._rest = b""

    async def read(self, max_bytes: int = 65_536, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 - httpcore's signature
        """Return what comes next, nothing at the end."""
        data = self._rest or await self._exchange.read()
        data, self._rest = data[:max_bytes], data[max_bytes:]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - httpcore's signature
        """Send, and wait until there is room for more."""
        await self._exchange.write(buffer)

    def write_eof(self) -> None:
        """Say that no more will be sent; what comes can still be read."""
        self._exchange.write_eof()

    async def aclose(self) -> None:
        """End the connection."""
        self._exchange.close()

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401, ARG002 - httpcore's signature
        """Tell nothing."""
        return None
