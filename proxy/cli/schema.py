"""`sidecache schema`: the JSON Schema of the configuration file, for editors and checks."""

import json
from typing import Any

import click
from pydantic.json_schema import GenerateJsonSchema

from proxy.settings import Settings


class _Untitled(GenerateJsonSchema):
    """Leaves out titles that only repeat names."""

    def field_title_should_be_set(self, schema: object) -> bool:
        del schema
        return False


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of the configuration file, draft 2020-12."""
    tree = Settings.model_json_schema(schema_generator=_Untitled)
    for model in (tree, *tree["$defs"].values()):
        model.pop("title", None)
        for field in model.get("properties", {}).values():
            if "$ref" in field and isinstance(field.get("default"), dict):
                del field["default"]  # repeats the defaults of the section's own fields
    return {"$schema": GenerateJsonSchema.schema_dialect, **tree}


def render() -> str:
    """Return the JSON Schema as text, the same for the same settings."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


@click.command()
def schema() -> None:
    """Print the JSON Schema of the configuration file."""
    click.echo(render(), nl=False)
