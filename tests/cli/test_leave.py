"""`sidecache leave` refuses to signal what is no proxy; that one heeds it, a roll-out shows."""

import os

import pytest
from click.testing import CliRunner

from proxy.cli import main


@pytest.mark.parametrize(
    ("pid", "told"),
    [
        pytest.param(os.getpid(), "is not `sidecache serve`", id="another-program"),
        pytest.param(2**22 + 1, "No such file or directory", id="nobody"),  # beyond pid_max
    ],
)
def test_who_is_no_proxy_is_left_alone(pid: int, told: str) -> None:
    ended = CliRunner().invoke(main, ["leave", "--pid", str(pid)])
    assert ended.exit_code == 1
    assert f"process {pid}" in ended.stderr
    assert told in ended.stderr
    assert "Traceback" not in ended.output
