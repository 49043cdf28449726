"""Shown: text that others wrote, printed so that no terminal takes any of it for a command.

An API's document, an upstream's field and what answers at `--admin` are not ours. This module must
not know what is said.
"""

from typing import Final

import click

_LAYOUT: Final = "\n\t"


def echo(text: str, *, err: bool = False) -> None:
    """Print a text; what is no visible character of it is a question mark."""
    click.echo("".join(c if c.isprintable() or c in _LAYOUT else "?" for c in text), err=err)
