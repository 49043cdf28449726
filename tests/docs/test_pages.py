"""Links lead somewhere, and the YAML that the pages show is what program and chart take."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
import yaml

from proxy.settings import load
from tests.docs.commands import ROOT, fenced
from tests.helm.rendering import render

PAGES: Final = (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("helm/**/*.md"))
LINK: Final = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)")


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text()):
        file = (page.parent / target) if target else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), anchor


def blocks() -> Iterator[tuple[str, str]]:
    for page in (ROOT / "docs").glob("*.md"):
        for text in fenced(page, "yaml"):
            yield page.name, text


@pytest.mark.parametrize(("page", "text"), tuple(blocks()))
def test_yaml_is_what_is_taken(page: str, text: str, tmp_path: Path) -> None:
    if "{{" in text:  # a template: examples/chart has it whole, and is rendered
        named = re.findall(r'include "([\w.]+)"', text)
        whole = (ROOT / "examples" / "chart" / "templates" / "shop.yaml").read_text()
        assert all(f'include "{name}"' in whole for name in named)
        return
    told = yaml.safe_load(text)
    if "config" in told:
        assert render(told)
        return
    if isinstance(told, list):
        told = {"rules": told}
    file = tmp_path / page
    file.write_text(yaml.safe_dump(told))
    if page != "rules.md":  # the built-in rule's name is its own
        load(file, {"upstream": "http://127.0.0.1:8000"}, {})
