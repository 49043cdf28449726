"""`sidecache top` against a real admin API, on a terminal and elsewhere."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import orjson
import pytest
from click.testing import CliRunner, Result

from proxy import __version__
from proxy.cli import main
from tests.admin.desk import ADMIN, READ, Desk
from tests.cli.serving import served
from tests.engine.scripted import reply
from tests.plays.process import environment

ENTER: Final = "\x1b[?1049h\x1b[?25l"
LEAVE: Final = "\x1b[?25h\x1b[?1049l"
DEADLINE: Final = 20
Send = Callable[[dict[str, Any]], Awaitable[None]]


@pytest.fixture
async def desk() -> Desk:
    made = Desk()
    made.play.script(reply(200, "Cache-Control: max-age=60"))
    for _ in range(2):
        made.play.stats.record((await made.play.get()).account, 0.1, 500)
    return made


def top(*arguments: str, url: str, token: str | None = READ) -> Result:
    variables = {"SIDECACHE_ADMIN_URL": url, "SIDECACHE_ADMIN_TOKEN": token}
    return CliRunner(env=variables).invoke(main, ["top", "--interval", "100ms", *arguments])


@pytest.mark.parametrize("flags", [(), ("--once",)])
def test_without_a_terminal_one_frame_is_printed(url: str, flags: tuple[str, ...]) -> None:
    ended = top(*flags, url=url)
    assert (ended.exit_code, ended.stderr) == (0, "")
    title, rates = ended.stdout.splitlines()[:2]
    assert title == f"sidecache {__version__}  {url}"
    assert rates.startswith("0.0 requests/s  hits -  ever 50.0%")
    assert "purges confirmed  replicas 1\n" in ended.stdout
    assert "uri-miss" in ended.stdout
    assert "\x1b" not in ended.stdout


def test_a_frame_for_scripts(url: str) -> None:
    told = orjson.loads(top("--json", url=url).stdout)
    assert (told["all"]["total"], told["all"]["hit_ratio_ever"]) == (2, 0.5)
    assert [rule["name"] for rule in told["rules"]] == ["default"]
    assert told["replicas"][0]["name"] == "pod-1"
    assert told["trust"] == "confirmed"


def test_replicas_that_cannot_be_had_are_no_reason_to_end(desk: Desk, url: str) -> None:
    desk.log.reachable = False
    ended = top(url=url)
    assert ended.exit_code == 0
    assert "replicas: nobody there" in ended.stdout


@pytest.mark.parametrize(
    ("token", "told"),
    [("an-unknown-token-x", "401: the token is missing or unknown"), (None, "401: the token is")],
)
def test_whoever_may_not_look_is_told(url: str, token: str | None, told: str) -> None:
    ended = top(url=url, token=token)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert told in ended.stderr


def test_nobody_there() -> None:
    ended = top(url="http://127.0.0.1:1")
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "is the proxy running, and is --admin its admin address?" in ended.stderr


async def _elsewhere(scope: dict[str, Any], receive: object, send: Send) -> None:
    del scope, receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"[]"})


def test_another_server() -> None:
    with served(_elsewhere) as url:
        ended = top(url=url)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == "/v1/stats: this is no admin API of Sidecache; see --admin\n"


@dataclass
class Terminal:
    """A pseudo-terminal with the command in it."""

    process: "subprocess.Popen[bytes]"
    control: int
    shown: str = ""

    def until(self, wanted: str) -> None:
        """Read until something is shown."""
        while not re.search(wanted, self.shown):
            ready, _, _ = select.select([self.control], [], [], DEADLINE)
            assert ready, self.shown
            self.shown += os.read(self.control, 65_536).decode()

    def ended(self) -> int:
        """Wait for the end, reading what is still to come."""
        try:
            while data := os.read(self.control, 65_536):
                self.shown += data.decode()
        except OSError:  # the other side is closed
            pass
        return self.process.wait(DEADLINE)


@contextmanager
def terminal(url: str, **variables: str) -> Iterator[Terminal]:
    control, side = pty.openpty()
    before = termios.tcgetattr(control)
    variables = {"SIDECACHE_ADMIN_URL": url, "SIDECACHE_ADMIN_TOKEN": ADMIN} | variables
    process = subprocess.Popen(
        [sys.executable, "-m", "proxy", "top", "--interval", "100ms"],
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
        env=environment(**({"TERM": "xterm", "COLUMNS": "80", "LINES": "24"} | variables)),
    )
    os.close(side)
    try:
        yield Terminal(process, control)
        assert termios.tcgetattr(control) == before
    finally:
        process.kill()
        process.wait()
        os.close(control)


@pytest.mark.parametrize("end", ["q", signal.SIGINT, signal.SIGTERM])
async def test_a_terminal_is_given_back_as_it_was(
    desk: Desk, url: str, end: str | signal.Signals
) -> None:
    with terminal(url) as shown:
        shown.until(r"\x1b\[H")
        desk.play.stats.in_flight = 77
        shown.until("in flight 77")
        if isinstance(end, str):
            os.write(shown.control, end.encode())
        else:
            shown.process.send_signal(end)
        assert shown.ended() == 0
    assert shown.shown.startswith(ENTER)
    assert shown.shown.endswith(LEAVE)
    assert "\x1b[1msidecache" in shown.shown
    assert "Traceback" not in shown.shown


async def test_no_colour(url: str) -> None:
    with terminal(url, NO_COLOR="1") as shown:
        shown.until("uri-miss")
        os.write(shown.control, b"q")
        assert shown.ended() == 0
    assert re.search(r"\x1b\[\d*m", shown.shown) is None


async def test_a_dumb_terminal_gets_one_frame(url: str) -> None:
    with terminal(url, TERM="dumb") as shown:
        assert shown.ended() == 0
    assert "\x1b" not in shown.shown
    assert "uri-miss" in shown.shown


def test_a_proxy_that_leaves_is_told_of_and_waited_for(desk: Desk) -> None:
    with served(desk.api) as url:
        context = terminal(url)
        shown = context.__enter__()
        shown.until("requests/s")
    try:
        shown.until("is the proxy running")
        os.write(shown.control, b"q")
        assert shown.ended() == 0
    finally:
        context.__exit__(None, None, None)
