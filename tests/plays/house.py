"""The house: the proxy as it runs in production, on a free port, in the play's own loop."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from proxy.app import Service
from proxy.cli.listeners import bind
from proxy.cli.servers import data_server
from proxy.rules.endpoints import Address
from proxy.settings import Settings
from tests.plays.rawclient import RawClient, Response, connected, request
from tests.plays.scripted import PATIENCE


@dataclass(frozen=True)
class House:
    """A running proxy and the way to its door."""

    service: Service
    port: int

    def connect(self, receive_buffer: int = 2**20) -> AbstractAsyncContextManager[RawClient]:
        """Connect as a client."""
        return connected(self.port, receive_buffer)

    async def ask(
        self, target: str, *lines: str, method: str = "GET", body: bytes = b""
    ) -> Response:
        """Send one request on a connection of its own and read the whole answer."""
        async with self.connect() as client:
            return await client.ask(request(target, *lines, method=method, body=body), method)

    async def quiet(self) -> None:
        """Wait until nothing is under way any more, neither requests nor what outlives them."""
        async with asyncio.timeout(PATIENCE):
            while self.service.stats.in_flight or len(self.service.corridor.tasks):  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.001)


@asynccontextmanager
async def house(origin: str, **changes: object) -> AsyncIterator[House]:
    """Run the proxy before `origin`; `changes` are settings as the YAML file has them.

    At the end nothing may be under way: every request answered or given up, every fetch closed.
    """
    settings = Settings.model_validate(_over({"upstream": {"url": origin}}, changes))
    service = Service(settings, "play")
    listener = bind(Address("127.0.0.1", 0), "listen")
    server = data_server(service)
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup([listener])
    place = House(service, listener.getsockname()[1])
    try:
        yield place
        await place.quiet()
    finally:
        for accepting in server.servers:
            accepting.close()
        for connection in list(server.server_state.connections):
            connection.shutdown()
        await server.lifespan.shutdown()


def _over(settings: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """Lay nested changes over nested settings."""
    merged = dict(settings)
    for name, value in changes.items():
        old = merged.get(name)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[name] = _over(old, value) if both else value  # type: ignore[arg-type]  # both are
    return merged
