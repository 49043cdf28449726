"""What the commands of the pages find: the example API, a Valkey, and the sidecar before the API.

All on free ports; `real` puts them in the place of those that the pages name.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import httpx

from bench.ports import free_port
from tests.docs.commands import ROOT
from tests.redis.servers import RedisServer, until

TOKEN: Final = "a-token-of-16-characters"  # noqa: S105 - what the pages show
_BIN: Final = os.path.dirname(sys.executable)  # noqa: PTH120 - of a link, not of what it leads to


@dataclass(frozen=True)
class World:
    """Where everything is."""

    folder: Path
    """Where commands are typed: `config`, the API's description, and what earlier ones made."""
    api: int
    data: int
    admin: int
    redis: RedisServer
    other: RedisServer

    def real(self, text: str) -> str:
        """Return a text with the ports that are, and with what stands for anything filled in."""
        for name, value in {
            "redis://127.0.0.1:6379/0": self.redis.url,
            "redis://redis:6379/0": self.redis.url,
            "127.0.0.1:8000": f"127.0.0.1:{self.api}",
            "127.0.0.1:8080": f"127.0.0.1:{self.data}",
            "localhost:8080": f"localhost:{self.data}",
            "127.0.0.1:9090": f"127.0.0.1:{self.admin}",
            "$SIDECACHE_ADMIN_TOKEN": TOKEN,
            "--upstream URL": f"--upstream http://127.0.0.1:{self.api}",
            "check-openapi FILE": "check-openapi described.json",
            " FILE": " config/sidecache.yaml",
            "?seconds=10": "?seconds=1",
        }.items():
            text = text.replace(name, value)
        return text

    @property
    def environment(self) -> dict[str, str]:
        """The variables of whoever types the commands."""
        own = {name: text for name, text in os.environ.items() if not name.startswith("SIDECACHE")}
        return own | {
            "PATH": f"{_BIN}:{os.environ['PATH']}",
            "SIDECACHE_ADMIN_TOKEN": TOKEN,
            "SIDECACHE_ADMIN_URL": f"http://127.0.0.1:{self.admin}",
            "SIDECACHE_DRAIN__DELAY": "0s",  # nobody balances before what is started here
        }


@contextmanager
def opened() -> Iterator[World]:
    """Have all of it run until the block ends."""
    with RedisServer() as redis, RedisServer() as other, TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").symlink_to(ROOT / "config")
        world = World(folder, free_port(), free_port(), free_port(), redis, other)
        proxy = [
            *("-m", "proxy", "serve", "--config", "config/sidecache.yaml", "--redis", redis.url),
            *("--upstream", f"http://127.0.0.1:{world.api}"),
            *("--listen", f"127.0.0.1:{world.data}", "--admin", f"127.0.0.1:{world.admin}"),
        ]
        with (
            _running(world, ["-m", "examples.catalog", "--port", str(world.api)]),
            _running(world, proxy),
        ):
            for url in (f"http://127.0.0.1:{world.api}/", f"http://127.0.0.1:{world.admin}/readyz"):
                until(_answers, url, url)
            described = httpx.get(f"http://127.0.0.1:{world.api}/openapi.json")
            (folder / "described.json").write_bytes(described.content)
            yield world


@contextmanager
def _running(world: World, arguments: list[str]) -> Iterator[None]:
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=world.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code < 400
    except httpx.ConnectError:
        return False
