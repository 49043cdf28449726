"""Every command that the pages show works, or is held against what it would work on."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest

from tests.docs import local, remote
from tests.docs.commands import Command, commands
from tests.docs.world import World, opened

CHECKS: Final[Mapping[str, Callable[[Command, World], None]]] = {
    "sidecache": local.sidecache,
    "curl": local.curl,
    "make": local.make,
    "pip": local.pip,
    "export": local.export,
    "redis-cli": local.redis_cli,
    "docker": remote.docker,
    "helm": remote.helm,
    "kubectl": remote.kubectl,
}
"""Program → how it is held. A program that is not here fails its test."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with opened() as running:
        yield running


@pytest.mark.parametrize("command", tuple(commands()), ids=str)
def test_a_command_does_what_the_page_says(command: Command, world: World) -> None:
    check = CHECKS[command.words[0]]
    (local.shell if command.needs_shell else check)(command, world)


def test_there_are_commands() -> None:
    assert len(list(commands())) > 50
