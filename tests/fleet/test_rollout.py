"""A roll-out: replicas are replaced and their settings changed under load, and nobody notices.

ROLLOUT_REQUESTS says how many requests there are at least; `make soak` sends 60,000,
by clients of our own, which read every answer, and as many by wrk, where there is one: it is in
greater haste.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import httpx

from tests.fleet.balancer import Balancer
from tests.fleet.conftest import Tell
from tests.fleet.origin import Origin
from tests.fleet.wrk import Wrk
from tests.plays.process import Serving, run, serving
from tests.plays.rawclient import RawClient, connected, request

REQUESTS: Final = int(os.environ.get("ROLLOUT_REQUESTS", "3000"))
CLIENTS: Final = 16
DELAY: Final = 1
ASKED: Final = tuple(f"/private/{number}" for number in range(100, 164))
"""What wrk has the upstream asked for."""
VARIABLES: Final = {"SIDECACHE_DRAIN__DELAY": f"{DELAY}s", "SIDECACHE_LOG__ACCESS": "off"}


class Clients:
    """Clients that ask on and on, each on connections of its own; whatever fails is noted."""

    def __init__(self, port: int) -> None:
        self.answers = 0
        self.failures: list[str] = []
        self._port = port
        self._going = True

    async def start(self) -> None:
        """Let them ask."""
        self._tasks = [asyncio.create_task(self._client(n)) for n in range(CLIENTS)]

    async def until(self, answers: int) -> None:
        """Wait until there have been so many answers."""
        while self.answers < answers:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Have each finish what it is about."""
        self._going = False
        await asyncio.gather(*self._tasks)

    async def _client(self, number: int) -> None:
        while self._going:
            try:
                async with connected(self._port) as client:
                    await self._converse(client, number)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
                self.failures.append(f"client {number}: {error!r}")

    async def _converse(self, client: RawClient, number: int) -> None:
        while self._going:
            target = f"/{('steady', 'private')[self.answers % 2]}/{number}"
            answer = await client.ask(request(target))
            self.answers += 1
            if answer.status != 200:
                self.failures.append(f"client {number}: {answer.status} {answer.body!r}")
            if b"close" in answer.all("connection"):
                return


@asynccontextmanager
async def _loads(port: int, origin: Origin) -> AsyncIterator[list[Clients | Wrk]]:
    """Let our own clients ask, and wrk where there is one: the origin sees half of its requests."""
    loads: list[Clients | Wrk] = [Clients(port)]
    if shutil.which("wrk"):
        loads.append(Wrk(port, lambda: 2 * sum(origin.asked[target] for target in ASKED)))
    async with AsyncExitStack() as stack:
        for load in loads:
            await load.start()
            stack.push_async_callback(load.stop)
        yield loads


async def test_replicas_are_replaced_and_settings_changed_and_nobody_notices(
    origin: Origin, tmp_path: Path, tell: Tell
) -> None:
    file = tmp_path / "sidecache.yaml"
    file.write_text(f"upstream: {{url: {origin.url}}}\n")
    origin.steady(0.001)
    with ExitStack() as stack:

        def start() -> Serving:
            return stack.enter_context(serving("--config", str(file), variables=VARIABLES))

        async with Balancer() as balancer:
            balancer.replicas += await asyncio.gather(*(asyncio.to_thread(start) for _ in "ab"))
            await balancer.all_ready()
            async with _loads(balancer.port, origin) as loads:
                done = 0
                async for _ in _changes(balancer, file, start):
                    done += 1
                    for load in loads:
                        await load.until(REQUESTS * done // 5)
    for load in loads:
        tell(f"{load.answers} answers to {type(load).__name__}, failures: {load.failures}")
        assert load.failures == []
        assert load.answers >= REQUESTS
    assert done == 5


async def _changes(
    balancer: Balancer, file: Path, start: Callable[[], Serving]
) -> AsyncIterator[None]:
    """Do what is done to a deployment, one thing after the other."""
    good = file.read_text()
    for _ in range(2):
        replica = balancer.replicas[0]
        balancer.replicas.append(await asyncio.to_thread(start))
        await balancer.all_ready()
        replica.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(replica.process.wait, 60)
        assert replica.process.returncode == 0
        balancer.replicas.remove(replica)
        yield
    for text in (good + "rules: [{name: one, ttl: 5s}]\n", "nonsense: [", good):
        file.write_text(text)
        for replica in balancer.replicas:
            replica.process.send_signal(signal.SIGHUP)
        await asyncio.sleep(0.2)
        yield


async def test_a_replica_that_leaves_says_so_and_goes_on_for_a_while(origin: Origin) -> None:
    patient = VARIABLES | {"SIDECACHE_DRAIN__DELAY": "30s"}
    with serving("--upstream", origin.url, variables=patient) as proxy:
        async with (
            connected(proxy.port) as client,
            httpx.AsyncClient(base_url=proxy.admin) as admin,
        ):
            assert (await client.ask(request("/steady/1"))).first("connection") is None
            proxy.process.send_signal(signal.SIGTERM)
            while (await admin.get("/readyz")).status_code == 200:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.01)
            assert (await admin.get("/livez")).status_code == 200
            assert (await client.ask(request("/steady/1"))).all("connection") == [b"close"]
            async with connected(proxy.port) as newcomer:
                assert (await newcomer.ask(request("/steady/2"))).status == 200
            proxy.process.send_signal(signal.SIGTERM)  # at once, then
            await asyncio.to_thread(proxy.process.wait, 20)
            assert proxy.process.returncode == 0


async def test_a_replica_that_is_told_to_leave_goes_on_until_it_is_told_to_end(
    origin: Origin,
) -> None:
    """As a native sidecar: the pod's end is known before the API's, and after that nobody waits."""
    with serving("--upstream", origin.url) as proxy:
        async with (
            connected(proxy.port) as client,
            httpx.AsyncClient(base_url=proxy.admin) as admin,
        ):
            assert (await client.ask(request("/steady/1"))).first("connection") is None
            told = await asyncio.to_thread(run, "leave", "--pid", str(proxy.process.pid))
            assert (told.returncode, told.stderr) == (0, "")
            while (await admin.get("/readyz")).status_code == 200:  # noqa: ASYNC110 - polled
                await asyncio.sleep(0.01)
            assert (await client.ask(request("/steady/1"))).all("connection") == [b"close"]
            async with connected(proxy.port) as newcomer:
                await newcomer.send(request("/private/1"))  # by the upstream
                assert (await newcomer.read()).status == 200
            proxy.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(proxy.process.wait, 20)
            assert proxy.process.returncode == 0
