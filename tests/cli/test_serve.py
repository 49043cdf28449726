"""`sidecache serve` as a process: it starts, answers, stops in order, and refuses in one line."""

import asyncio
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest
from click.testing import CliRunner, Result

from proxy.app import Service
from proxy.cli import main, servers
from proxy.cli import serve as module
from proxy.cli.listeners import bind, url_of
from proxy.cli.servers import data_server
from proxy.rules.endpoints import Address
from proxy.settings import load
from tests.plays.process import ROOT, run, serving
from tests.plays.rawclient import connected, request
from tests.plays.scripted import ScriptedUpstream, fresh, response

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as scripted:
        yield scripted


async def test_it_starts_answers_and_stops(upstream: ScriptedUpstream) -> None:
    upstream.reply(fresh())
    with serving("--upstream", upstream.url) as proxy:
        async with connected(proxy.port) as client:
            for _ in range(2):
                answer = await client.ask(request("/thing"))
        assert answer.told == "sidecache; hit; ttl; detail=fresh"
        async with httpx.AsyncClient(base_url=proxy.admin) as admin:
            assert (await admin.get("/readyz")).status_code == 200
            assert b'outcome="hit"' in (await admin.get("/metrics")).content
        out, err = proxy.stop()
    lines = [orjson.loads(line) for line in out.splitlines()]
    [access] = [line for line in lines if "path" in line]
    assert (access["path"], access["reason"]) == ("/thing", "uri-miss")
    assert err == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_lets_an_answer_under_way_finish(
    upstream: ScriptedUpstream, number: signal.Signals
) -> None:
    """And the client may stay as long as it likes: the process does not linger for it."""
    hold = asyncio.Event()
    upstream.reply(response("200 OK", "Content-Length: 10"), b"first", hold, b"final")
    with serving("--upstream", upstream.url, variables={"SIDECACHE_EDGE__LINGER": "1h"}) as proxy:
        async with connected(proxy.port) as client:
            await client.send(request("/thing"))
            answer = await client.head()
            assert await answer.piece() == b"first"
            proxy.process.send_signal(number)
            await refused(proxy.port)
            hold.set()
            assert await answer.rest() == b"firstfinal"
            assert await client.ended() == b""
            await asyncio.to_thread(proxy.process.wait, 10)
        assert proxy.process.returncode == 0


async def test_a_log_that_nobody_reads_stops_nothing(upstream: ScriptedUpstream) -> None:
    """A full pipe: requests are answered, and the process still ends in order."""
    with serving("--upstream", upstream.url) as proxy:
        async with connected(proxy.port) as client:
            for number in range(600):  # of some 200 bytes each; a pipe takes 64 KiB
                assert (
                    await client.ask(request(f"/{number}", "Cache-Control: only-if-cached"))
                ).status == 504
        proxy.process.terminate()
        proxy.process.wait(20)
        assert proxy.process.stderr is not None
        assert (proxy.process.returncode, proxy.process.stderr.read()) == (0, "")


def test_an_upstream_that_is_not_there() -> None:
    with serving("--upstream", NOWHERE) as proxy:
        answer = httpx.get(f"{proxy.url}/thing")
        assert answer.status_code == 502
        assert answer.json()["title"] == "Upstream unreachable"
        proxy.stop()


async def refused(port: int) -> None:
    """Wait until a port takes no new connections."""
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return
            writer.close()
            await asyncio.sleep(0.01)


# --- refusals: the same in a process of its own as in this one


def refusal(*arguments: str, **variables: str) -> Result:
    return CliRunner(env={"SIDECACHE_CONFIG": None, **variables}).invoke(
        main, ["serve", *arguments]
    )


