"""`sidecache leave` signals what serves, and nothing else; that it is heeded, a roll-out shows."""

import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from proxy.cli import main

WAITING = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
print(flush=True)
print(int(signal.sigwait({signal.SIGUSR1})))
"""


def test_what_serves_is_told() -> None:
    words = [sys.executable, "-c", WAITING, "serve"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        ended = CliRunner().invoke(main, ["leave", "--pid", str(process.pid)])
        assert (ended.exit_code, ended.output) == (0, "")
        assert process.stdout.read() == f"{int(signal.SIGUSR1)}\n"


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
