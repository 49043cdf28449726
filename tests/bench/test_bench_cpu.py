"""CPU time from /proc: its own, its children's, and that of children that have ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import cpu
from bench.child import Place, started
from bench.errors import BenchError

TAIL = "1 41 41 0 -1 4194560 1873 0 0 0 120 34 5 6 20 0 3 0 4711 9000000 2300"
_BURN = "import time\nwhile time.process_time() < 0.3: pass"


@pytest.mark.parametrize(
    ("text", "stat"),
    [
        pytest.param(f"41 (nginx) S {TAIL}", cpu.Stat(1, 165), id="plain"),
        pytest.param(f"41 (a b) c) R {TAIL}\n", cpu.Stat(1, 165), id="name-like-the-fields"),
    ],
)
def test_stat_is_read(text: str, stat: cpu.Stat) -> None:
    assert cpu.parse(text) == stat


@pytest.mark.parametrize("text", ["", "41 (nginx) S", "41 (nginx) S 1 2 3", f"41 (n) S x {TAIL}"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(BenchError, match="not understood"):
        cpu.parse(text)


def test_children_that_ended_count() -> None:
    before = cpu.spent(os.getpid())
    subprocess.run([sys.executable, "-c", _BURN], check=True)
    assert cpu.spent(os.getpid()) - before >= 0.25


def test_children_that_live_count(tmp_path: Path) -> None:
    before = cpu.spent(os.getpid())
    burner = f"{_BURN}\nopen('burnt', 'w').close()\ntime.sleep(60)"
    with started([sys.executable, "-c", burner], "burner", Place(tmp_path, None)) as process:
        while not Path(tmp_path, "burnt").exists():
            assert process.poll() is None
        assert process.pid in cpu.descendants(os.getpid())
        assert cpu.spent(process.pid) >= 0.25
        assert cpu.spent(os.getpid()) - before >= 0.25
    with pytest.raises(BenchError, match="has ended"):
        cpu.spent(process.pid)
