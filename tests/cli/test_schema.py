import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from docs import rules_page
from proxy.cli import main
from proxy.cli.schema import json_schema, render

ROOT = Path(__file__).parent.parent.parent


def test_the_schema_is_printed() -> None:
    result = CliRunner().invoke(main, ["schema"])

    assert result.exit_code == 0
    assert result.stdout == render()
    assert json.loads(result.stdout)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_the_kept_schema_is_up_to_date() -> None:
    assert (ROOT / "config/sidecache.schema.json").read_text(encoding="utf-8") == render()


def test_the_page_of_rules_is_up_to_date() -> None:
    assert (ROOT / "docs/rules.md").read_text(encoding="utf-8") == rules_page.page()


def test_the_schema_has_no_id_and_no_titles() -> None:
    tree = json_schema()

    assert "$id" not in tree
    assert not any("title" in model for model in (tree, *tree["$defs"].values()))


def test_every_mapping_of_fields_is_closed() -> None:
    def closed(model: dict[str, Any]) -> bool:
        return "enum" in model or model["additionalProperties"] is False

    tree = json_schema()

    assert all(map(closed, (tree, *tree["$defs"].values())))


def test_the_example_names_every_field() -> None:
    text = (ROOT / "config/sidecache.yaml").read_text(encoding="utf-8")
    tree = json_schema()

    assert text.startswith("# yaml-language-server: $schema=sidecache.schema.json\n")
    for model in (tree, *tree["$defs"].values()):
        for field in model.get("properties", {}):
            assert f"{field}:" in text, field
