"""The build that is measured: the compiled one, as in the image, where it can be made here.

It is made of the source as it lies there, once for each change of it, which takes two minutes.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from bench.errors import BenchError

ROOT: Final = Path(__file__).resolve().parent.parent
_MAKING: Final = (".ci/compiled.py", ".ci/cold.h")
"""What says how the source is compiled."""
COMPILED: Final = ROOT / "build" / "compiled"


def home() -> Path:
    """Return the folder in which the `proxy` lies that is imported here."""
    found = find_spec("proxy")
    if found is None or found.origin is None:
        raise BenchError("there is no proxy to be measured")
    return Path(found.origin).resolve().parent.parent


def path() -> str:
    """Return the PYTHONPATH of processes that find the same proxy, and this bench."""
    return os.pathsep.join(dict.fromkeys((str(home()), str(ROOT))))


def kind() -> str:
    """Tell what is measured."""
    return "compiled" if any((home() / "proxy" / "engine").glob("*.so")) else "interpreted"


def is_of(built: Path, root: Path) -> bool:
    """Tell whether a build was made of the source as it is now, and in the way that is now."""
    if not built.is_dir():
        return False
    made = built.stat().st_mtime
    if any((root / name).stat().st_mtime > made for name in _MAKING):
        return False
    return all(
        _same(source, built / source.relative_to(root))
        for source in (root / "proxy").rglob("*")
        if source.suffix in {".py", ".lua"}
    )


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def enter(arguments: Sequence[str]) -> None:
    """Begin anew with the compiled build, if it is not that already; make it where it is missing.

    Without a compiler, or where that fails, the source is measured as it is, and says so.
    """
    if kind() == "compiled":
        return
    if not (is_of(COMPILED, ROOT) or _made()):
        print("bench: measures the interpreted proxy, for want of the compiled", file=sys.stderr)
        return
    environ = os.environ | {"PYTHONPATH": os.pathsep.join((str(COMPILED), str(ROOT)))}
    command = [sys.executable, "-P", "-m", "bench", *arguments]
    os.execve(sys.executable, command, environ)  # noqa: S606 - this very program


def _made() -> bool:
    if not (shutil.which("cc") and shutil.which("make")):
        return False
    print("bench: compiles the proxy first, which takes two minutes", file=sys.stderr, flush=True)
    command = ["make", "-C", str(ROOT), "compiled"]
    return subprocess.run(command, stdout=sys.stderr, check=False).returncode == 0