def test_a_refusal_is_one_line_without_a_traceback() -> None:
    ended = run("serve", "--upstream", NOWHERE, "--redis", "http://localhost")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("--redis: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param([], 1, "upstream", id="no-upstream"),
        pytest.param(["--upstream", "localhost"], 1, "--upstream", id="no-url"),
        pytest.param(["--upstream", NOWHERE, "--listen", "8080"], 1, "--listen", id="no-address"),
        pytest.param(["--upstream", NOWHERE, "--workers", "2"], 1, "--workers: more", id="alone"),
        pytest.param(["--upstream", NOWHERE, "--workers", "0"], 2, "--workers", id="no-worker"),
        pytest.param(["--upstream", NOWHERE, "--redis", "http://x"], 1, "--redis", id="redis"),
        pytest.param(["--upstreams", NOWHERE], 2, "--upstream", id="unknown-flag"),
        pytest.param(["--config", "/nonexistent.yaml"], 1, "/nonexistent.yaml", id="no-file"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], code: int, message: str) -> None:
    ended = refusal(*arguments)
    assert ended.exit_code == code
    assert message in ended.stderr
    assert "Traceback" not in ended.output


def test_a_bad_file_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "sidecache.yaml"
    file.write_text("upstream: {url: http://127.0.0.1:9}\nlistn: 127.0.0.1:8080\n")
    ended = refusal("--config", str(file))
    assert ended.exit_code == 1
    assert ended.stderr.startswith(f"{file}:2:1: ")
    assert "listen" in ended.stderr


def test_an_unknown_variable_is_told() -> None:
    ended = refusal("--upstream", NOWHERE, SIDECACHE_LISTN="x")
    assert (ended.exit_code, "SIDECACHE_LISTN" in ended.stderr) == (1, True)


@pytest.mark.parametrize("flag", ["--listen", "--admin"])
def test_a_port_in_use_is_told(flag: str) -> None:
    free = {"--listen": "127.0.0.1:0", "--admin": "127.0.0.1:0"}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        flags = [word for pair in {**free, flag: address}.items() for word in pair]
        ended = refusal("--upstream", NOWHERE, *flags)
    assert ended.exit_code == 1
    assert ended.stderr == f"{flag[2:]}: cannot listen on {address}: Address already in use\n"


def test_help_names_every_flag() -> None:
    text = refusal("--help").output
    for flag in ("--config", "--upstream", "--listen", "--admin", "--redis", "--workers"):
        assert flag in text


def test_the_command_lists_its_verbs() -> None:
    text = CliRunner().invoke(main, ["--help"]).output
    for verb in ("serve", "explain", "validate", "schema"):
        assert f"  {verb} " in text
    assert "..." not in text.partition("Commands:")[2]  # each in words that a line has room for
    assert CliRunner().invoke(main, ["sevre"]).exit_code == 2


# --- the same in this process, where its parts can be seen


def test_serving_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole verb, told to stop as soon as it runs."""
    stopped: list[str] = []
    frozen: list[int] = []

    original = module._announce  # noqa: SLF001 - the moment at which everything is set up

    def announce(*arguments: object) -> None:
        original(*arguments)  # type: ignore[arg-type]  # passed through
        stopped.append("announced")
        frozen.append(gc.get_freeze_count())
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(module, "_announce", announce)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        for admin in ("127.0.0.1:0", "off"):
            ended = refusal("--upstream", NOWHERE, "--listen", "127.0.0.1:0", "--admin", admin)
            assert ended.exit_code == 0, ended.output
            assert "sidecache on http://127.0.0.1:" in ended.stderr
            assert ("admin off" in ended.stderr) == (admin == "off")
    finally:
        gc.unfreeze()
        root.handlers[:] = handlers
        root.setLevel(level)
    assert stopped == ["announced"] * 2
    assert min(frozen) > 10_000  # what start-up made, no full collection walks through


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
def test_an_address_of_ipv6() -> None:
    with bind(Address("::1", 0), "listen") as listener:
        assert url_of(listener).startswith("http://[::1]:")


def test_without_uvloop_asyncios_own_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    assert servers.loop_factory() is not None
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert servers.loop_factory() is None


async def test_the_server_adds_nothing_of_its_own() -> None:
    service = Service(load(None, {"upstream": NOWHERE}, {}), "test")
    config = data_server(service).config
    assert (config.date_header, config.server_header, config.proxy_headers) == (False,) * 3
    assert (config.access_log, config.ws, config.log_config) == (False, "none", None)
    await service.aclose()


def test_the_module_is_the_command() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "proxy", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert ended.stdout.startswith("sidecache, version ")
