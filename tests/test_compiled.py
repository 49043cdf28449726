"""The compiled build: what keeps its meaning in it, and that what counts is among that."""

import ast
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Final

import pytest

ROOT: Final = Path(__file__).parent.parent

HOT: Final = (
    *("edge/protocol.py", "edge/intake.py", "edge/cycle.py", "edge/lane.py", "edge/asgi.py"),
    *("engine/corridor.py", "engine/boarding.py", "engine/fetch.py", "engine/delivery.py"),
    *("engine/flights.py", "engine/feed.py", "engine/shelf.py", "engine/ledger.py"),
    *("policy/admission.py", "policy/reuse.py", "policy/shaping.py", "policy/negotiation.py"),
    *("rules/ruleset.py", "rules/keys.py", "http/message.py", "store/memory.py"),
    *("store/redis/entries.py", "store/redis/lookups.py"),
    *("upstream/dispatch.py", "upstream/exchange.py", "upstream/connection.py"),
    *("upstream/parser.py", "upstream/head.py", "upstream/pool.py", "upstream/gateway.py"),
)

MEANING: Final = {
    "plain": ("def f() -> None: ...", True),
    "waits": ("async def f(): await g()", True),
    "waits in try": ("async def f():\n try: await g()\n except OSError: pass", True),
    "waits behind": ("async def f():\n try: await g()\n except OSError: pass\n await h()", True),
    "waits in else": ("async def f():\n try: g()\n except OSError: pass\n else: await h()", True),
    "follows": ("async def f():\n async for x in g(): h(x)", True),
    "generates": ("def f(): yield 1", True),
    "waits in except": ("async def f():\n try: g()\n except OSError: await h()", False),
    "waits in finally": ("async def f():\n try: g()\n finally: await h()", False),
    "deep in finally": ("async def f():\n try: g()\n finally:\n  if x: y(await h())", False),
    "follows in finally": (
        "async def f():\n try: g()\n finally:\n  async for x in h(): pass",
        False,
    ),
    "lists in finally": ("async def f():\n try: g()\n finally:\n  [x async for x in h()]", False),
    "yields in finally": ("def f():\n try: g()\n finally: yield 1", False),
    "yields in try": ("def f():\n try: yield 1\n finally: g()", True),
    "async with": ("async def f():\n async with g(): pass", False),
    "groups": ("async def f():\n try: g()\n except* OSError: pass", False),
    "generates asynchronously": ("async def f(): yield 1", False),
    "a model": ("from pydantic import BaseModel", False),
    "a struct": ("import msgspec", False),
    "a codec": ("from msgspec.msgpack import Decoder", True),
    "of a package": ("from pydantic.fields import Field", False),
}

VALUE: Final = "@valueclass(frozen=True, slots=True)\nclass A:\n "
MADE: Final = {
    "no dataclass": ("class A:\n x: int", None),
    "fields": (VALUE + "x: int\n y: B | None = None", "(self, x: int, y: B | None = None)"),
    "a dataclass": ("@dataclass(slots=True)\nclass A:\n x: int", "(self, x: int)"),
    "no fields": (VALUE + "def f(self): ...", None),
    "a field's default": (VALUE + "x: int = field(default=3, compare=False)", "(self, x: int = 3)"),
    "a field made each time": (VALUE + "x: list[int] = field(default_factory=list)", None),
    "a field not asked for": (VALUE + "x: int = field(init=False, default=3)", None),
    "a variable of the class": (VALUE + "x: ClassVar[int] = 3", None),
    "inherits": ("@dataclass(slots=True)\nclass A(B):\n x: int", None),
    "made by hand": (VALUE + "x: int\n def __init__(self): ...", None),
    "made further": (VALUE + "x: int\n def __post_init__(self): ...", None),
    "hidden": (VALUE + "int: str\n x: int", None),
}


@pytest.fixture(scope="module")
def compiled() -> ModuleType:
    spec = spec_from_file_location("compiled", ROOT / ".ci" / "compiled.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("source", "meaning"), MEANING.values(), ids=MEANING)
def test_what_keeps_its_meaning(compiled: ModuleType, source: str, *, meaning: bool) -> None:
    assert compiled.compilable(source) is meaning


def test_what_every_request_passes_through_is_compiled(compiled: ModuleType) -> None:
    found = {str(path.relative_to("proxy")) for path in compiled.modules(ROOT)}
    assert not set(HOT) - found


def test_every_exception_is_there_and_would_be_compiled_without(compiled: ModuleType) -> None:
    for name in compiled.INTERPRETED:
        assert compiled.compilable((ROOT / "proxy" / name).read_text()), name


@pytest.mark.parametrize(("source", "takes"), MADE.values(), ids=MADE)
def test_how_a_value_is_made(compiled: ModuleType, source: str, takes: str | None) -> None:
    made = compiled.constructor(ast.parse(source).body[0])
    assert (made and made.split(" -> ")[0].removeprefix("    def __init__")) == takes


def test_constructors_move_no_line(compiled: ModuleType) -> None:
    for path in compiled.modules(ROOT):
        before = (ROOT / path).read_text().split("\n")
        after = compiled.with_constructors("\n".join(before)).split("\n")
        assert len(after) == len(before)
        changed = [was for was, now in zip(before, after, strict=True) if was != now]
        assert not any(changed), path
