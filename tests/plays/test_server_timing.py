"""Server-Timing over real sockets: who is told how long things took, and what of it."""

import asyncio
import re
from pathlib import Path
from typing import Final

import pytest

from tests.plays.house import house
from tests.plays.process import serving
from tests.plays.rawclient import Response, connected, request
from tests.plays.scripted import PATIENCE, ScriptedUpstream, fresh

ASK: Final = "Pragma: server-timing"
_DURATION: Final = re.compile(r"dur=[0-9]+\.[0-9]")


def told(answer: Response) -> list[str]:
    """Return the Server-Timing lines, of each duration only that it is there."""
    return [_DURATION.sub("dur", line.decode()) for line in answer.all("server-timing")]


async def test_a_miss_and_a_hit(upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh())
    async with house(upstream.url, server_timing="on") as proxy:
        answers = [await proxy.ask("/thing") for _ in range(2)]
    assert [told(answer) for answer in answers] == [
        ['cache;desc="miss", upstream;dur, total;dur'],
        ['cache;desc="hit", total;dur'],
    ]


async def test_the_upstream_s_own_is_kept(upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh(b"hello", "Server-Timing: db;dur=53.0"))
    async with house(upstream.url, server_timing="on") as proxy:
        answer = await proxy.ask("/thing")
    assert told(answer) == ["db;dur", 'cache;desc="miss", upstream;dur, total;dur']


async def test_what_the_proxy_answers_by_itself(upstream: ScriptedUpstream) -> None:
    async with house(upstream.url, server_timing="on") as proxy:
        answer = await proxy.ask("/thing", "Cache-Control: only-if-cached")
    assert told(answer) == ['cache;desc="error", total;dur']


@pytest.mark.parametrize(
    ("timing", "peers", "lines", "expected"),
    [
        pytest.param("off", ["127.0.0.0/8"], (ASK,), 0, id="off"),
        pytest.param("asked", ["127.0.0.0/8"], (ASK,), 1, id="asked"),
        pytest.param("asked", ["127.0.0.0/8"], (), 0, id="not-asked"),
        pytest.param("asked", ["10.0.0.0/8"], (ASK,), 0, id="asked-by-a-stranger"),
        pytest.param("on", [], (), 1, id="on"),
    ],
)
async def test_who_is_told(
    upstream: ScriptedUpstream,
    timing: str,
    peers: list[str],
    lines: tuple[str, ...],
    expected: int,
) -> None:
    upstream.reply(fresh())
    async with house(upstream.url, server_timing=timing, trusted_peers=peers) as proxy:
        for _ in range(5):  # often enough to be known by heart
            assert len(told(await proxy.ask("/thing", *lines))) == expected
        for _ in range(3):
            assert len(told(await proxy.ask("/thing"))) == (timing == "on")


async def test_the_upstream_s_part_is_how_long_it_was_waited_for(
    upstream: ScriptedUpstream,
) -> None:
    """It cannot be longer than the whole, nor shorter than the upstream was held up."""
    go = asyncio.Event()
    upstream.reply(go, fresh())
    async with house(upstream.url, server_timing="on") as proxy:
        asking = asyncio.create_task(proxy.ask("/thing"))
        await upstream.arrival()
        await asyncio.sleep(0.05)
        go.set()
        answer = await asyncio.wait_for(asking, PATIENCE)
    [line] = answer.all("server-timing")
    found = re.search(rb"upstream;dur=([0-9.]+), total;dur=([0-9.]+)", line)
    assert found
    assert 40 < float(found[1]) <= float(found[2])


async def test_a_reload_changes_who_is_told(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    file = tmp_path / "sidecache.yaml"
    before = f"upstream: {{url: {upstream.url}}}\n"
    after = before + "trusted_peers: [127.0.0.0/8]\nserver_timing: asked\n"
    file.write_text(before)
    upstream.reply(fresh())
    with serving("--config", str(file)) as proxy:
        async with connected(proxy.port) as client:
            assert told(await client.ask(request("/thing", ASK))) == []
            file.write_text(after)
            async with asyncio.timeout(PATIENCE):
                answer = None
                while not answer:
                    answer = told(await client.ask(request("/thing", ASK)))
        proxy.stop()
    assert answer == ['cache;desc="hit", total;dur']
