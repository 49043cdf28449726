"""Which proxy the bench measures, and that it never takes an old one for the new."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import build

ENTER = """
from pathlib import Path
from bench import build
build.COMPILED = Path("none")
build.enter([])
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proxy" / "store").mkdir(parents=True)
    (tmp_path / "proxy" / "app.py").write_text("one")
    (tmp_path / "proxy" / "store" / "log.lua").write_text("two")
    (tmp_path / "proxy" / "notes.txt").write_text("three")
    (tmp_path / ".ci").mkdir()
    for name in ("compiled.py", "cold.h"):
        (tmp_path / ".ci" / name).write_text("how")
    return tmp_path


@pytest.fixture
def built(root: Path) -> Path:
    folder = root / "build" / "compiled"
    (folder / "proxy" / "store").mkdir(parents=True)
    for name in ("app.py", "store/log.lua"):
        (folder / "proxy" / name).write_bytes((root / "proxy" / name).read_bytes())
    return folder


def test_a_build_of_the_same_source_is_taken(root: Path, built: Path) -> None:
    assert build.is_of(built, root)


def test_none_is_none(root: Path) -> None:
    assert not build.is_of(root / "build" / "compiled", root)


@pytest.mark.parametrize("name", ["app.py", "store/log.lua", "new.py"])
def test_a_build_of_another_source_is_not(root: Path, built: Path, name: str) -> None:
    (root / "proxy" / name).write_text("changed")
    assert not build.is_of(built, root)


@pytest.mark.parametrize("name", ["compiled.py", "cold.h"])
def test_a_build_that_was_made_otherwise_is_not(root: Path, built: Path, name: str) -> None:
    later = built.stat().st_mtime + 1
    os.utime(root / ".ci" / name, (later, later))
    assert not build.is_of(built, root)


def test_processes_find_the_proxy_that_is_measured() -> None:
    assert str(build.ROOT) in build.path().split(os.pathsep)
    assert (build.home() / "proxy" / "app.py").exists()
    assert build.kind() == "interpreted"


def test_without_a_compiler_the_source_is_measured_and_told(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", ENTER],
        cwd=build.ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (told.returncode, told.stdout) == (0, "")
    assert "for want of the compiled" in told.stderr
