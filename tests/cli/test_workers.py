"""A worker, and what all of them are given, in this process."""

import gc
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from proxy import upstreams
from proxy.admin.headers import POLICY
from proxy.app import Service
from proxy.cli import servers
from proxy.cli.listeners import Doors, bind
from proxy.cli.workers import Crew, Latest
from proxy.edge.doorway import Doorway
from proxy.edge.limits import Edge
from proxy.errors import ConfigError
from proxy.reload import Written
from proxy.rules.endpoints import Address
from proxy.settings import load
from proxy.workers.orders import READY, Order

HOME = Address("127.0.0.1", 0)
FLAGS = {"upstream": "http://127.0.0.1:9", "redis": "redis://127.0.0.1:9", "workers": 2}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sidecache.yaml"
    file.write_text("rules: [{name: one}]\n")
    return file


@pytest.fixture
def _log() -> Iterator[None]:
    """Put the root logger and the collector back as they were."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    gc.unfreeze()


@pytest.fixture
def crew(file: Path) -> Iterator[Crew]:
    source = Written(file, FLAGS, {})
    doors = Doors(HOME, "listen", 2)
    with TemporaryDirectory() as folder, bind(HOME, "admin") as admin:
        yield Crew(Latest(source, source.read().settings), source, Path(folder), doors, admin)
        doors.close()


def names(crew: Crew) -> list[str]:
    return [rule.name for rule in crew._latest.settings.rules]  # noqa: SLF001 - what workers get


@pytest.mark.usefixtures("_log")
def test_a_worker_serves_until_it_is_told_to_go(
    crew: Crew, capsys: pytest.CaptureFixture[str]
) -> None:
    crew.ready()
    admin = capsys.readouterr().err.split("admin ")[1].split(",")[0]
    supervisor, channel = socket.socketpair()
    answers: list[tuple[int, object]] = []
    policies: set[str | None] = set()

    def look() -> None:
        with supervisor:
            if supervisor.recv(1) == READY:
                for path in ("/livez", "/readyz", "/v1/rules"):
                    answer = httpx.get(f"{admin}{path}")
                    answers.append((answer.status_code, answer.json()))
                    policies.add(answer.headers.get("content-security-policy"))
            supervisor.send(Order.RELOAD.value + Order.NOW.value)
            supervisor.recv(1)

    looking = threading.Thread(target=look)
    looking.start()
    with channel:
        assert crew.work(0, channel) == 0
    looking.join()
    assert answers[:2] == [
        (200, {"status": "alive"}),
        (503, {"status": "not ready", "workers": [1]}),
    ]
    assert answers[2][0] == 200
    assert policies == {POLICY}


@pytest.mark.usefixtures("_log")
def test_what_keeps_a_worker_from_starting_is_one_line(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text("store: {redis: {password: {variable: NO_PASSWORD}}}\n")
    source = Written(file, FLAGS, {})
    doors = Doors(HOME, "listen", 2)
    crew = Crew(Latest(source, source.read().settings), source, Path(), doors, None)
    ours, its = socket.socketpair()
    with ours, its:
        assert crew.work(1, its) == 1
    assert capsys.readouterr().err == (
        "store.redis.password: the variable NO_PASSWORD is not set\n"
    )
    doors.close()


def test_the_settings_that_were_good_last_are_kept(crew: Crew, file: Path) -> None:
    for text, expected in (
        ("rules: [{name: two}]", ["two"]),
        ("rules: [", ["two"]),
        ("rules: [{name: three}]", ["three"]),
    ):
        file.write_text(text)
        crew.tick()
        crew.tick()
        assert names(crew) == expected


def test_a_place_that_stays_empty_gives_its_socket_up_until_it_is_filled(crew: Crew) -> None:
    doors = crew._data  # noqa: SLF001 - as above
    former = doors.at(1)
    crew.vacant(1)
    crew.vacant(1)
    assert former.fileno() == -1
    crew.filling(1)
    assert doors.at(1).getsockname() == doors.at(0).getsockname()
    kept = doors.keep(1)
    assert (kept.fileno() >= 0, doors.at(0).fileno()) == (True, -1)
    crew.leaving()
    crew.leaving()
    assert kept.fileno() == -1


def test_somebody_elses_port_is_not_shared() -> None:
    mine = Doors(HOME, "listen", 2)
    port = mine.at(0).getsockname()[1]
    with pytest.raises(ConfigError, match=f"listen: cannot listen on 127.0.0.1:{port}: "):
        Doors(Address("127.0.0.1", port), "listen", 2)
    mine.close()


def test_where_the_kernel_does_not_spread_clients_all_share_one_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    doors = Doors(HOME, "listen", 3)
    assert doors.at(0) is doors.at(2)
    doors.give_up(1)
    assert doors.keep(1).fileno() >= 0
    doors.close()
    assert doors.at(0).fileno() == -1


async def test_each_worker_has_its_part_of_what_is_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = {"store.memory.max_bytes": 1000, "edge.connections": 10, "upstream.max_connections": 6}
    settings = load(None, FLAGS | {"workers": 4} | bounds, {})
    limits: list[Edge] = []

    def noted(edge: Edge, *others: Any) -> Doorway:  # noqa: ANN401 - passed on
        limits.append(edge)
        return Doorway(edge, *others)

    monkeypatch.setattr(servers, "Doorway", noted)
    service = Service(settings, "test", {})
    servers.data_server(service)
    plan = upstreams._plan(settings.upstream, None, settings.workers)  # noqa: SLF001 - its values
    assert service.stores.near._max_bytes == 250  # noqa: SLF001 - as above
    assert (limits[0].connections, plan.most, plan.queue, plan.keep.idle) == (3, 2, 64, 16)
    await service.aclose()
