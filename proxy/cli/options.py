"""Options that several verbs take. This module must not know what a verb does with them."""

from pathlib import Path
from typing import Final

import click
from pydantic import TypeAdapter, ValidationError

from proxy.rules.units import Duration
from proxy.settings import CONFIG_VARIABLE, URL_VARIABLE

config_option: Final = click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar=CONFIG_VARIABLE,
    help=f"The YAML file with all settings [${CONFIG_VARIABLE}].",
)

admin_option: Final = click.option(
    "--admin",
    metavar="URL",
    envvar=URL_VARIABLE,
    default="http://127.0.0.1:9090",
    show_default=True,
    help=f"Where the admin API is [${URL_VARIABLE}].",
)


class Seconds(click.ParamType[float]):
    """A duration as settings have it: `250ms`, `10s`, `1m`; seconds."""

    name = "duration"
    _reader: Final = TypeAdapter[float](Duration)

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the seconds; what is none fails with what is accepted."""
        try:
            return self._reader.validate_python(value)
        except ValidationError as error:
            return self.fail(error.errors()[0]["msg"], param, ctx)
