"""The command line: a group of verbs, a file each.

This module must not know what a verb does, only how its failure is told.
"""

import click

from proxy import __version__
from proxy.cli.explain import explain
from proxy.cli.schema import schema
from proxy.cli.serve import serve
from proxy.cli.validate import validate
from proxy.errors import SidecacheError


class _Told(click.ClickException):
    """An error whose text is complete and is printed as it is."""

    def show(self, file: object = None) -> None:
        del file
        click.echo(self.message, err=True)


class _Verbs(click.Group):
    """A group whose verbs fail with a message, never with a traceback, on our own errors."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SidecacheError as error:
            raise _Told(str(error)) from error


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sidecache")
def main() -> None:
    """Sidecache stands before an HTTP API and answers what it has answered before."""


main.add_command(serve)
main.add_command(explain)
main.add_command(validate)
main.add_command(schema)
