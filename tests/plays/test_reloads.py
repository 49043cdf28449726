"""Plays: rules change while requests pass, and nobody gets what the new ones forbid."""

import asyncio
import signal
from pathlib import Path

import httpx
import pytest

from tests.plays.process import Serving, serving
from tests.plays.rawclient import connected, request
from tests.plays.scripted import PATIENCE, ScriptedUpstream, fresh

ADMIN = {"SIDECACHE_ADMIN_TOKEN": "a-token-that-is-long-enough"}
BEARER = {"Authorization": f"Bearer {ADMIN['SIDECACHE_ADMIN_TOKEN']}"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sidecache.yaml"


def written(file: Path, upstream: ScriptedUpstream, rules: str) -> None:
    file.write_text(f"upstream: {{url: {upstream.url}}}\nrules:\n{rules}")


async def told(proxy: Serving, *lines: str) -> str:
    async with connected(proxy.port) as client:
        return (await client.ask(request("/thing", *lines))).told


async def generation(proxy: Serving, number: int) -> None:
    """Wait until settings of a generation are in force."""
    async with httpx.AsyncClient(base_url=proxy.admin) as admin, asyncio.timeout(PATIENCE):
        wanted = f"sidecache_config_generation {number}.0"
        while wanted not in (await admin.get("/metrics")).text:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["file", "signal", "admin"])
async def test_what_was_shared_is_not_once_the_rule_says_so(
    file: Path, upstream: ScriptedUpstream, how: str
) -> None:
    written(file, upstream, "  - {name: thing, credentials: share}\n")
    upstream.reply(fresh())
    upstream.reply(fresh())
    with serving("--config", str(file), variables=ADMIN) as proxy:
        for _ in range(2):
            last = await told(proxy, "Authorization: Basic a")
        assert last == "sidecache; hit; ttl; detail=fresh"
        written(file, upstream, "  - {name: thing, credentials: key}\n")
        if how == "signal":
            proxy.process.send_signal(signal.SIGHUP)
        if how == "admin":
            async with httpx.AsyncClient(base_url=proxy.admin, headers=BEARER) as admin:
                done = await admin.post("/v1/config/reload")
            assert done.json() == {"outcome": "applied", "generation": 2, "restart_needed": []}
        await generation(proxy, 2)
        assert "uri-miss" in await told(proxy, "Authorization: Basic b")
        assert await told(proxy, "Authorization: Basic b") == "sidecache; hit; ttl; detail=fresh"
        out, _ = proxy.stop()
    assert "generation 2" in out


async def test_a_wrong_file_is_told_in_the_log_the_metrics_and_the_answer(
    file: Path, upstream: ScriptedUpstream
) -> None:
    written(file, upstream, "  - {name: thing, ttl: 60s}\n")
    upstream.reply(fresh())
    with serving("--config", str(file), variables=ADMIN) as proxy:
        written(file, upstream, "  - {name: thing, ttl: soon}\n")
        async with httpx.AsyncClient(base_url=proxy.admin, headers=BEARER) as admin:
            refused = await admin.post("/v1/config/reload")
            metrics = (await admin.get("/metrics")).text
        assert refused.status_code == 422
        assert f"{file}:3:" in refused.json()["detail"]
        assert "sidecache_config_refused 1.0" in metrics
        assert 'sidecache_config_reloads_total{outcome="refused"} ' in metrics
        await told(proxy)
        assert await told(proxy) == "sidecache; hit; ttl; detail=fresh"
        out, _ = proxy.stop()
    assert f"settings refused: {file}:3:" in out
