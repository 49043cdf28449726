import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from proxy import __version__
from proxy.cli import main

GOOD = "upstream: {url: http://a}\nrules:\n  - name: x\n"
BAD = "upstream: {url: a}\nlistn: 1\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sidecache.yaml"


def test_a_good_file_is_ok(file: Path) -> None:
    file.write_text(GOOD)

    result = CliRunner().invoke(main, ["validate", str(file)])

    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{file}: ok (1 rule)\n", "")


def test_rules_are_counted(file: Path) -> None:
    file.write_text(GOOD + "  - name: y\n")

    assert CliRunner().invoke(main, ["validate", str(file)]).stdout.endswith("ok (2 rules)\n")


def test_a_bad_file_is_told_on_standard_error(file: Path) -> None:
    file.write_text(BAD)

    result = CliRunner().invoke(main, ["validate", str(file)])

    assert (result.exit_code, result.stdout) == (1, "")
    assert [line.partition(": ")[0] for line in result.stderr.splitlines()] == [
        f"{file}:1:12",
        f"{file}:2:1",
    ]


def test_the_environment_counts(file: Path) -> None:
    file.write_text("rules: []")
    environ = {"SIDECACHE_UPSTREAM__URL": "http://a"}

    assert CliRunner().invoke(main, ["validate", str(file)], env=environ).exit_code == 0


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["validate", str(tmp_path / "none")])

    assert (result.exit_code, result.stderr) == (1, f"{tmp_path}/none: No such file or directory\n")


@pytest.mark.parametrize("arguments", [["validate"], ["validate", "--what"], ["whatever"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["--version"]).stdout == f"sidecache, version {__version__}\n"


def test_it_runs_as_a_module_without_a_traceback(file: Path) -> None:
    file.write_text(BAD)

    done = subprocess.run(
        [sys.executable, "-m", "proxy", "validate", str(file)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 2
