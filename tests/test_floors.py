"""The architecture, held: imports go down only, and the lower floors do nothing but think."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "proxy"

FLOORS = {
    "values": 0,
    "errors": 0,
    "http": 0,
    "policy": 1,
    "rules": 2,
    "engine": 3,
    "openapi": 3,
    "top": 3,
    "store": 4,
    "workers": 4,
    "upstream": 4,
    "coding": 4,
    "edge": 4,
    "trace": 4,
    "admin": 4,
    "sections": 5,
    "settings": 5,
    "identity": 5,
    "tokens": 5,
    "extras": 5,
    "logs": 5,
    "stores": 6,
    "shared": 6,
    "upstreams": 6,
    "traces": 6,
    "loadtest": 5,
    "app": 7,
    "reload": 6,
    "cli": 8,
    "__main__": 9,
}
NEIGHBOURS = {
    ("http", "errors"): "the ground of the ground",
    ("http", "values"): "what every value is made by",
    ("settings", "sections"): "a whole and its parts",
    ("stores", "shared"): "the tiers and one of them",
    ("tokens", "sections"): "a section says where a secret is",
    ("tokens", "settings"): "and so do all settings together",
    ("extras", "settings"): "what a setting needs is known beside it",
}
"""Exceptions between rooms of one floor, each with its reason."""

IMPURE = {
    "asyncio", "http", "io", "logging", "os", "pathlib", "random", "secrets",
    "select", "selectors", "socket", "ssl", "subprocess", "sys", "tempfile", "threading", "time",
    "urllib.request", "uuid", "anyio", "httpx", "uvicorn", "fastapi",
}  # fmt: skip
FILES = sorted(ROOT.rglob("*.py"))
FOLDERS = [ROOT, *(ROOT.parent / name for name in ("tests", "examples", "bench", "docs"))]
LOW = [
    file
    for file in FILES
    if FLOORS.get(file.relative_to(ROOT).parts[0].removesuffix(".py"), 9) <= 2
]


def room(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_rooms(file: Path) -> Iterator[str]:
    for name in imports(file):
        parts = name.split(".")
        if parts[0] == "proxy" and len(parts) > 1 and parts[1] in FLOORS:
            yield parts[1]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_down(file: Path) -> None:
    here = room(file)
    if here == "__init__":
        assert not list(own_rooms(file))
        return
    for there in own_rooms(file):
        allowed = here == there or FLOORS[there] < FLOORS[here] or (here, there) in NEIGHBOURS
        assert allowed, f"{here} (floor {FLOORS[here]}) must not import {there}"


def test_modules_form_no_cycle() -> None:
    graph = {
        ".".join(("proxy", *file.relative_to(ROOT).with_suffix("").parts)): set(imports(file))
        for file in FILES
    }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for used in graph[name] & graph.keys():
                visit(used, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("file", LOW, ids=lambda f: str(f.relative_to(ROOT)))
def test_low_floors_do_nothing_but_think(file: Path) -> None:
    tree = ast.parse(file.read_text())
    used = set(imports(file)) & IMPURE
    assert not used, f"{sorted(used)} on a floor without clock, chance, log and I/O"
    for node in ast.walk(tree):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in {"open", "print", "input"}
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"now", "utcnow", "today"}, "the time is an argument"


def test_every_room_has_a_floor() -> None:
    assert {room(file) for file in FILES} - {"__init__"} <= FLOORS.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_rooms_are_small_and_say_what_they_are_for(file: Path) -> None:
    source = file.read_text()
    tree = ast.parse(source)
    assert ast.get_docstring(tree), "the first lines say what belongs here"
    assert source.count("\n") <= 300
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


def test_every_exception_from_a_check_has_its_reason() -> None:
    """`noqa: S101 - why`, and `type: ignore[kind]  # why`."""
    reasoned = re.compile(r"(?:noqa: [A-Z]+\d+(?:, [A-Z]+\d+)* - |type: ignore\[[^]]+\]  # )\w")
    files = [file for folder in FOLDERS for file in folder.rglob("*.py")]
    lines = [line for file in files for line in file.read_text().splitlines()]
    made = [line for line in lines if re.search(r"# (noqa|type: ignore)", line)]
    assert len(made) > 100
    assert [line for line in made if not reasoned.search(line)] == []
