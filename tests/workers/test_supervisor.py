"""The supervisor, with real processes that do next to nothing: births, deaths and ends."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.workers import supervisor
from proxy.workers.orders import READY, Order
from proxy.workers.supervisor import Supervisor


class Errands:
    """A task: each worker says that it is ready, writes down what it is told, and obeys.

    `script` is called at every tick with what has happened; `fails` says which births fail.
    """

    def __init__(self, folder: Path, script: Callable[["Errands"], None]) -> None:
        self.folder = folder
        self.births = 0
        self.events: list[str] = []
        self.fails: tuple[int, ...] = ()
        self._script = script

    def work(self, place: int, channel: socket.socket) -> int:
        if self.births in self.fails:
            return 3
        (self.folder / f"{place}.pid").write_text(str(os.getpid()))
        with (self.folder / f"{place}.told").open("a") as file:
            channel.send(READY)
            while told := channel.recv(1):
                order = Order(told)
                print(order.name, file=file, flush=True)
                if order is not Order.RELOAD:
                    return 0
        return 4

    def ready(self) -> None:
        self.events.append("ready")

    def filling(self, place: int) -> None:
        self.births += 1
        self.events.append(f"filling {place}")

    def vacant(self, place: int) -> None:
        self.events.append(f"vacant {place}")

    def leaving(self) -> None:
        self.events.append("leaving")

    def tick(self) -> None:
        self._script(self)

    def pid(self, place: int) -> int:
        return int((self.folder / f"{place}.pid").read_text())

    def told(self, place: int) -> list[str]:
        return (self.folder / f"{place}.told").read_text().split()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "TICK", 0.01)


def steps(*deeds: Callable[[Errands], bool]) -> Callable[[Errands], None]:
    """Return a script: each deed is tried at every tick until it says that it is done."""
    waiting = list(deeds)
    deadline = time.monotonic() + 20.0

    def script(errands: Errands) -> None:
        assert time.monotonic() < deadline, errands.events
        if waiting and waiting[0](errands):
            del waiting[0]

    return script


def tell(number: signal.Signals) -> Callable[[Errands], bool]:
    def deed(errands: Errands) -> bool:
        if "ready" in errands.events:
            os.kill(os.getpid(), number)
        return "ready" in errands.events

    return deed


def heard(*orders: str) -> Callable[[Errands], bool]:
    return lambda errands: all(errands.told(place) == list(orders) for place in (0, 1))


END = tell(signal.SIGTERM)


@pytest.mark.parametrize(
    ("number", "order"), [(signal.SIGTERM, "END"), (signal.SIGINT, "NOW")], ids=["term", "int"]
)
def test_signals_are_handed_on_and_all_are_seen_off(
    tmp_path: Path, number: signal.Signals, order: str
) -> None:
    script = steps(tell(signal.SIGHUP), heard("RELOAD"), tell(number))
    errands = Errands(tmp_path, script)
    before = signal.getsignal(signal.SIGTERM)
    assert Supervisor(2, errands).run() == 0
    assert errands.events == ["filling 0", "filling 1", "ready", "leaving"]
    assert [errands.told(place) for place in (0, 1)] == [["RELOAD", order]] * 2
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_to_a_worker_is_not_heeded(tmp_path: Path) -> None:
    def signalled(errands: Errands) -> bool:
        if "ready" in errands.events:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                os.kill(errands.pid(1), number)
        return "ready" in errands.events

    errands = Errands(tmp_path, steps(signalled, tell(signal.SIGHUP), heard("RELOAD"), END))
    assert Supervisor(2, errands).run() == 0
    assert errands.births == 2


def test_one_that_dies_is_replaced_and_one_that_dies_again_leaves_its_place_empty(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.workers.patience.LONGEST", 0.02)

    def killed(errands: Errands) -> bool:
        if "ready" in errands.events:
            errands.fails = (3,)  # and so ends the next one
            os.kill(errands.pid(1), signal.SIGKILL)
        return "ready" in errands.events

    def replaced(errands: Errands) -> bool:
        return errands.births == 4

    errands = Errands(tmp_path, steps(killed, replaced, END))
    assert Supervisor(2, errands).run() == 0
    assert errands.events[3:] == ["filling 1", "vacant 1", "filling 1", "leaving"]
    first, second = (record.getMessage() for record in caplog.records)
    assert first.startswith("worker 1 (process ")
    assert first.endswith(" ended by signal 9; another follows")
    assert second.endswith(" ended with status 3; another follows in 0.02 s")


@pytest.mark.parametrize("birth", [1, 2])
def test_where_one_cannot_start_at_first_none_goes_on(tmp_path: Path, birth: int) -> None:
    errands = Errands(tmp_path, steps())
    errands.fails = (birth,)
    assert Supervisor(2, errands).run() == 3
    assert errands.births == birth
    assert "ready" not in errands.events


def test_one_that_is_killed_while_all_end_is_not_replaced(tmp_path: Path) -> None:
    def both(errands: Errands) -> bool:
        if "ready" in errands.events:
            os.kill(errands.pid(0), signal.SIGSTOP)
            os.kill(os.getpid(), signal.SIGTERM)
        return "ready" in errands.events

    def killed(errands: Errands) -> bool:
        os.kill(errands.pid(0), signal.SIGKILL)
        return True

    errands = Errands(tmp_path, steps(both, killed))
    assert Supervisor(2, errands).run() == 128 + signal.SIGKILL
    assert errands.births == 2
