"""Several workers behind one port: to clients and operators they are one proxy."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import orjson
import pytest

from proxy.cli.workers import _private_folder
from proxy.errors import ConfigError
from tests.fleet.fleet import PATIENCE, TOKEN, Member, until
from tests.fleet.origin import Origin
from tests.plays.process import run, serving
from tests.plays.rawclient import Cut, RawClient, connected, request
from tests.plays.scripted import ScriptedUpstream, response
from tests.redis.servers import RedisServer

CONNECTIONS = 24
"""So many that they are almost certainly not all of one worker's."""


@asynccontextmanager
async def running(url: str, redis: RedisServer, *flags: str) -> AsyncIterator[Member]:
    """Run two workers before an upstream, and end them in order unless the test does."""
    flags = ("--upstream", url, "--redis", redis.url, "--workers", "2", *flags)
    own = {"SIDECACHE_ADMIN_TOKEN": TOKEN, "SIDECACHE_LOG__ACCESS": "off"}
    with (
        TemporaryDirectory() as folder,
        serving(*flags, variables=own | {"TMPDIR": folder}) as process,
    ):
        headers = {"Authorization": f"Bearer {TOKEN}"}
        # Any worker may take a connection, and one that dies or hangs has it then.
        limits = httpx.Limits(max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=process.admin, headers=headers, limits=limits, timeout=PATIENCE
        ) as operator:
            yield Member(process, operator)
        process.process.terminate()
        await asyncio.to_thread(process.process.wait, PATIENCE)
        assert sum(1 for _ in Path(folder).iterdir()) == (process.process.returncode != 0)


async def confirmed(proxy: Member) -> None:
    """Wait until two workers, and nobody else, confirm what is purged."""
    await until(lambda: _confirmed(proxy), "two workers that confirm")


async def _confirmed(proxy: Member) -> bool:
    answer = await proxy.purge("nobody", within=1.0)
    return answer.status_code == 200 and len(answer.json()["replicas"]) == 2


async def stopped(proxy: Member) -> list[dict[str, object]]:
    """End it as an operator would, and return its log."""
    out, err = await asyncio.to_thread(proxy.serving.stop)
    assert err == ""
    return [orjson.loads(line) for line in out.splitlines()]


def workers(proxy: Member) -> list[int]:
    """Return the workers' process ids."""
    pid = proxy.serving.process.pid
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


async def clients(stack: AsyncExitStack, proxy: Member) -> list[RawClient]:
    return [await stack.enter_async_context(connected(proxy.port)) for _ in range(CONNECTIONS)]


async def bodies(clients: list[RawClient], target: str) -> set[bytes]:
    """Return what is answered to all."""
    found = set()
    for client in clients:
        answer = await client.ask(request(target))
        assert answer.status == 200
        found.add(answer.body)
    return found


async def each(proxy: Member) -> list[int]:
    """Return how many requests each worker has answered."""
    told = (await proxy.operator.get("/v1/stats")).json()
    assert sum(line["count"] for line in told["requests"]) == await proxy.count(
        "sidecache_requests_total"
    )
    return [worker["requests"] for worker in told["workers"]]


async def test_what_one_hears_all_do_and_what_all_count_is_told_as_one(
    origin: Origin, redis: RedisServer
) -> None:
    async with running(origin.url, redis) as proxy, AsyncExitStack() as stack:
        await confirmed(proxy)
        some = await clients(stack, proxy)
        assert await bodies(some, "/steady/1") == {b"0"}
        assert await bodies(some, "/steady/1") == {b"0"}
        assert origin.asked["/steady/1"] == 1  # the other found it in Redis
        shares = await each(proxy)
        assert (sum(shares), min(shares) > 0) == (2 * CONNECTIONS, True)
        assert await proxy.count("sidecache_edge_connections") == CONNECTIONS
        assert await proxy.count("sidecache_replicas_here") == 2

        await _looked_into(proxy)
        await _profiled(proxy)
        origin.commit("1")
        receipt = (await proxy.purge("thing-1")).json()
        assert receipt["state"] == "complete"
        assert [one["state"] for one in receipt["replicas"]] == ["confirmed"] * 2
        assert await bodies(some, "/steady/1") == {b"1"}
        await _told_of_one_that_hangs(proxy)


