"""`sidecache check-openapi`: hold an API's own description against rules, or have some proposed."""

import os
import sys
from pathlib import Path
from typing import Final

import click

from proxy.cli.options import config_option
from proxy.cli.shown import echo
from proxy.errors import ConfigError
from proxy.openapi import text
from proxy.openapi.checks import Finding, Kind, Ruled, findings
from proxy.openapi.document import Document
from proxy.openapi.operations import Operation, inventory
from proxy.openapi.proposals import proposals
from proxy.openapi.writing import render
from proxy.settings import builtin_rules, load, ruleset

_MOST: Final = 4 * text.MAX_JSON
"""Bytes that are read, four a character at most."""


@click.command(
    "check-openapi", short_help="Propose rules for an OpenAPI document, or hold rules to it."
)
@click.argument("file", metavar="FILE|-")
@config_option
@click.option("--base", metavar="PATH", help="What paths begin with, instead of the servers' own.")
@click.option(
    "--ignore",
    type=click.Choice([kind.value for kind in Kind]),
    multiple=True,
    help="What --config is not to tell.",
)
@click.pass_context
def check_openapi(
    ctx: click.Context, file: str, config: Path | None, base: str | None, ignore: tuple[str, ...]
) -> None:
    """Propose rules for an OpenAPI document, 3.0 or 3.1, as YAML; or check those in --config.

    The proposal is a whole settings file. Of rules it is told which are for no operation, which
    operations have none, and which may give one caller's answer to another; the exit status is 1
    if there is anything to tell.
    """
    document = Document(file, text.parse(_text(file), file)).checked()
    found, name = inventory(document, base), Path(file).name
    if config is None:
        click.echo(render(name, found, proposals(found.operations)), nl=False)
        return
    told = [each for each in _checked(config, found.operations) if each.kind.value not in ignore]
    for finding in told:
        echo(": ".join(filter(None, (finding.where, finding.text))))
    if told:
        ctx.exit(1)
    echo(f"{config}: agrees with {name} ({len(found.operations)} operations)")


def _checked(config: Path, operations: tuple[Operation, ...]) -> list[Finding]:
    settings = load(config, {}, os.environ)
    models = (*settings.rules, *builtin_rules())
    rules = ruleset(settings, str(config)).rules
    return list(findings(tuple(map(Ruled.of, models, rules)), operations))


def _text(file: str) -> str:
    try:
        if file == "-":
            data = sys.stdin.buffer.read(_MOST + 1)
        else:
            with Path(file).open("rb") as stream:
                data = stream.read(_MOST + 1)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 text") from error
