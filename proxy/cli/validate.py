"""`sidecache validate FILE`: read a configuration as `serve` would, and start nothing."""

import os
from pathlib import Path

import click

from proxy import extras
from proxy.settings import load, ruleset


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def validate(file: Path) -> None:
    """Check FILE, with the SIDECACHE_ variables that are set.

    Prints every problem with its line and column, and exits with 1 if there is one.
    """
    settings = load(file, {}, os.environ)
    ruleset(settings, str(file))
    extras.check(settings)
    count = len(settings.rules)
    click.echo(f"{file}: ok ({count} rule{'' if count == 1 else 's'})")