async def _looked_into(proxy: Member) -> None:
    """See that what the workers hold is told as what one proxy holds."""
    get = proxy.operator.get
    told = (await get("/v1/explain", params={"url": "http://api.test/steady/1"})).json()
    held = {one["worker"]: len(one["memory"]) for one in told["workers"]}
    assert (set(held), sum(held.values()) >= 1) == ({0, 1}, True)
    by_path = (await get("/v1/explain", params={"url": "/steady/1"})).json()
    assert (by_path["request"], bool(by_path["memory"])) == (told["request"], True)
    digest = told["key"]["digest"]
    entries = (await get("/v1/entries", params={"key": digest})).json()["entries"]
    assert [one["worker"] for one in entries] == [n for n, count in held.items() if count]
    paged, cursor = [], 0
    while cursor is not None:
        page = (await get("/v1/entries", params={"cursor": cursor, "limit": 1})).json()
        paged += page["entries"]
        cursor = page["cursor"]
    assert [one["location"] for one in paged] == [one["location"] for one in entries]
    dry = (await proxy.purge("thing-1", dry_run=True)).json()
    assert (dry["dry_run"], dry["matching"]) == (True, len(entries))
    assert (await get("/v1/entries", params={"cursor": "x"})).status_code == 422
    assert (await get("/v1/explain")).status_code == 422
    for path in ("/v1/history", "/v1/advice", "/v1/quarantine"):
        assert (await get(path)).status_code == 200
    refused = await get("/v1/stats", headers={"Authorization": "Bearer nobody"})
    assert (refused.status_code, refused.headers["www-authenticate"][:6]) == (401, "Bearer")


async def _profiled(proxy: Member) -> None:
    """See that each worker is profiled where it is named, and says so."""
    asked = ({"seconds": 1, "worker": number} for number in range(2))
    profiles = await asyncio.gather(*(proxy.operator.post("/v1/profile", params=q) for q in asked))
    assert [each.headers["sidecache-worker"] for each in profiles] == ["0", "1"]
    nobody = await proxy.operator.post("/v1/profile", params={"worker": 2})
    assert nobody.status_code == 404


async def _told_of_one_that_hangs(proxy: Member) -> None:
    """See that probes notice it, and that what it has counted still counts."""
    counted = await proxy.count("sidecache_requests_total")
    pid = workers(proxy)[1]
    os.kill(pid, signal.SIGSTOP)
    try:
        probes = [proxy.operator.get(path) for path in ("/livez", "/readyz")]
        for answer in await asyncio.gather(*probes):
            assert (answer.status_code, 1 in answer.json()["workers"]) == (503, True)
    finally:
        os.kill(pid, signal.SIGCONT)
    await until(lambda: _alive(proxy), "all to be alive again")
    assert await proxy.count("sidecache_requests_total") == counted


async def _alive(proxy: Member) -> bool:
    return (await proxy.operator.get("/livez")).status_code == 200


async def test_one_that_is_killed_is_replaced_and_nobody_else_notices(
    origin: Origin, redis: RedisServer
) -> None:
    async with running(origin.url, redis) as proxy, AsyncExitStack() as stack:
        await confirmed(proxy)
        some = await clients(stack, proxy)
        await bodies(some, "/steady/1")
        before = await proxy.metrics()
        first, second = workers(proxy)
        os.kill(first, signal.SIGKILL)
        lost = 0
        for client in some:
            try:
                await bodies([client], "/steady/1")
            except (Cut, ConnectionError):
                lost += 1
        assert 0 < lost < CONNECTIONS  # those of the one that died
        for _ in range(CONNECTIONS):  # newcomers wait for its successor
            assert (await proxy.get("/steady/1")).status == 200

        await until(lambda: _ready(proxy), "a successor")
        assert len(set(workers(proxy)) - {first, second}) == 1
        after = await proxy.metrics()
        names = [name for name in before if name.partition("{")[0].endswith(("_total", "_count"))]
        assert [name for name in names if after[name] < before[name]] == []
        await confirmed(proxy)  # the receipt does not wait for the dead
        told = [str(line["message"]) for line in await stopped(proxy) if line["level"] == "error"]
        assert told == [f"worker 0 (process {first}) ended by signal 9; another follows"]


async def _ready(proxy: Member) -> bool:
    return (await proxy.operator.get("/readyz")).status_code == 200


