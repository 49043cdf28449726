"""The command line: a group of verbs, a file each.

This module must not know what a verb does, only how its failure is told.
"""

from importlib import import_module
from typing import Final

import click

from proxy import __version__
from proxy.cli.shown import echo
from proxy.errors import SidecacheError

VERBS: Final = (
    *("serve", "validate", "explain", "check-openapi", "advice", "quarantine", "purge", "warm"),
    *("top", "bench", "health", "leave", "schema"),
)
"""Each is a module of this package with a command of its name, imported when it is called."""


class _Told(click.ClickException):
    """An error whose text is complete and is printed as it is."""

    def show(self, file: object = None) -> None:
        del file
        echo(self.message, err=True)


class _Verbs(click.Group):
    """A group whose verbs fail with a message, never with a traceback, on our own errors."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        name = cmd_name.replace("-", "_")
        command: click.Command = getattr(import_module(f"proxy.cli.{name}"), name)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SidecacheError as error:
            raise _Told(str(error)) from error


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sidecache")
def main() -> None:
    """Sidecache stands before an HTTP API and answers what it has answered before."""
