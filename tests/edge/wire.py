"""A connection without a socket: the protocol on a mock transport, with its own loop's clock."""

import asyncio
from collections.abc import Callable
from functools import lru_cache

import uvicorn
from uvicorn.server import ServerState

from proxy.edge.doorway import Doorway
from proxy.edge.limits import Edge
from proxy.edge.protocol import Protocol
from proxy.edge.refusals import App


class Transport(asyncio.Transport):
    """Keeps what is written; does what a transport does when it is closed."""

    def __init__(self) -> None:
        super().__init__({"peername": ("192.0.2.1", 5000), "sockname": ("192.0.2.2", 80)})
        self.writes: list[bytes] = []
        self.unsent = 0
        self.closed = self.aborted = self.ended = False
        self.paused = False
        self.on_write: Callable[[], None] = lambda: None

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "written behind the end"
        if not self.closed:
            self.writes.append(bytes(data))
            self.on_write()

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


@lru_cache(maxsize=16)
def configured(app: App) -> uvicorn.Config:
    """Return the configuration of a server, as the proxy's own is configured."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, proxy_headers=False, ws="none", lifespan="off"
    )
    config.load()
    return config


class Wire:
    """One connection to an application."""

    def __init__(self, app: App, doorway: Doorway | None = None, **edge: object) -> None:
        config = configured(app)
        self.state = ServerState()
        self.doorway = doorway or Doorway(Edge.model_validate(edge))
        self.transport = Transport()
        self.protocol = Protocol(config, self.state, {}, None, doorway=self.doorway)
        self.protocol.connection_made(self.transport)

    async def send(self, *pieces: bytes) -> bytes:
        """Let bytes arrive while the connection stands, and return all that was written."""
        for piece in pieces:
            if not self.transport.closed:
                self.protocol.data_received(piece)
                await asyncio.sleep(0)
        await self.quiet()
        return self.transport.written

    async def quiet(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    @property
    def over(self) -> bool:
        """Whether the connection has ended, at least for our part."""
        return self.transport.closed or self.transport.ended

    def tick(self, later: float) -> None:
        """Let so many seconds pass at once."""
        self.doorway.now += later
        for watch in list(self.doorway._present):  # noqa: SLF001 - the clock's own hand
            watch.tick(self.doorway.now)

    def lose(self) -> None:
        self.protocol.connection_lost(None)
