"""The compiled build: what every request passes through, as C, made by mypyc of the same source.

    HATCH_BUILD_HOOK_ENABLE_CUSTOM=true pip wheel --no-build-isolation --no-deps .

It needs a C compiler and Python's headers; SIDECACHE_PYTHON is the Python that has the packages
which the proxy uses, where that is not the one that builds. Without the first variable the wheel
is Python alone, as is an editable installation. Both behave alike, and the tests run on both.
"""

import ast
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
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
    "policy/reasons.py": "an Enum with a constructor",
    "policy/terms.py": "docstrings that are part of the schema",
    "store/redis/scripts.py": "tests run it by a clock of their own",
}
"""Modules that mypyc does not take, and why."""

_REFLECTED: Final = frozenset({"pydantic", "pydantic.fields", "msgspec"})
"""Modules that look at the classes of those who import them."""

_HIDDEN: Final = "-fvisibility=hidden"
"""What lets the compiler call our functions directly: no other library can replace them."""

_MAKING: Final = frozenset({"__init__", "__new__", "__post_init__"})
"""Methods that take part in making a value."""

_FROZEN: Final = "  # type: ignore[misc, unused-ignore]"
"""What lets a constructor set fields that nothing else may set."""


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

    source = build / "src"
    chosen = list(modules(root))
    write_source(root, source, chosen)
    os.chdir(source)  # whose paths are those that tracebacks name
    python = os.environ.get("SIDECACHE_PYTHON", sys.executable)
    options = ("--config-file", str(root / "pyproject.toml"), "--python-executable", python)
    made = mypycify(
        [*options, *map(str, chosen)],
        target_dir=str(build / "c"),
        group_name="sidecache",
        multi_file=True,
        opt_level="2",
        debug_level="0",
    )
    for extension in made:
        extension.extra_compile_args += [_HIDDEN, "-include", str(root / ".ci" / "cold.h")]
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


def write_source(root: Path, source: Path, chosen: Iterable[Path]) -> None:
    """Write to `source` what is compiled: the package, with constructors in the chosen modules."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(root / "proxy", source / "proxy", ignore=shutil.ignore_patterns("*.pyc"))
    for path in chosen:
        (source / path).write_text(with_constructors((root / path).read_text()))


def with_constructors(source: str) -> str:
    """Return a module whose dataclasses say how they are made.

    What `dataclass` makes itself stays interpreted, and a value would be made eight times slower.
    Each constructor stands on the empty line behind its class, so that no line moves.
    """
    lines = source.split("\n")
    for node in ast.parse(source).body:
        if isinstance(node, ast.ClassDef) and node.end_lineno and (line := constructor(node)):
            lines[node.end_lineno] = line
    return "\n".join(lines)


def constructor(node: ast.ClassDef) -> str | None:
    """Return the constructor of a dataclass, in one line; None where that would not say it all."""
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    written = {each.name for each in node.body if isinstance(each, ast.FunctionDef)}
    if not (_is_dataclass(node) and fields) or node.bases or written & _MAKING:
        return None
    names = [ast.unparse(field.target) for field in fields]
    parameters = list(filter(None, map(_parameter, fields)))
    if len(parameters) < len(fields) or any(_named(field) & set(names) for field in fields):
        return None
    setting = "; ".join(f"self.{name} = {name}" for name in names)
    return f"    def __init__(self, {', '.join(parameters)}) -> None: {setting}{_FROZEN}"


def _is_dataclass(node: ast.ClassDef) -> bool:
    calls = [each for each in node.decorator_list if isinstance(each, ast.Call)]
    return any(ast.unparse(call.func) in {"dataclass", "valueclass"} for call in calls)


def _parameter(field: ast.AnnAssign) -> str | None:
    """Return how the constructor takes a field; None where it does not, or makes it each time."""
    default, annotation = field.value, ast.unparse(field.annotation)
    if isinstance(default, ast.Call) and ast.unparse(default.func) == "field":
        said = {each.arg: each.value for each in default.keywords}
        default = said.get("default")
        if default is None or "init" in said:
            return None
    if annotation.startswith(("ClassVar", "InitVar", "KW_ONLY")):
        return None
    taken = f"{ast.unparse(field.target)}: {annotation}"
    return taken if default is None else f"{taken} = {ast.unparse(default)}"


def _named(field: ast.AnnAssign) -> set[str]:
    """Return the names by which a field is told, which those of other fields would hide."""
    parts = filter(None, (field.annotation, field.value))
    nodes = (node for part in parts for node in ast.walk(part))
    return {node.id for node in nodes if isinstance(node, ast.Name)}
