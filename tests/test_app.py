"""The app: everything joined from settings, with or without a server of our own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from proxy.admin.control import Phase
from proxy.app import DataPlane, Service, create_app
from proxy.edge.requests import Message
from proxy.errors import ConfigError
from proxy.policy.terms import Mode, Watch
from proxy.reload import Written
from proxy.settings import CONFIG_VARIABLE, load, ruleset
from tests.plays.scripted import ScriptedUpstream, fresh

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sidecache.yaml"
    file.write_text(f"upstream: {{url: {NOWHERE}}}\ncache_status: {{name: from-file, key: true}}\n")
    return file


async def status_of(app: DataPlane) -> str:
    """Return the Cache-Status of an answer that needs no upstream."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        answer = await client.get("/", headers={"Cache-Control": "only-if-cached"})
    return answer.headers["cache-status"]


async def closed(app: DataPlane) -> list[Message]:
    """Take an app through its lifespan; return what it said."""
    said: list[Message] = []
    events = iter(("lifespan.startup", "lifespan.shutdown"))

    async def receive() -> Message:
        return {"type": next(events)}

    async def send(message: Message) -> None:
        said.append(message)

    await app({"type": "lifespan"}, receive, send)
    return said


async def test_from_overrides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    app = create_app(overrides={"upstream": NOWHERE})
    assert await status_of(app) == "sidecache; detail=only-if-cached"
    await closed(app)


async def test_from_a_file(file: Path) -> None:
    app = create_app(file)
    assert (await status_of(app)).startswith("from-file; ")
    await closed(app)


async def test_from_a_file_that_the_environment_names(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(file))
    monkeypatch.setenv("SIDECACHE_CACHE_STATUS__NAME", "from-variable")
    app = create_app()
    assert (await status_of(app)).startswith("from-variable; ")
    await closed(app)


def test_what_is_wrong_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CONFIG_VARIABLE, raising=False)
    for config in (None, tmp_path / "absent.yaml"):
        with pytest.raises(ConfigError):
            create_app(config)


async def test_the_lifespan_makes_ready_and_unready() -> None:
    service = Service(load(None, {"upstream": NOWHERE}, {}), "test")
    seen: list[Phase] = []
    shutdown = asyncio.Event()

    async def receive() -> Message:
        seen.append(service.phase)
        if len(seen) == 2:
            shutdown.set()
        return {"type": "lifespan.startup" if len(seen) == 1 else "lifespan.shutdown"}

    said: list[str] = []

    async def send(message: Message) -> None:
        said.append(message["type"])

    await DataPlane(service)({"type": "lifespan"}, receive, send)
    assert seen == [Phase.STARTING, Phase.READY]
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert service.phase is Phase.DRAINING


async def test_closing_ends_what_runs_behind(upstream: ScriptedUpstream) -> None:
    """A refresh in the background does not outlive the proxy."""
    service = Service(load(None, {"upstream": upstream.url}, {}), "test")
    transport = httpx.ASGITransport(DataPlane(service))
    lines = ("Age: 61", "Cache-Control: stale-while-revalidate=60", 'ETag: "one"')
    upstream.reply(fresh(b"hello", *lines))
    upstream.reply(asyncio.Event())
    async with httpx.AsyncClient(transport=transport, base_url="http://api.test") as client:
        for _ in range(2):
            assert (await client.get("/")).text == "hello"
    refresh = await upstream.arrival(2)
    await service.aclose()
    assert len(service.corridor.tasks) == 0
    await asyncio.wait_for(refresh.gone.wait(), 10)


async def test_the_admin_side_shows_this_service(upstream: ScriptedUpstream) -> None:
    service = Service(load(None, {"upstream": upstream.url}, {}), "test")
    upstream.reply(fresh())
    data, admin = httpx.ASGITransport(DataPlane(service)), httpx.ASGITransport(service.admin)
    async with httpx.AsyncClient(transport=data, base_url="http://api.test") as client:
        await client.get("/")
    async with httpx.AsyncClient(transport=admin, base_url="http://admin.test") as client:
        assert (await client.get("/readyz")).status_code == 503
        text = (await client.get("/metrics")).text
    assert 'sidecache_requests_total{outcome="miss",rule="default"} 1.0' in text
    assert "sidecache_memory_keys 1.0" in text
    await service.aclose()


async def test_the_counters_are_noted_while_it_runs(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.app.INTERVAL", 0.001)
    service = Service(load(None, {"upstream": upstream.url}, {}), "test")
    service.start()
    async with asyncio.timeout(10):
        while len(service.history.window(2**40, 2**40).times) < 4:  # noqa: ASYNC110 - polled
            await asyncio.sleep(0.001)
    await service.aclose()


async def test_under_a_server_that_imports_it(upstream: ScriptedUpstream) -> None:
    """`uvicorn --factory proxy.app:create_app`: stock uvicorn, without our protocol."""
    upstream.reply(fresh())
    app = create_app(overrides={"upstream": upstream.url})
    config = uvicorn.Config(app, port=0, log_config=None, ws="none", lifespan="on")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn tells no event
            await asyncio.sleep(0.001)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answers = [await client.get("/thing") for _ in range(2)]
    server.should_exit = True
    await running
    assert [answer.text for answer in answers] == ["hello", "hello"]
    assert "; hit; " in answers[1].headers["cache-status"]


@pytest.mark.parametrize(
    ("text", "still"),
    [
        ("rules: [{name: shop, ttl: 1m}]\nlog: {level: error}\n", True),
        ("rules: [{name: shop, ttl: 2m}]\n", False),
        ("rules: [{name: me, cache: off}, {name: shop, ttl: 1m}]\n", False),
        ("rules: [{name: shop, ttl: 1m}]\nmode: shadow\n", False),
    ],
)
async def test_a_quarantine_ends_with_other_rules(file: Path, text: str, *, still: bool) -> None:
    """And not where the same ones are read again: with them it would only be found out again."""
    upstream = f"upstream: {{url: {NOWHERE}}}\n"
    file.write_text(upstream + "rules: [{name: shop, ttl: 1m}]\n")
    source = Written(file, {}, {})
    service = Service(load(file, {}, {}), str(file), {}, source=source)
    service.stats.rules["shop"].hits += 1
    service.corridor.quarantine.begin(service.corridor.snapshot.ruleset.rules[0], ("cookie a",))
    file.write_text(upstream + text)
    await service.reloader.reload()
    assert service.corridor.snapshot.quarantined == ({"shop"} if still else frozenset())
    assert bool(service.stats.rules) is still
    await service.aclose()


def test_how_rules_are_watched_can_come_from_the_environment(file: Path) -> None:
    text = f"upstream: {{url: {NOWHERE}}}\nmode: {{verify: 5%}}\nrules: [{{name: a, mode: live}}]\n"
    file.write_text(text)
    for variables, watch in (
        ({}, Watch(Mode.LIVE, 0.05)),
        ({"SIDECACHE_MODE": "shadow"}, Watch(Mode.SHADOW)),
        ({"SIDECACHE_MODE__VERIFY": "1%"}, Watch(Mode.LIVE, 0.01)),
    ):
        own, built_in = ruleset(load(file, {}, variables), str(file)).rules
        assert own.terms.watch == Watch(Mode.LIVE, 0.0)
        assert built_in.terms.watch == watch
