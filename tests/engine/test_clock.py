"""The system's clock: seconds since the epoch that never go back, and chance."""

import time

import pytest

from proxy.engine.ports import SystemClock


def test_it_tells_the_time_of_day_and_chance() -> None:
    clock = SystemClock()
    assert clock.now() == pytest.approx(time.time(), abs=60)
    assert all(0 <= clock.draw() < 1 for _ in range(100))


def test_a_step_of_the_wall_clock_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() >= before
