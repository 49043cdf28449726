"""What `make run` starts: the proxy before the catalog, and nothing left behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from bench.ports import free_port
from examples.catalog.streams import PERIOD

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def tour() -> Iterator[tuple[subprocess.Popen[str], str]]:
    listen, admin = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-u", "-m", "examples.tour", "--listen", listen, "--admin", admin]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        yield process, f"http://{listen}"
    finally:
        if process.poll() is None:
            process.terminate()  # not killed: it has two processes of its own to end
        process.wait(timeout=20)
        assert process.stdout is not None
        process.stdout.close()


def advice(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    return "".join(lines)


def test_second_request_is_a_hit_that_the_catalog_never_saw(
    tour: tuple[subprocess.Popen[str], str],
) -> None:
    process, url = tour

    assert f"curl -i {url}/products/1" in advice(process)
    with httpx.Client(base_url=url) as client:
        first, second = client.get("/products/1"), client.get("/products/1")
        asked = client.get("/_requests").json()["by_path"]

    assert "fwd=uri-miss" in first.headers["cache-status"]
    assert second.headers["cache-status"].startswith("sidecache; hit;")
    assert second.content == first.content
    assert asked["/products/1"] == 1


def test_interrupt_ends_both_processes(tour: tuple[subprocess.Popen[str], str]) -> None:
    process, url = tour
    advice(process)

    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=20) == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_make_run_that_is_told_to_end_leaves_nothing_behind() -> None:
    """All that it has started holds its output open, which therefore has an end."""
    listen, admin = f"LISTEN=127.0.0.1:{free_port()}", f"ADMIN=127.0.0.1:{free_port()}"
    here = f"BIN={Path(sys.executable).parent}"
    command = ["make", "--old-file=.venv/runs", "run", here, listen, admin]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            advice(process)
            process.terminate()
            process.communicate(timeout=20)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise


def test_a_port_in_use_is_told_before_anything_starts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [sys.executable, "-m", "examples.tour", "--listen", address, "--admin", "off"]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert told.returncode == 1
    assert told.stdout == f"{address} is in use; choose others: make run LISTEN=... ADMIN=...\n"


def test_another_upstream_gets_no_rules_of_the_catalog() -> None:
    listen = f"127.0.0.1:{free_port()}"
    flags = ["--upstream", "http://127.0.0.1:9", "--listen", listen, "--admin", "off"]
    command = [sys.executable, "-u", "-m", "examples.tour", *flags]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert "Cache-Status" in advice(process)
            answer = httpx.get(f"http://{listen}/products/1")
        finally:
            process.terminate()

    assert answer.status_code == 502
    assert "detail=upstream-unreachable" in answer.headers["cache-status"]


async def test_a_chat_goes_through(tour: tuple[subprocess.Popen[str], str]) -> None:
    process, url = tour
    advice(process)
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession(url) as session,
        session.ws_connect("/chat") as ann,
        session.ws_connect("/chat") as bob,
    ):
        await ann.ping()
        await ann.send_str("is anyone there?")
        heard = [await each.receive_str() for each in (ann, bob)]
        await bob.send_str("x" * 900)
        heard += [await each.receive_str() for each in (ann, bob)]
        assert await bob.close()
        await ann.send_str("gone?")
        heard.append(await ann.receive_str())
        closed = bob.close_code

    assert heard == ["is anyone there?"] * 2 + ["x" * 900] * 2 + ["gone?"]
    assert closed == 1000


def test_events_come_as_they_are_made(tour: tuple[subprocess.Popen[str], str]) -> None:
    process, url = tour
    advice(process)
    with httpx.stream("GET", f"{url}/events?count=4") as answer:
        came = [(line, time.monotonic()) for line in answer.iter_lines() if line.startswith("id: ")]

    assert [line for line, _ in came] == [f"id: {number}" for number in range(1, 5)]
    assert came[-1][1] - came[0][1] > PERIOD  # a proxy that waits for the end sends all at once
    assert answer.headers["content-type"].startswith("text/event-stream")