async def test_settings_are_read_anew_by_all_or_by_none(
    origin: Origin, redis: RedisServer, tmp_path: Path
) -> None:
    file = tmp_path / "sidecache.yaml"
    file.write_text("log: {level: info}\n")
    async with running(origin.url, redis, "--config", str(file)) as proxy:
        file.write_text("rules: [{name: one, ttl: 5s}]\n")
        proxy.serving.process.send_signal(signal.SIGHUP)
        await until(lambda: _counts(proxy, "config_generation", 2), "rules in all")
        rules = (await proxy.operator.get("/v1/rules")).json()["rules"]
        assert [rule["name"] for rule in rules] == ["one", "default"]

        done = (await proxy.operator.post("/v1/config/reload")).json()
        assert [one["outcome"] for one in done["workers"]] == ["applied"] * 2
        file.write_text("nonsense: [")
        answer = await proxy.operator.post("/v1/config/reload")
        assert answer.status_code == 422
        assert f"{file}:1:" in answer.json()["detail"]
        refused = 'sidecache_config_reloads_total{outcome="refused"}'
        assert (await proxy.metrics())[refused] >= 2

        # Who comes now begins with what was good last.
        former = workers(proxy)[0]
        os.kill(former, signal.SIGKILL)
        await until(lambda: _ready(proxy), "a successor")
        for _ in range(8):
            rules = (await proxy.operator.get("/v1/rules")).json()["rules"]
            assert [rule["name"] for rule in rules] == ["one", "default"]
        assert former not in workers(proxy)
        await until(lambda: _counts(proxy, "config_refused", 1), "a refusal")


async def _counts(proxy: Member, name: str, least: float) -> bool:
    return await proxy.count(f"sidecache_{name}") >= least


async def test_what_is_under_way_is_finished_by_all(redis: RedisServer) -> None:
    hold = asyncio.Event()
    async with ScriptedUpstream() as upstream, running(upstream.url, redis) as proxy:
        for _ in range(CONNECTIONS):
            upstream.reply(response("200 OK", "Content-Length: 10"), b"first", hold, b"final")
        async with AsyncExitStack() as stack:
            some = await clients(stack, proxy)
            for number, client in enumerate(some):
                await client.send(request(f"/{number}"))
            answers = [await client.head() for client in some]
            proxy.serving.process.send_signal(signal.SIGTERM)
            await until(lambda: _refused(proxy), "a closed port")
            hold.set()
            for answer in answers:
                assert await answer.rest() == b"firstfinal"
        await asyncio.to_thread(proxy.serving.process.wait, PATIENCE)
        assert proxy.serving.process.returncode == 0


async def _refused(proxy: Member) -> bool:
    try:
        async with connected(proxy.port):
            return False
    except ConnectionRefusedError:
        return True


async def test_workers_end_in_peace_when_nobody_looks_after_them(
    origin: Origin, redis: RedisServer
) -> None:
    async with running(origin.url, redis) as proxy:
        orphans = workers(proxy)
        proxy.serving.process.kill()
        await until(lambda: _all_gone(orphans), "an end")
        await until(lambda: _refused(proxy), "a closed port")


async def _all_gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}/status").exists() for pid in pids)


@pytest.mark.parametrize("length", [3, 120], ids=["nothing", "too-long"])
def test_where_no_socket_can_be_made_others_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    folder = tmp_path / ("x" * length)
    if length > 3:
        folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    with _private_folder() as made:
        assert Path(made).parent == Path("/dev/shm")  # noqa: S108 - as the proxy does
    monkeypatch.setattr("proxy.cli.workers._SHARED_MEMORY", str(folder))
    with pytest.raises(ConfigError, match=r"workers: .* set TMPDIR"):
        _private_folder()
    assert list(tmp_path.rglob("sidecache-*")) == []


def test_what_keeps_workers_from_starting_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "sidecache.yaml"
    file.write_text(
        "upstream: {url: http://127.0.0.1:9}\nworkers: 4\n"
        "store: {redis: {url: redis://127.0.0.1:9, password: {variable: NO_PASSWORD}}}\n"
    )
    ended = run("serve", "--config", str(file), "--listen", "127.0.0.1:0", "--admin", "off")
    assert ended.returncode == 1
    assert ended.stderr == "store.redis.password: the variable NO_PASSWORD is not set\n"
