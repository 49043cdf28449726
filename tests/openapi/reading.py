"""What tests do with a description: read it, have rules proposed, and ask them."""

import re
from pathlib import Path

import orjson

from proxy.http.message import Fields, Request
from proxy.openapi.document import Document, Json
from proxy.openapi.operations import Inventory, inventory
from proxy.openapi.proposals import Proposal, proposals
from proxy.openapi.writing import render
from proxy.policy.terms import Caching
from proxy.rules.ruleset import Match, Ruleset
from proxy.settings import load, ruleset

PARAMETER = re.compile(r"\{[?][^{}]*\}|\{(?:[^{}]|\{[^{}]*\})*\}")


def read(document: Json, base: str | None = None) -> Inventory:
    return inventory(Document("api.json", document).checked(), base)


def proposed(document: Json, folder: Path) -> tuple[tuple[Proposal, ...], Ruleset, str]:
    """Return what is proposed, compiled from its own text as an operator's file would be."""
    found = read(document)
    made = proposals(found.operations)
    text = render("api.json", found, made)
    file = folder / "proposed.yaml"
    file.write_text(text)
    return made, ruleset(load(file, {}, {}), "proposed.yaml"), text


def example(template: str, value: str) -> str:
    """Return a path that a template means, every parameter having the same value."""
    return PARAMETER.sub(lambda found: "" if found[0][1] == "?" else value, template)


def asked(rules: Ruleset, path: str, method: str = "GET") -> Match:
    target = "".join(c if c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in path)
    return rules.match(Request(method, "http", b"api.test", target.encode(), Fields([])))


def is_off(match: Match) -> bool:
    return match.ambiguous or match.rule.terms.cache is Caching.OFF


def as_text(document: Json) -> str:
    return orjson.dumps(document).decode()
