"""Extras: what is not installed is not imported, and what needs it is refused."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.plays.process import ROOT, environment

_WITHOUT: Final = "import sys; sys.modules[{name!r}] = None; from proxy.cli import main; main()"
_LOADED: Final = """
import asyncio, json, sys
{first}
print(json.dumps(sorted(name for name in sys.modules if name.startswith({prefixes!r}))))
"""
_RUN: Final = """
from proxy.app import Service
from proxy.settings import load
async def run():
    service = Service(load(None, {"upstream": "http://127.0.0.1:9"}, {}), "test")
    service.start()
    await service.aclose()
asyncio.run(run())
"""


def python(code: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        cwd=ROOT,
        env=environment(**variables),
    )


def without(name: str, *arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run the command where a module is not installed."""
    return python(_WITHOUT.format(name=name), *arguments, **variables)


def loaded(first: str, *prefixes: str) -> set[str]:
    """Return what is imported, of what begins so, once the first lines have run."""
    done = python(_LOADED.format(first=first, prefixes=prefixes))
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    ("verb", "absent"),
    [
        ("validate", "opentelemetry.sdk"),
        ("validate", "opentelemetry.exporter"),
        ("serve", "opentelemetry.sdk"),
    ],
)
def test_traces_without_their_extra_are_refused(tmp_path: Path, verb: str, absent: str) -> None:
    file = tmp_path / "sidecache.yaml"
    file.write_text("upstream: {url: http://127.0.0.1:9}\nlisten: 127.0.0.1:0\n")
    variables = {"SIDECACHE_ADMIN": "off", "SIDECACHE_TRACES__RATIO": "1"}
    place = [str(file)] if verb == "validate" else ["--config", str(file)]
    done = without(absent, verb, *place, **variables)
    assert done.returncode == 1
    assert done.stderr == "traces: needs the extra: pip install 'sidecache[otel]'\n"


def test_http_2_without_its_extra_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "sidecache.yaml"
    file.write_text("upstream: {url: https://api.test, engine: httpx, http2: on}\n")
    done = without("h2", "validate", str(file))
    assert (done.returncode, done.stderr) == (
        1,
        "upstream.http2: needs the extra: pip install 'sidecache[http2]'\n",
    )


def test_what_is_off_is_not_imported() -> None:
    """FastAPI imports parts of OpenTelemetry by itself; nothing is added to that."""
    extras = ("opentelemetry", "google.protobuf", "requests", "pyinstrument", "h2")
    found = loaded(_RUN, *extras)
    assert found == loaded("import fastapi", *extras)
    assert not any(
        name.startswith(("opentelemetry.exporter", "opentelemetry.sdk.trace")) for name in found
    )


def test_a_reload_that_needs_an_extra_is_refused(tmp_path: Path) -> None:
    code = """
import sys
sys.modules["opentelemetry.sdk"] = None
from pathlib import Path
from proxy.errors import ConfigError
from proxy.reload import Written
try:
    Written(Path(sys.argv[1]), {}, {}).read()
except ConfigError as error:
    print(error)
"""
    file = tmp_path / "sidecache.yaml"
    file.write_text("upstream: {url: http://127.0.0.1:9}\ntraces: {}\n")
    assert python(code, str(file)).stdout.startswith("traces: needs the extra")
