"""The system's clock: seconds since the epoch that never go back, and chance."""

import time

import pytest

from proxy.engine.systemclock import SystemClock


def test_it_tells_the_time_of_day_and_chance() -> None:
    clock = SystemClock()
    assert clock.now() == pytest.approx(time.time(), abs=60)
    assert all(0 <= clock.draw() < 1 for _ in range(100))


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system does not tell")
def test_the_time_of_a_suspended_machine_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, told = SystemClock(), time.clock_gettime
    before = clock.now()

    def slept(clock_id: int) -> float:
        return told(clock_id) + 3_600 * (clock_id == time.CLOCK_BOOTTIME)

    monkeypatch.setattr(time, "clock_gettime", slept)
    assert clock.now() - before == pytest.approx(3_600, abs=60)


def test_a_step_of_the_wall_clock_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SystemClock()
    before = clock.now()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert clock.now() >= before
