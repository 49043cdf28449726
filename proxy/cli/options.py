"""Options that several verbs take. This module must not know what a verb does with them."""

from pathlib import Path
from typing import Final

import click

from proxy.settings import CONFIG_VARIABLE

config_option: Final = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar=CONFIG_VARIABLE,
    help=f"The YAML file with all settings [${CONFIG_VARIABLE}].",
)
