"""The compiled build: what every request passes through, as C, made by mypyc of the same source.

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true pip wheel --no-build-isolation --no-deps .

It needs a C compiler and Python's headers; SIDECACHE_PYTHON is the Python that has the packages
which the proxy uses, where that is not the one that builds. Without the first variable the wheel
is Python alone, as is an editable installation. Both behave alike, and the tests run on both.
"""

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS: Final = ("http", "policy", "rules", "engine", "store", "store/redis", "upstream", "edge")
"""Rooms of `proxy/` that are compiled."""

INTERPRETED: Final = {
    "edge/shortcut.py": "the tests' witness stands in it",
    "engine/lonelog.py": "it deletes an argument",
    "engine/naive.py": "tests replace parts of it",
    "engine/ports.py": "protocols that can be checked at run time",
    "engine/recall.py": "weak references to its memories",
    "engine/systemclock.py": "attributes that are functions of the standard library",
    "policy/reasons.py": "an Enum with a constructor",
    "policy/terms.py": "docstrings that are part of the schema",
    "store/redis/scripts.py": "tests run it by a clock of their own",
}
"""Modules that mypyc does not take, and why."""

_REFLECTED: Final = frozenset({"pydantic", "pydantic.fields", "msgspec"})
"""Modules that look at the classes of those who import them."""


class CompiledBuild(BuildHookInterface[Any]):
    """Hatch's hook: the extensions go into the wheel beside the source that they were made of."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless the package is installed as it lies there."""
        if version == "editable":
            return
        root, build = Path(self.root), Path(self.root, "build", "mypyc")
        for path in extensions(root, build):
            build_data["force_include"][str(path)] = str(path.relative_to(build / "lib"))
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def extensions(root: Path, build: Path) -> list[Path]:
    """Compile into `build`; return the extensions, which lie under its `lib`."""
    from mypyc.build import mypycify  # noqa: PLC0415 - most builds do without
    from setuptools import Distribution  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415

    os.chdir(root)
    python = os.environ.get("SIDECACHE_PYTHON", sys.executable)
    options = ("--config-file", "pyproject.toml", "--python-executable", python)
    made = mypycify(
        [*options, *map(str, modules(root))],
        target_dir=str(build / "c"),
        group_name="sidecache",
        multi_file=True,
        opt_level="2",
        debug_level="0",
    )
    command = build_ext(Distribution({"name": "sidecache", "ext_modules": made}))
    command.build_lib, command.build_temp = str(build / "lib"), str(build / "o")
    command.ensure_finalized()
    command.run()
    return [Path(each) for each in command.get_outputs()]


def modules(root: Path) -> Iterator[Path]:
    """Yield the modules that are compiled, relative to `root`."""
    for room in ROOMS:
        for path in sorted((root / "proxy" / room).glob("*.py")):
            name = f"{room}/{path.name}"
            if (
                path.name != "__init__.py"
                and name not in INTERPRETED
                and compilable(path.read_text())
            ):
                yield path.relative_to(root)


def compilable(source: str) -> bool:
    """Tell whether a module keeps its meaning when it is compiled.

    mypyc has one place for the exception that is being handled, where Python has one in each
    coroutine: who waits while handling one may go on with another's. What waits or yields there
    stays interpreted, as do asynchronous generators, which mypyc does not know.
    """
    nodes = list(ast.walk(ast.parse(source)))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return names.isdisjoint(_REFLECTED) and not any(_waits_while_handling(node) for node in nodes)


def _waits_while_handling(node: ast.AST) -> bool:
    match node:
        case ast.AsyncWith() | ast.TryStar():
            return True
        case ast.AsyncFunctionDef():
            return any(isinstance(each, ast.Yield) for each in ast.walk(node))
        case ast.Try(handlers=handlers, finalbody=last):
            return any(_waits(each) for part in (*handlers, *last) for each in ast.walk(part))
        case _:
            return False


def _waits(node: ast.AST) -> bool:
    if isinstance(node, ast.comprehension):
        return bool(node.is_async)
    return isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith | ast.Yield | ast.YieldFrom)
