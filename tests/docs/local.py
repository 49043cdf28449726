"""How commands are held that run on this machine: sidecache, curl, make, pip, redis-cli."""

import shlex
import shutil
import subprocess
import tempfile
import tomllib
from pathlib import Path

import pytest

from bench.ports import free_port
from tests.docs.commands import ROOT, Command
from tests.docs.world import World


def done(world: World, *words: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    program = shutil.which(words[0], path=world.environment["PATH"])
    if program is None:
        pytest.skip(f"no {words[0]} on this machine")
    return subprocess.run(
        [program, *words[1:]],
        cwd=cwd,
        env=world.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def sidecache(command: Command, world: World) -> None:
    """Hold that it ends with 0; `serve` does when it is told to end, having begun to serve."""
    words = shlex.split(world.real(command.text), comments=True)[-len(command.words) :]
    if words[1] == "serve":
        _served(words, world)
        return
    ended = done(world, *words, cwd=world.folder)
    assert ended.returncode == 0, ended.stderr


def shell(command: Command, world: World) -> None:
    """Hold that it ends with 0; files that it makes are there for the commands after it."""
    ended = done(world, "sh", "-c", world.real(command.text), cwd=world.folder)
    assert ended.returncode == 0, ended.stderr


def _served(words: list[str], world: World) -> None:
    ports = ("--listen", f"127.0.0.1:{free_port()}", "--admin", f"127.0.0.1:{free_port()}")
    program = shutil.which(words[0], path=world.environment["PATH"])
    assert program is not None
    with subprocess.Popen(
        [program, *words[1:], *ports],
        cwd=world.folder,
        env=world.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("sidecache on http://")
        finally:
            process.terminate()
    assert process.returncode == 0


def curl(command: Command, world: World) -> None:
    """Hold that it is answered, and refused only where it has no token and needs one."""
    words = shlex.split(world.real(command.text), comments=True)
    told = ("--silent", "--write-out", "\n%{http_code}")
    with tempfile.TemporaryDirectory() as folder:
        ended = done(world, *words, *told, cwd=Path(folder))
    assert ended.returncode == 0, ended.stderr
    status = int(ended.stdout.rpartition("\n")[2])
    open_to_all = "Authorization" in command.text or "/v1/" not in command.text
    assert status == (200 if open_to_all else 401), ended.stdout


def make(command: Command, world: World) -> None:
    """Hold that there is such a target."""
    ended = done(world, "make", "--dry-run", *command.words[1:])
    assert ended.returncode == 0, ended.stderr


def pip(command: Command, world: World) -> None:
    """Hold that the package can be made and installed, and has the extras."""
    _, verb, package = command.words
    here, _, named = package.rstrip("]").partition("[")
    assert (verb, here) == ("install", ".")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert {*named.split(",")} - {""} <= extras.keys()
    flags = ("--dry-run", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
    ended = done(world, "python", "-m", "pip", "install", *flags, ".")
    assert ended.returncode == 0, ended.stderr


def export(command: Command, world: World) -> None:
    """Hold that it is a variable that the commands read."""
    name, _, _ = command.words[1].partition("=")
    assert name in world.environment


def redis_cli(command: Command, world: World) -> None:
    """Hold that a real server takes it; not the one that the proxy uses, to spare that."""
    world.other.run(*command.words[1:])
