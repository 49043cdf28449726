"""`sidecache health` against a real admin listener on loopback."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from proxy import settings
from proxy.admin.control import Phase
from proxy.cli import health as module
from proxy.cli import main
from tests.admin.desk import Desk

NOTHING: dict[str, str | None] = {
    "SIDECACHE_ADMIN_URL": None,
    "SIDECACHE_ADMIN": None,
    "SIDECACHE_CONFIG": None,
}


def health(*arguments: str, **environment: str) -> Result:
    return CliRunner(env=NOTHING | environment).invoke(main, ["health", *arguments])


@pytest.mark.parametrize(
    ("phase", "good"),
    [
        (Phase.STARTING, {"live"}),
        (Phase.READY, {"live", "started", "ready"}),
        (Phase.DRAINING, {"live", "started"}),
    ],
)
def test_it_tells_what_is_asked(desk: Desk, url: str, phase: Phase, good: set[str]) -> None:
    desk.phase = phase
    asked = {probe: health(probe, "--admin", url) for probe in module.PATHS}
    assert {probe for probe, result in asked.items() if result.exit_code == 0} == good
    assert all(result.output == f"{probe}\n" for probe, result in asked.items() if probe in good)


def test_ready_is_the_question_where_none_is_named(desk: Desk, url: str) -> None:
    desk.phase = Phase.DRAINING
    result = health("--admin", url)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{url}: not ready: /readyz answers 503\n"


@pytest.mark.parametrize("name", ["SIDECACHE_ADMIN_URL", "SIDECACHE_ADMIN"])
def test_the_address_comes_from_a_variable(url: str, name: str) -> None:
    port = url.rpartition(":")[2]
    given = {"SIDECACHE_ADMIN_URL": url, "SIDECACHE_ADMIN": f"0.0.0.0:{port}"}[name]
    assert health(**{name: given}).exit_code == 0


def test_the_address_comes_from_the_file(url: str, tmp_path: Path) -> None:
    file = tmp_path / "sidecache.yaml"
    listen = url.removeprefix("http://")
    file.write_text(f"upstream: {{url: http://a}}\nadmin: {{listen: '{listen}'}}\n")
    assert health(SIDECACHE_CONFIG=str(file)).exit_code == 0


@pytest.mark.parametrize("admin", ["off", "http://", "http://a:b"])
def test_what_is_no_address_is_told(admin: str) -> None:
    result = health(SIDECACHE_ADMIN=admin)
    assert result.exit_code == 1
    assert result.stderr == f"{admin}: is no address of an admin listener; see --admin\n"


def test_a_listener_that_the_file_turns_off_is_told(tmp_path: Path) -> None:
    file = tmp_path / "sidecache.yaml"
    file.write_text("upstream: {url: http://a}\nadmin: off\n")
    assert "off: is no address" in health(SIDECACHE_CONFIG=str(file)).stderr


def test_where_nobody_is_it_fails() -> None:
    result = health("--admin", "127.0.0.1:9")
    assert result.exit_code == 1
    assert result.stderr == "127.0.0.1:9: [Errno 111] Connection refused\n"


def test_one_that_does_not_answer_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        result = health("live", "--admin", address, "--timeout", "0.1")
    assert (result.exit_code, result.stderr) == (1, f"{address}: timed out\n")


def test_an_address_that_listens_everywhere_is_asked_at_home() -> None:
    assert module._place("[::]:9090") == ("::1", 9090)  # noqa: SLF001 - needs no listener so


def test_it_knows_the_variables_and_the_default() -> None:
    text = Path(module.__file__).read_text()
    assert all(name in text for name in (settings.URL_VARIABLE, settings.CONFIG_VARIABLE))
    assert str(settings.load(None, {"upstream": "http://a"}, {}).admin.listen) == module.DEFAULT


def test_it_imports_little() -> None:
    """It runs every few seconds: what the settings need would cost ten times as much."""
    code = "import sys, proxy.cli.health; print(*{'pydantic', 'httpx'} & set(sys.modules))"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert told.stdout.strip() == b""
