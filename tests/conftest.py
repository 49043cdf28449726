"""What holds for every test: a busy machine is no failure, and little is done for nothing."""

import gc
import os
import sys
import threading
from collections.abc import Generator
from functools import lru_cache
from types import ModuleType
from typing import Final

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings

from proxy.engine import corridor

settings.register_profile("any", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any")

os.environ["SIDECACHE_DRAIN__DELAY"] = "0s"  # nobody balances before what the tests start

# Each of the many processes would compile the proxy anew, and each run all tests.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

COMPILED: Final = "COMPILED" in os.environ
"""Whether the compiled build is to be tested."""
if str(corridor.__file__).endswith(".py") == COMPILED:
    pytest.exit(f"these tests would test {corridor.__file__}", returncode=1)

LONG: Final = ("fleet", "bench")
"""Folders of tests that take many seconds each."""
ELSEWHERE: Final = (*LONG, "docs", "examples", "helm", "image")
"""Folders whose tests run the proxy, if at all, in processes of its own."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, lest one worker is left with it; measure what can be covered.

    Tracing doubles a test's time. It finds nothing in other processes, and what only a lucky
    draw has reached is not covered.
    """
    if COMPILED:
        items[:] = [each for each in items if not _changes_the_proxy(each)]
    items.sort(key=lambda item: _folder(item) not in LONG)
    for item in items:
        drawn = is_hypothesis_test(getattr(item, "obj", None))
        if drawn or _folder(item) in ELSEWHERE:
            item.add_marker("untraced")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Let coverage look away; its plugin's own marker would not, in one worker of several."""
    if not item.get_closest_marker("untraced"):
        return (yield)
    before, of_threads = sys.gettrace(), threading.gettrace()
    sys.settrace(None)
    threading.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(before)
        threading.settrace(of_threads)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Let the proxy forget what was not measured: asked again, it would only look that up."""
    if item.get_closest_marker("untraced"):
        for name, module in list(sys.modules.items()):
            if name.startswith("proxy."):
                _forget(module)


def _forget(module: ModuleType) -> None:
    for each in vars(module).values():
        if isinstance(each, type(lru_cache(len))):
            each.cache_clear()


def _changes_the_proxy(item: pytest.Item) -> bool:
    """Tell whether a test sets what is compiled in, and so cannot be set."""
    code = getattr(getattr(item, "function", None), "__code__", None)
    own = code.co_varnames[: code.co_argcount] if code else ()
    return "monkeypatch" in own or item.get_closest_marker("interpreted") is not None


def _folder(item: pytest.Item) -> str:
    return item.nodeid.removeprefix("tests/").partition("/")[0]


def pytest_collection_finish() -> None:
    """Put ten thousand tests aside, where no collection of garbage looks at them again."""
    gc.collect()
    gc.freeze()
